"""The form in which a reason of rejection is described."""

from __future__ import annotations

from typing import NamedTuple

AGAIN = "nothing: the next `v2xum curate` tries it again"


class Reason(NamedTuple):
    """A slug as `v2xum status` prints it, what has happened, and what a person can do about it."""

    slug: str
    means: str
    do: str


class Place(NamedTuple):
    """Reasons that arise at one place on the way of a video; `where` is its heading."""

    where: str
    reasons: tuple[Reason, ...]
