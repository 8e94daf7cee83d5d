"""Figures of merit against the known truth: pure functions, for the evaluation and the demo's last step."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from demo.world import Event, Script, names_event
from schemas.records import Sample


def exact_share(said: Sequence[str], known: Sequence[str]) -> float:
    """Return the share (0..1) of texts that are exactly right; both of equal length and not empty."""
    if not known or len(said) != len(known):
        raise ValueError(f"{len(said)} texts against {len(known)} known ones")
    return sum(one == other for one, other in zip(said, known, strict=True)) / len(known)


def keyframe_f1(predicted: Collection[float], known: Collection[float]) -> float:
    """Return F1 (0..1) of predicted against known seconds, compared as whole seconds; 1 when both are empty."""
    chosen, right = {round(second) for second in predicted}, {round(second) for second in known}
    if not chosen and not right:
        return 1.0
    return 2 * len(chosen & right) / (len(chosen) + len(right))


def named_events(texts: Iterable[str], events: Sequence[Event]) -> int:
    """Count the events that at least one of the texts names."""
    said = list(texts)
    return sum(any(names_event(text, event) for text in said) for event in events)


def names_every_event(texts: Iterable[str], events: Sequence[Event]) -> bool:
    """Tell whether the texts, taken together, name every event."""
    return named_events(texts, events) == len(events)


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean of at least one value."""
    if not values:
        raise ValueError("the mean of nothing")
    return sum(values) / len(values)


class Score(NamedTuple):
    """How near one sample came to the truth: shares are 0..1, `named` of `events` are named by the text."""

    captions: float
    keyframes: float
    named: int
    events: int

    @property
    def complete(self) -> bool:
        """Tell whether the text names every event."""
        return self.named == self.events


def score(sample: Sample, script: Script) -> Score:
    """Hold one sample against its script; what a cut file lost is not counted against it."""
    captions = sample.captions.captions
    last = len(sample.frames.frames)
    events = [event for event in script.events if event.seconds[-1] < last]
    return Score(
        exact_share([caption.text for caption in captions], [script.captions[caption.index] for caption in captions]),
        keyframe_f1(sample.extract.times, [second for second in script.keyframes if second < last]),
        named_events([sentence.text for sentence in sample.summary.v2vt], events),
        len(events),
    )


def figures(scores: Sequence[Score]) -> dict[str, float]:
    """Sum up scores of at least one sample: means over samples, and the share of all events that is named."""
    return {
        "videos": len(scores),
        "captions_exactly_right": mean([one.captions for one in scores]),
        "keyframe_f1": mean([one.keyframes for one in scores]),
        "events": sum(one.events for one in scores),
        "events_named": sum(one.named for one in scores) / max(1, sum(one.events for one in scores)),
        "videos_with_every_event_named": mean([float(one.complete) for one in scores]),
    }
