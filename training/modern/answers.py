"""Reads what a vision-language model answers: times as seconds or slots, in any form that people and models write."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.summarizers.predicted import Predicted
from models.summarizers.slots import SlotMap
from schemas.release import Task, Times
from schemas.temporal_lenient import Span, lenient_slots, lenient_spans
from training.examples import Example

_Lines = tuple[tuple[tuple[int, ...], str], ...]


def read_answer(task: Task, text: str, example: Example, times: Times) -> Predicted:
    """The summary that an answer says, without scores. Times that the video does not have choose nothing."""
    if task == "v2t":
        return Predicted(None, (), text=text)
    # A full stop: times without a sentence (v2v, or an answer that was cut off) are chosen all the same.
    chosen = {frame for frames, _ in _lines(f"{text}.", example, times) for frame in frames}
    if task == "v2v":
        return Predicted(None, tuple(sorted(chosen)))
    lines = _lines(text, example, times)
    told = " ".join(sentence for _, sentence in lines)
    return Predicted(None, tuple(sorted(chosen)), told or text, lines)


def joined(parts: Sequence[Predicted]) -> Predicted:
    """What the answers to several tasks say together: the first that has keyframes, a text, or both in one."""
    return Predicted(
        None,
        next((part.keyframes for part in parts if part.keyframes), ()),
        next((part.text for part in parts if part.text), None),
        next((part.interleaved for part in parts if part.interleaved), None),
    )


def _lines(text: str, example: Example, times: Times) -> _Lines:
    """The sentences with the frames that they cite."""
    if times == "slots":
        slots, read = SlotMap(), lenient_slots(text).lines
        cited = [({slots.frame(slot, example.frames) for slot in line.slots}, line.text) for line in read]
    else:
        spans = lenient_spans(text).lines
        cited = [({frame for span in line.marks for frame in _frames(span, example)}, line.text) for line in spans]
    return tuple((tuple(sorted(frames)), sentence) for frames, sentence in cited)


def _frames(span: Span, example: Example) -> range:
    """The sampled frames from the one nearest to a span's begin to the one nearest to its end."""
    if span.first >= example.duration:
        return range(0)
    first, last = (int(np.abs(example.seconds - time).argmin()) for time in span)
    return range(first, last + 1)
