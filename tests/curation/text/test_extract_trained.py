"""The extractive stage by a trained summarizer: bounds for any scores, and one frame of each picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from curation.text.candidates import one_of_each_picture
from curation.text.extract import bounds
from curation.text.extract_trained import NO_PROMPT, extract_trained
from schemas.configuration.config import ExtractConfig
from schemas.errors import PermanentError
from tests.curation.scripted import make_captions, make_frames, picture


class Chooser:
    """Gives keyframes and scores that are known."""

    name, revision, reads_speech = "model", "f" * 64, False

    def __init__(self, keyframes: tuple[int, ...], scores: list[float]) -> None:
        self._given = keyframes, np.array(scores, np.float32)
        self.read: list[bytes] = []

    def choose(
        self, pictures: Iterator[bytes], said: Sequence[str] = ()
    ) -> tuple[tuple[int, ...], NDArray[np.float32]]:
        self.read = list(pictures)
        return self._given


@given(st.data())
def test_bounds_hold_and_its_own_keyframes_come_first(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 30))
    texts = data.draw(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=size, max_size=size).filter(any))
    same: list[int | None] = []
    for index in range(size):
        same.append(data.draw(st.sampled_from([None, *(i for i in range(index) if same[i] is None)])))
    frames, captions = make_frames(same), make_captions(texts)
    scores = data.draw(st.lists(st.floats(0, 1, width=32), min_size=size, max_size=size))
    chosen = tuple(sorted(data.draw(st.sets(st.integers(0, size - 1)))))
    low, high = sorted(data.draw(st.tuples(st.integers(0, 100), st.integers(0, 100))))
    config = ExtractConfig(ratio_min=low / 100, ratio_target=low / 100, ratio_max=high / 100)
    made = extract_trained(captions, frames, Chooser(chosen, scores), iter([]), config)
    offered = {caption.index for caption in one_of_each_picture(captions, frames).captions}
    least, _, most = bounds(size, len(offered), config)
    assert set(made.keyframes) <= offered and least <= len(made.keyframes) <= most
    assert made.times == tuple(float(frame) for frame in made.keyframes) and made.ratio == len(made.keyframes) / size
    own = {frame for frame in chosen if frame in offered}
    assert own <= set(made.keyframes) or len(made.keyframes) == most


def test_the_frames_of_one_picture_count_together() -> None:
    """Frame 2 is nearly frame 0, so its keyframe is offered as frame 0; the best of the others fills the minimum."""
    frames, captions = make_frames([None, None, 0, None]), make_captions(["a", "b", "a", "c"])
    model = Chooser((2,), [0.1, 0.2, 0.9, 0.3])
    config = ExtractConfig(ratio_min=0.5, ratio_target=0.5, ratio_max=0.5)
    made = extract_trained(captions, frames, model, map(picture, range(4)), config)
    assert made.keyframes == (0, 3) and model.read == [picture(index) for index in range(4)]
    assert (made.maker.model, made.maker.revision, made.maker.prompt) == ("model", "f" * 64, NO_PROMPT)


def test_keyframes_that_look_alike_are_told() -> None:
    frames, captions = make_frames([None] * 8), make_captions(list("abcdefgh"))
    hashes = ["0" * 16, "0" * 16, *(f"{0xFFFF << 8 * i:016x}" for i in range(6))]
    looks = zip(frames.frames, hashes, strict=True)
    frames = frames.model_copy(update={"frames": tuple(f.model_copy(update={"phash": h}) for f, h in looks)})
    config = ExtractConfig(ratio_min=0.0, ratio_target=0.2, ratio_max=0.5)
    with pytest.raises(PermanentError, match="keyframes_alike"):
        extract_trained(captions, frames, Chooser((0, 1), [0.5] * 8), iter([]), config)
