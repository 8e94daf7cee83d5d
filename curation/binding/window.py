"""The latest observations of a run about its captions, and the three alarms that they can raise. Pure; bounded."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from curation.frames.similarity import distance
from schemas.binding import CanaryOutcome
from schemas.config import BindingConfig
from schemas.safe_text import clean_text
from schemas.time import FrameIndex

LEAST_CANARIES = 4
UNLIKE_BITS = 8  # frames whose perceptual hashes differ in more of their 64 bits are unlike
LEAST_OF_A_SERVER = 8  # more than of all: with many servers one of them is unlucky by chance
_MOST_SERVERS = 256
_DEPTH = 4  # the latest observations = 4 times the least
AlarmKind = Literal["canaries", "match", "repeated"]


class Shown(NamedTuple):
    """A caption and the frame that it is attached to; `phash` 64 bits in hex."""

    video_id: str
    frame: FrameIndex
    text: str
    phash: str


class Compared(NamedTuple):
    """A caption that was nearer to its own frame than to `won` of `of` others; `margin`: own cosine less their mean."""

    shown: Shown
    won: int
    of: int
    margin: float


class CanaryResult(NamedTuple):
    """A canary that rode with a video."""

    video_id: str
    outcome: CanaryOutcome


class Commonest(NamedTuple):
    """The text that covers most unlike frames: how many, of how many that all texts cover, in how many videos."""

    text: str
    covers: int
    of: int
    videos: int

    @property
    def share(self) -> float:
        """Its share of all unlike frames (0..1)."""
        return self.covers / self.of if self.of else 0.0


class Alarm(NamedTuple):
    """A share that is on the wrong side of its limit, over so many observations."""

    kind: AlarmKind
    share: float
    limit: float
    observations: int
    server: str = ""  # where one server among several is meant

    def __str__(self) -> str:
        """The sentence that people read."""
        if self.kind == "canaries":
            return (
                f"only {self.share:.0%} of the last {self.observations} pictures with known content "
                f"{f'that {self.server} captioned ' if self.server else ''}were recognized "
                f"(binding.min_canaries: {self.limit:.0%})"
            )
        if self.kind == "match":
            return (
                f"the last {self.observations} captions fit their own frame better than other videos' frames in only "
                f"{self.share:.0%} of the comparisons (binding.min_match: {self.limit:.0%})"
            )
        return (
            f"one caption covers {self.share:.0%} of the last {self.observations} unlike frames "
            f"(binding.max_share: {self.limit:.0%})"
        )


class Window:
    """A rolling window over a run, in order of arrival. Not for several threads at once."""

    def __init__(self, config: BindingConfig) -> None:
        """Window with the limits of a configuration; memory is bounded by 4 times the least observations."""
        self._config = config
        self.canaries: deque[CanaryResult] = deque(maxlen=_DEPTH * LEAST_CANARIES)
        self.servers: OrderedDict[str, deque[CanaryResult]] = OrderedDict()
        self.compared: deque[Compared] = deque(maxlen=_DEPTH * config.least)
        self.shown: deque[Shown] = deque(maxlen=_DEPTH * config.least)

    def videos(self) -> set[str]:
        """The videos that the window speaks of."""
        return (
            {one.video_id for one in self.canaries}
            | {one.video_id for own in self.servers.values() for one in own}
            | {one.shown.video_id for one in self.compared}
            | {one.video_id for one in self.shown}
        )

    def add_canaries(self, canaries: Iterable[CanaryResult]) -> None:
        """Add canaries, also to the window of the server that captioned each: one of several may be the faulty one."""
        for one in canaries:
            self.canaries.append(one)
            own = self.servers.setdefault(one.outcome.server, deque(maxlen=_DEPTH * LEAST_CANARIES))
            own.append(one)
            self.servers.move_to_end(one.outcome.server)
            if len(self.servers) > _MOST_SERVERS:
                self.servers.popitem(last=False)

    def canary_share(self) -> float | None:
        """Share of the canaries that were recognized (0..1); None without any."""
        return _recognized(self.canaries) if self.canaries else None

    def match_share(self) -> float | None:
        """Mean over captions of the share of comparisons that the own frame won (0..1); None without any."""
        return sum(one.won / one.of for one in self.compared) / len(self.compared) if self.compared else None

    def commonest(self) -> Commonest:
        """The caption that covers most unlike frames of several videos."""
        return commonest(self.shown)

    def alarm(self) -> Alarm | None:
        """What is wrong, if anything is: the first of canaries, match and repeats."""
        config = self._config
        recognized, matched, most = self.canary_share(), self.match_share(), self.commonest()
        if recognized is not None and len(self.canaries) >= LEAST_CANARIES and recognized < config.min_canaries:
            return Alarm("canaries", recognized, config.min_canaries, len(self.canaries))
        if len(self.servers) > 1:
            for server, own in self.servers.items():
                if len(own) >= LEAST_OF_A_SERVER and _recognized(own) < config.min_canaries:
                    return Alarm("canaries", _recognized(own), config.min_canaries, len(own), server)
        if matched is not None and len(self.compared) >= config.least and matched < config.min_match:
            return Alarm("match", matched, config.min_match, len(self.compared))
        enough = len(self.shown) >= config.least and most.of >= config.least // 2
        if enough and most.share > config.max_share:
            return Alarm("repeated", most.share, config.max_share, most.of)
        return None

    def figures(self) -> dict[str, float | int | None]:
        """The shares (0..1) and how many observations they rest on."""
        most = self.commonest()
        return {
            "canaries": len(self.canaries),
            "canaries_recognized_share": self.canary_share(),
            "captions_compared": len(self.compared),
            "match_share": self.match_share(),
            "mean_margin": sum(one.margin for one in self.compared) / len(self.compared) if self.compared else None,
            "unlike_frames": most.of,
            "commonest_caption_share": most.share,
        }


def _recognized(canaries: Sequence[CanaryResult] | deque[CanaryResult]) -> float:
    return sum(one.outcome.right for one in canaries) / len(canaries)


def commonest(shown: Iterable[Shown]) -> Commonest:
    """Of the texts that stand in at least two videos, the one that covers most unlike frames.

    Frames that look alike count once for a text. All texts together are the whole, those of one video included: a
    lecture that shows one thing for an hour is no fault.
    """
    groups: dict[str, list[Shown]] = {}
    for one in shown:
        groups.setdefault(caption_key(one.text), []).append(one)
    covers = {text: len(unlike(group)) for text, group in groups.items()}
    videos = {text: len({one.video_id for one in group}) for text, group in groups.items()}
    spread = Counter({text: count for text, count in covers.items() if videos[text] >= 2})
    text, count = max(spread.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    return Commonest(text, count, sum(covers.values()), videos.get(text, 0))


def unlike(shown: Sequence[Shown]) -> list[Shown]:
    """Those frames, in order, that differ in more than 8 bits from every one before them that was taken."""
    taken: list[Shown] = []
    for one in shown:
        if all(distance(one.phash, other.phash) > UNLIKE_BITS for other in taken):
            taken.append(one)
    return taken


def caption_key(text: str) -> str:
    """A caption as it is compared with others: one line, letter case set aside."""
    return clean_text(text).casefold()
