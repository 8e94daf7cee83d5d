"""Scores of samples against the known truth, for demo/evaluate.py and the last step of the demo: pure functions."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from curation.text.candidates import one_of_each_picture
from demo.world import Event, Script, names_event
from schemas.records import Sample


def exact_share(texts: Sequence[str], known: Sequence[str]) -> float:
    """Return the share (0..1) of texts that are exactly right.

    Raises ValueError unless both have the same length and are not empty.
    """
    if not known or len(texts) != len(known):
        raise ValueError(f"{len(texts)} texts against {len(known)} known ones")
    return sum(text == right for text, right in zip(texts, known, strict=True)) / len(known)


def keyframe_f1(predicted: Collection[float], known: Collection[float]) -> float:
    """Return F1 (0..1) of predicted against known seconds, compared as whole seconds; 1 when both are empty."""
    chosen, right = {round(second) for second in predicted}, {round(second) for second in known}
    if not chosen and not right:
        return 1.0
    return 2 * len(chosen & right) / (len(chosen) + len(right))


def named_events(texts: Iterable[str], events: Sequence[Event]) -> int:
    """Count the events that at least one of the texts names."""
    written = list(texts)
    return sum(any(names_event(text, event) for text in written) for event in events)


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean of at least one value."""
    if not values:
        raise ValueError("the mean of nothing")
    return sum(values) / len(values)


class Score(NamedTuple):
    """How near a sample is to the truth.

    `captions` is the share of exact captions (0..1), `keyframes` the F1 of the keyframes (0..1); the summary names
    `named` of `events` events.
    """

    captions: float
    keyframes: float
    named: int
    events: int

    @property
    def complete(self) -> bool:
        """Tell whether the text names every event."""
        return self.named == self.events


def score(sample: Sample, script: Script) -> Score:
    """Score a sample against its script.

    Seconds that a cut file lost are not counted, nor those of a picture that was offered before.
    """
    captions = sample.captions.captions
    last = len(sample.frames.frames)
    offered = {caption.index for caption in one_of_each_picture(sample.captions, sample.frames).captions}
    events = [event for event in script.events if event.seconds[-1] < last]
    return Score(
        exact_share([caption.text for caption in captions], [script.captions[caption.index] for caption in captions]),
        keyframe_f1(
            sample.extract.times,
            [second for second in script.keyframes if second in offered],
        ),
        named_events([sentence.text for sentence in sample.summary.v2vt], events),
        len(events),
    )


def figures(scores: Sequence[Score]) -> dict[str, float]:
    """Summarize the scores of at least one sample: means over samples, and the share of all events that are named."""
    return {
        "videos": len(scores),
        "captions_exactly_right": mean([score.captions for score in scores]),
        "keyframe_f1": mean([score.keyframes for score in scores]),
        "events": sum(score.events for score in scores),
        "events_named": sum(score.named for score in scores) / max(1, sum(score.events for score in scores)),
        "videos_with_every_event_named": mean([float(score.complete) for score in scores]),
    }
