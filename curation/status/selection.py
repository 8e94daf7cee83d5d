"""Which videos a command is about: by id, state, stage, reason and class of error. All commands use this filter."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import NamedTuple, get_args

from curation.ledger.stages import STAGES
from curation.ledger.standing import State
from curation.status.standings import VideoStanding
from schemas.errors import ConfigError, ErrorClass
from schemas.records import Rejection

STATES: tuple[State, ...] = get_args(State)
CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)
REVIEW = "review"  # where people reject; not a stage of the pipeline


class Place(NamedTuple):
    """Where a video stands: its state, where it is out or due (None for a sample), and why it is out."""

    id: str
    state: State
    stage: str | None
    reason: str | None
    error_class: ErrorClass | None

    @classmethod
    def of(cls, one: VideoStanding) -> Place:
        """The place of a video whose standing is known."""
        why = one.why
        if why is None:
            return cls(one.source.id, one.where.state, one.where.stage, None, None)
        return cls(one.source.id, one.where.state, why.stage, why.reason, why.error_class)

    @classmethod
    def of_rejection(cls, rejection: Rejection) -> Place:
        """The place of a video with a stored rejection."""
        state: State = "retryable" if rejection.error_class == "transient" else "rejected"
        return cls(rejection.id, state, rejection.stage, rejection.reason, rejection.error_class)


@dataclass(frozen=True)
class Selection:
    """Takes a video when each part that is given names what the video has; an empty part takes everything."""

    ids: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is given."""
        return any(getattr(self, field.name) for field in fields(self))

    def takes(self, place: Place) -> bool:
        """Whether a video is meant."""
        parts = zip(self._parts(), place, strict=True)
        return all(not wanted or found in wanted for wanted, found in parts)

    def _parts(self) -> tuple[tuple[str, ...], ...]:
        """The parts in the order of a place's fields."""
        return self.ids, self.states, self.stages, self.reasons, self.classes

    def check(self, places: Iterable[Place], *, ids_are_known: bool = False) -> None:
        """Raise ConfigError for a value that nothing can have, with the nearest one; `places` are those of all videos.

        A stage is known when the pipeline has it, a reason when a video has it, and so is an id, unless the caller
        knows that videos have it (`ids_are_known`).
        """
        seen = list(places)
        require_known("--state", self.states, STATES)
        require_known("--class", self.classes, CLASSES)
        require_known("--stage", self.stages, dict.fromkeys((*STAGES.places_of_rejection, REVIEW, *_stages(seen))))
        require_known("--reason", self.reasons, sorted({place.reason for place in seen if place.reason is not None}))
        known = set(self.ids) if ids_are_known else {place.id for place in seen}
        if unknown := [name for name in self.ids if name not in known]:
            raise ConfigError(f"there is no video {', '.join(map(repr, unknown))}: give ids in full")


ALL = Selection()


def _stages(places: Iterable[Place]) -> set[str]:
    return {place.stage for place in places if place.stage is not None}


def require_known(option: str, values: Iterable[str], known: Iterable[str]) -> None:
    """Raise ConfigError for a value that is not among the known values, with the nearest of them."""
    names = list(known)
    for value in values:
        if value not in names:
            near = difflib.get_close_matches(value, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            here = f"known here: {', '.join(names)}" if names else "none is known here"
            raise ConfigError(f"{option} {value!r} is not known{hint} ({here})")
