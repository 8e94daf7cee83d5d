"""Films of passages: labels, captions and sentences follow their frames, and no frame comes from nowhere."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.examples import Example
from training.passages import Passage, draw_passages, join


def film(number: int, frames: int, chosen: set[int]) -> Example:
    """A film whose captions and sentences name the film and the frame."""
    labels = np.zeros((2, frames), np.float32)
    labels[:, sorted(chosen)] = 1
    captions = tuple(f"{number} {frame}" for frame in range(frames))
    lines = tuple(((frame,), captions[frame]) for frame in sorted(chosen))
    seconds = np.arange(frames, dtype=np.float64) / 2
    return Example(str(number), "train", frames / 2, seconds, labels, captions, " ", lines)


FILMS = st.lists(
    st.integers(2, 30).flatmap(lambda frames: st.tuples(st.just(frames), st.sets(st.integers(0, frames - 1)))),
    min_size=1,
    max_size=5,
).map(lambda rows: [film(number, *row) for number, row in enumerate(rows)])


@given(FILMS, st.integers(1, 6), st.integers(0, 2**31))
def test_what_is_known_of_a_frame_follows_it(films: list[Example], most: int, seed: int) -> None:
    passages = draw_passages(films[0], films, most, np.random.default_rng(seed))
    made = join(passages)
    came = [(p.film, frame) for p in passages for frame in range(p.first, p.end)]
    assert len(passages) <= most and any(p.film is films[0] for p in passages)
    assert 0 < made.frames == len(came) <= films[0].frames and all(p.first < p.end for p in passages)
    assert made.captions == tuple(of.captions[frame] for of, frame in came)
    assert [frame in made.keyframes for frame in range(made.frames)] == [frame in of.keyframes for of, frame in came]
    cited = [(frames[0], text) for frames, text in made.interleaved]
    assert cited == [(place, made.captions[place]) for place in made.keyframes]
    assert made.text == " ".join(text for _, text in cited)
    assert np.allclose(np.diff(made.seconds), 0.5) and made.duration == made.frames / 2


@given(FILMS, st.integers(0, 2**31))
def test_one_passage_is_the_film_itself(films: list[Example], seed: int) -> None:
    assert draw_passages(films[0], films, 1, np.random.default_rng(seed)) == [Passage(films[0], 0, films[0].frames)]


def test_a_sentence_stays_where_one_of_its_frames_does() -> None:
    one = film(1, 10, set())
    object.__setattr__(one, "interleaved", (((1, 2, 5), "A man appears."), ((7,), "A dog leaves.")))
    made = join([Passage(one, 0, 2), Passage(one, 4, 7)])
    assert made.interleaved == (((1,), "A man appears."), ((3,), "A man appears."))
