"""The keyframes on which several annotators of a video agree most.

As many frames are taken as the annotators chose in the mean, rounded half up. So several annotators do not change how
many keyframes the videos of a dataset have, and the bounds that hold for every choice hold for the consensus. The
frames are those that most annotators chose. Of equal ones, those of the first annotator come first, then the earlier.
"""

from __future__ import annotations

from collections.abc import Sequence

from schemas.records import Choice
from schemas.saliency import usable, votes
from schemas.time import FrameIndex, round_half_up


def least_usable(annotators: int) -> int:
    """How many annotators of a video must have a usable choice: more than half."""
    return annotators // 2 + 1


def consensus(choices: Sequence[Choice]) -> tuple[FrameIndex, ...]:
    """The frames that the annotators agree on most, ascending. Raises ValueError without a usable choice."""
    given, found = usable(choices), votes(choices)
    if not given:
        raise ValueError("no annotator has a usable choice")
    first = set(given[0].keyframes)
    ranked = sorted(found, key=lambda index: (-found[index], index not in first, index))
    return tuple(sorted(ranked[: round_half_up(sum(len(choice.keyframes) for choice in given) / len(given))]))
