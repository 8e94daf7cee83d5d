"""What several annotators of one video say together: how many chose each frame, and how far they agree.

An annotator without a usable reply counts nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from schemas.records import Choice
from schemas.time import FrameIndex


def usable(choices: Sequence[Choice]) -> list[Choice]:
    """The choices of the annotators whose replies were usable, in their order."""
    return [choice for choice in choices if choice.fault is None]


def votes(choices: Sequence[Choice]) -> Counter[FrameIndex]:
    """How many annotators chose each frame; frames that nobody chose are not in it."""
    return Counter(index for choice in usable(choices) for index in choice.keyframes)


def saliency(choices: Sequence[Choice], frames: int) -> list[float]:
    """The share of the annotators (0..1) who chose each of `frames` sampled frames, in the order of time.

    It is the mean of their one-hot vectors, as VideoXum and SumMe use the choices of people. Raises ValueError without
    a usable choice.
    """
    of, found = len(usable(choices)), votes(choices)
    if not of:
        raise ValueError("no annotator has a usable choice")
    return [found[FrameIndex(index)] / of for index in range(frames)]


def self_agreement(choices: Sequence[Choice]) -> float | None:
    """The mean F1 (0..1) of the choices of all pairs of annotators, with 4 digits; None with fewer than two choices.

    F1(A, B) = 2 |A n B| / (|A| + |B|). The formula is that of G. Hripcsak and A. Rothschild, "Agreement, the F-measure,
    and reliability in information retrieval", J. Am. Med. Inform. Assoc. 12(3), 2005: where most frames are chosen by
    nobody, the mean pairwise F1 approaches kappa.
    """
    sets = [set(choice.keyframes) for choice in usable(choices)]
    if len(sets) < 2:
        return None
    pairs = [2 * len(a & b) / (len(a) + len(b)) for a, b in combinations(sets, 2)]
    return round(sum(pairs) / len(pairs), 4)
