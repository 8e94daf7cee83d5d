"""The summaries that a protocol compares, as the page draws them: what the system chose, or what its scores give."""

from __future__ import annotations

from typing import NamedTuple

from evaluation.cases import Case, Flags
from evaluation.metrics.video import summary_of
from evaluation.protocols import Protocol


class ShownSummary(NamedTuple):
    """A summary on the frames of the grid (T,) or of the whole video (N,); None where the protocol has none.

    `people`: the annotators' summaries on the same frames, (A, T) or (A, N). `origin`: where the summary comes from, or
    why there is none, for the legend. `own`: the system itself chose the frames.
    """

    frames: Flags | None
    people: Flags | None
    origin: str
    own: bool


def shown_summary(protocol: Protocol, case: Case) -> ShownSummary:
    """What the protocol compares for this case."""
    reference, prediction = case.reference, case.prediction
    whole = protocol.overlap_on == "video" and reference.full is not None
    people = reference.full.selections if whole and reference.full is not None else reference.selections
    people = people if people is not None and len(people) else None
    frames, lacking = summary_of(protocol, reference, prediction)
    if frames is None:
        why = "the prediction failed" if prediction.failure is not None else lacking
        return ShownSummary(None, people, f"no summary, {why}", False)
    own = protocol.selection == "own_or_top_share" and prediction.selected is not None
    share = f"{100 * protocol.share:.3g} %"
    origin = {
        "own_or_top_share": "the frames that it chose" if own else f"the {share} of the frames with the highest scores",
        "upstream_threshold": "the frames above the threshold of VideoXum's code",
        "knapsack_over_shots": f"whole shots, by a knapsack of {share} of the video",
    }[protocol.selection]
    return ShownSummary(frames, people, origin, own)


def summary_on_grid(protocol: Protocol, case: Case) -> Flags | None:
    """The same summary on the frames of the grid (T,); None where the protocol has none."""
    frames, full = shown_summary(protocol, case).frames, case.reference.full
    if frames is None or frames.size == case.reference.frames or full is None:
        return frames
    return frames[full.picks]
