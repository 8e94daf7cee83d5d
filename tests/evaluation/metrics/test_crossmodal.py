from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evaluation.cases import Prediction, Reference
from evaluation.metrics.crossmodal import (
    UNITS,
    Agreement,
    CrossModalOptions,
    Embedded,
    agreement,
    f_clip,
    harmonic,
    measure,
    predicted_frames,
    reference_frames,
    vt_clipscore,
)

OPTIONS = CrossModalOptions(clip="tiny")


def unit(rows: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros(rows.shape), where=norms > 1e-3).astype(np.float32)


def vectors(least: int = 1, most: int = 7, width: int = 5) -> st.SearchStrategy[np.ndarray]:
    """Unit vectors; whole numbers make ties, opposites and zero vectors common."""
    rows = st.integers(least, most)
    whole = rows.flatmap(lambda n: hnp.arrays(np.int64, (n, width), elements=st.integers(-2, 2)))
    real = rows.flatmap(lambda n: hnp.arrays(np.float64, (n, width), elements=st.floats(-1, 1)))
    return (whole | real).map(unit)


def brute(reference: np.ndarray, predicted: np.ndarray) -> tuple[float, float, float]:
    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return sum(float(x) * float(y) for x, y in zip(a, b, strict=True))

    p = sum(max(cosine(a, b) for b in reference) for a in predicted) / len(predicted)
    r = sum(max(cosine(a, b) for a in predicted) for b in reference) / len(reference)
    return p, r, 2 * p * r / (p + r) if p > 1e-9 and r > 1e-9 else min(p, r)


@given(vectors(), vectors())
def test_f_clip_is_its_definition(reference: np.ndarray, predicted: np.ndarray) -> None:
    found = agreement(reference, predicted)
    assert found is not None
    assert found == pytest.approx(brute(reference, predicted), abs=2e-6)
    assert -1 - 1e-5 <= found.f <= 1 + 1e-5
    other = agreement(predicted, reference)
    assert other == pytest.approx((found.recall, found.precision, found.f), abs=1e-6), "P and R change places"


@given(vectors(), st.data())
def test_f_clip_of_the_same_set_is_one_in_any_order_and_number(frames: np.ndarray, data: st.DataObject) -> None:
    frames = frames[np.linalg.norm(frames, axis=1) > 0.5]
    if not len(frames):
        return
    again = data.draw(st.lists(st.integers(0, len(frames) - 1), max_size=5))
    found = agreement(frames, frames[[*data.draw(st.permutations(range(len(frames)))), *again]])
    assert found == pytest.approx((1, 1, 1), abs=1e-5)


def test_a_stream_gives_what_pairs_give() -> None:
    rng = np.random.default_rng(0)
    pairs = [
        (unit(rng.normal(size=(n, 8))), unit(rng.normal(size=(m, 8)))) for n, m in ((1, 1), (5, 2), (0, 3), (4, 0))
    ]
    expected = [None if (found := agreement(*pair)) is None else found.f for pair in pairs]
    assert list(f_clip(iter(pairs))) == expected
    assert expected[2] is expected[3] is None and expected[0] is not None


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_f_lies_between_its_parts_and_never_leaves_minus_one_to_one(p: float, r: float) -> None:
    f = harmonic(p, r)
    assert min(p, r) - 1e-12 <= f <= max(p, r) + 1e-12
    if p > 0 and r > 0:
        assert f == pytest.approx(2 / (1 / p + 1 / r)) if min(p, r) > 1e-300 else True


def test_where_the_harmonic_mean_does_not_exist() -> None:
    assert harmonic(0.0, 0.0) == 0.0 and harmonic(0.0, 0.7) == 0.0
    assert harmonic(0.5, -0.4) == -0.4, "the formula would give -4"
    assert harmonic(-0.1, -0.2) == -0.2
    assert harmonic(0.4, -0.4) == -0.4, "the formula would divide by 0"
    assert harmonic(1e-9, 0.5) == pytest.approx(0, abs=1e-8), "and there is no jump"


@pytest.mark.parametrize(
    "bad", [np.full((2, 3), np.nan, np.float32), np.full((2, 3), np.inf, np.float32), np.full((2, 3), 9, np.float32)]
)
def test_what_is_no_unit_vector_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="unit norm"):
        agreement(bad, unit(np.eye(3)))
    with pytest.raises(ValueError, match="cannot be compared"):
        agreement(np.zeros((2, 4), np.float32), unit(np.eye(3)))


@given(vectors(1, 1), vectors())
def test_vt_clipscore_is_the_cosine_to_the_mean_frame(text: np.ndarray, frames: np.ndarray) -> None:
    mean = frames.astype(np.float64).mean(axis=0)
    norm = np.linalg.norm(mean) * np.linalg.norm(text[0].astype(np.float64))
    score = vt_clipscore(text[0], frames)
    assert score == pytest.approx(
        float(mean @ text[0]) / norm if norm > 1e-9 else 0.0, abs=1e-4 if norm < 1e-3 else 1e-6
    )
    assert vt_clipscore(text[0], frames[:0]) is None


def case(rng: np.random.Generator) -> Embedded:
    return Embedded(
        reference_frames=[unit(rng.normal(size=(n, 6))) for n in (3, 1)],
        predicted_frames=unit(rng.normal(size=(4, 6))),
        reference_texts=[unit(rng.normal(size=(n, 6))) for n in (2, 5, 1)],
        predicted_text=unit(rng.normal(size=(2, 6))),
        whole_text=unit(rng.normal(size=(1, 6)))[0],
    )


@pytest.mark.parametrize("seed", range(5))
def test_cross_f_clip_is_the_mean_of_both_ways_and_of_all_references(seed: int) -> None:
    video = case(np.random.default_rng(seed))
    assert video.predicted_frames is not None and video.predicted_text is not None
    values, undefined = measure(video, OPTIONS)
    same = np.mean([brute(v, video.predicted_frames)[2] for v in video.reference_frames])
    down = np.mean([brute(v, video.predicted_text)[2] for v in video.reference_frames])
    up = np.mean([brute(t, video.predicted_frames)[2] for t in video.reference_texts])
    assert values["f_clip"] == pytest.approx(same, abs=1e-6) and not undefined
    assert values["cross_f_clip"] == pytest.approx((down + up) / 2, abs=1e-6)
    assert list(values) == list(UNITS)


NOTHING = np.zeros((0, 6), np.float32)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"predicted_frames": NOTHING}, {"f_clip": 0.0, "vt_clipscore": 0.0}),
        ({"predicted_text": NOTHING}, {"vt_clipscore": 0.0}),
        ({"predicted_frames": None}, dict.fromkeys(UNITS)),
        ({"predicted_text": None, "whole_text": None}, {"cross_f_clip": None, "vt_clipscore": None}),
        ({"reference_frames": [NOTHING]}, {"f_clip": None, "cross_f_clip": None}),
        ({"reference_texts": ()}, {"cross_f_clip": None}),
    ],
)
def test_empty_is_worst_and_absent_is_undefined(change: dict[str, object], expected: dict[str, float | None]) -> None:
    whole = case(np.random.default_rng(1))
    fields = {name: getattr(whole, name) for name in Embedded.__slots__}
    values, undefined = measure(Embedded(**(fields | change)), OPTIONS)  # type: ignore[arg-type]
    full, _ = measure(whole, OPTIONS)
    for name in UNITS:
        if name in expected:
            assert values[name] == expected[name]
        elif not any(isinstance(part, np.ndarray) for part in change.values()):
            assert values[name] == full[name], "what does not need it is as before"
        assert (name in undefined) == (values[name] is None)


def test_an_empty_half_counts_as_the_worst_half() -> None:
    video = case(np.random.default_rng(1))
    fields = {name: getattr(video, name) for name in Embedded.__slots__}
    values, _ = measure(Embedded(**(fields | {"predicted_text": NOTHING})), CrossModalOptions(clip="x", failure=-1.0))
    assert video.predicted_frames is not None
    up = np.mean([brute(t, video.predicted_frames)[2] for t in video.reference_texts])
    assert values["cross_f_clip"] == pytest.approx((up - 1) / 2, abs=1e-6) and values["vt_clipscore"] == -1.0


def test_which_frames_stand_for_a_prediction() -> None:
    scores = np.array([0.1, 0.9, 0.9, 0.2, 0.9, 0.0, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3])  # floor(0.15 * 13) = 1
    selected = scores > 0.5
    by_scores = predicted_frames(Prediction("v", scores=scores), OPTIONS)
    assert by_scores is not None and np.flatnonzero(by_scores).tolist() == [1], "ties go to the earliest"
    assert predicted_frames(Prediction("v", scores=scores, selected=selected), OPTIONS) is selected
    top = CrossModalOptions(clip="x", frames="top", top=0.24)
    chosen = predicted_frames(Prediction("v", scores=scores, selected=selected), top)
    assert chosen is not None and np.flatnonzero(chosen).tolist() == [1, 2, 4]
    assert predicted_frames(Prediction("v", text="only text"), OPTIONS) is None
    rows = np.array([[True, False], [False, False]])
    assert len(reference_frames(Reference("v", 2, selections=rows))) == 1 and reference_frames(Reference("v", 2)) == ()


def test_every_choice_is_named() -> None:
    choices = CrossModalOptions(clip="ViT-L-14", text_unit="text", top=0.2).choices()
    assert choices["clip"] == "ViT-L-14" and choices["text_unit"] == "text" and choices["clip_top"] == 0.2
    assert not any(isinstance(value, float) and math.isnan(value) for value in choices.values())
    assert Agreement(1, 1, 1).f == 1


def test_vectors_that_are_longer_count_more_in_the_raw_variant() -> None:
    x, y = np.eye(2, dtype=np.float32)
    raw = np.stack([3 * x, y])
    video = Embedded(predicted_frames=np.stack([x, y]), predicted_text=x[None], whole_text=x, raw_frames=raw)
    found = {
        kind: measure(video, CrossModalOptions(clip="x", vt_frames=kind)).values["vt_clipscore"]  # type: ignore[arg-type]
        for kind in ("unit", "raw")
    }
    assert found == {"unit": pytest.approx(1 / np.sqrt(2)), "raw": pytest.approx(3 / np.sqrt(10))}
    with pytest.raises(ValueError, match="before they got unit norm"):
        measure(replace(video, raw_frames=None), CrossModalOptions(clip="x", vt_frames="raw"))
