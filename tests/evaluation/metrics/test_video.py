from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.cases import FullLength, Prediction, Reference
from evaluation.metrics.selection import uniform_shots
from evaluation.metrics.video import evaluate_videos
from evaluation.protocols import NAMES, get
from schemas.documents.evaluation import VideoValues

SUMME = ("summe/binary-vs-mean", "summe/score-vs-mean", "summe/per-annotator")


def video(rng: np.random.Generator, name: str = "v", frames: int = 20, annotators: int = 4) -> Reference:
    """A reference with all fields. Each frame of its grid is 15 frames of the video, whose shots have 22 frames."""
    whole = frames * 15 - 4
    chosen = np.repeat(rng.random((annotators, frames)) < 0.3, 15, axis=1)[:, :whole]
    picks = np.arange(0, whole, 15)
    full = FullLength(whole, picks, uniform_shots(whole, 22), chosen)
    ratings = rng.integers(1, 6, (annotators, frames)).astype(float)
    return Reference(name, frames, scores=ratings, selections=chosen[:, picks], full=full)


def one(protocol: str, reference: Reference, prediction: Prediction) -> VideoValues:
    return evaluate_videos(get(protocol), [(reference, prediction)])[0]


def scipy_ranks(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(stats.kendalltau(x, y)[0]), float(stats.spearmanr(x, y)[0])


def sets(truths: np.ndarray, selection: np.ndarray) -> np.ndarray:
    from sklearn.metrics import f1_score, precision_score, recall_score

    functions = (f1_score, precision_score, recall_score)
    return np.array([[f(t, selection, zero_division=np.nan) for f in functions] for t in truths])


def expected(protocol: str, reference: Reference, scores: np.ndarray) -> list[float]:
    """f1, precision, recall, tau and rho by the libraries, one call at a time."""
    assert reference.full is not None and reference.full.selections is not None and reference.selections is not None
    assert reference.scores is not None
    full, chosen = reference.full, reference.selections
    if protocol in ("videoxum", "instruct-v2xum"):
        best = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[: max(1, int(len(scores) * 0.15))]
        selection = np.isin(np.arange(len(scores)), best)
        return [*np.nanmean(sets(chosen, selection), axis=0), *scipy_ranks(scores, chosen.mean(axis=0))]
    everywhere = np.repeat(scores, 15)[: full.frames]
    values = [everywhere[a : b + 1].mean() for a, b in full.shots]
    summary = np.zeros(full.frames, bool)
    room = int(full.frames * 0.15)
    # All shots but the last have the same length: the knapsack holds the best shots, if the last one is bad.
    assert values[-1] == min(values)
    for shot in sorted(range(len(values)), key=lambda i: -values[i])[: room // 22]:
        summary[full.shots[shot, 0] : full.shots[shot, 1] + 1] = True
    overlaps = sets(full.selections, summary)
    if protocol == "tvsum/per-annotator":
        ranks = np.nanmean([scipy_ranks(scores, row) for row in reference.scores], axis=0)
        return [*np.nanmean(overlaps, axis=0), *ranks]
    best_one = overlaps[int(np.nanargmax(overlaps[:, 0]))]
    mean = full.selections.mean(axis=0)
    if protocol == "summe/binary-vs-mean":
        return [*best_one, *scipy_ranks(summary, mean)]
    if protocol == "summe/score-vs-mean":
        return [*best_one, *scipy_ranks(scores, chosen.mean(axis=0))]
    return [*best_one, *np.nanmean([scipy_ranks(everywhere, row) for row in full.selections], axis=0)]


@pytest.mark.parametrize("protocol", [name for name in NAMES if name != "videoxum-upstream"])
def test_every_protocol_as_the_libraries_one_by_one(protocol: str) -> None:
    rng = np.random.default_rng(7)
    pairs, wanted = [], []
    for i in range(12):
        reference = video(rng, f"v{i}", frames=int(rng.integers(11, 40)))
        scores = rng.random(reference.frames)
        scores[-3:] = -1
        pairs.append((reference, Prediction(reference.id, scores=scores)))
        wanted.append(expected(protocol, reference, scores))
    found = evaluate_videos(get(protocol), pairs)
    assert [v.id for v in found] == [r.id for r, _ in pairs]
    for values, row in zip(found, wanted, strict=True):
        assert list(values.values) == ["f1", "precision", "recall", "kendall_tau", "spearman_rho"]
        np.testing.assert_allclose([v for v in values.values.values() if v is not None], row, atol=1e-9)
        assert values.score_source == "scores" and not values.undefined and values.failure is None


def test_the_upstream_protocol_as_its_code_computes() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(3)
    for frames in (1, 7, 60, 700):
        reference = Reference("v", frames, selections=rng.random((10, frames)) < 0.2)
        assert reference.selections is not None
        scores = rng.normal(size=frames).round(1)
        seen, labels = scores[:512], reference.selections[:, :512]
        chosen = seen >= seen[::-1][int(len(seen) * 0.15)]
        f1 = np.mean([f1_score(row, chosen, zero_division=0) for row in labels])
        tau, rho = scipy_ranks(seen, labels.mean(axis=0)) if frames > 1 else (0.0, 0.0)
        found = one("videoxum-upstream", reference, Prediction("v", scores=scores))
        assert found.values["f1"] == pytest.approx(f1, abs=1e-9)
        assert found.values["kendall_tau"] == pytest.approx(tau, abs=1e-9)
        assert found.values["spearman_rho"] == pytest.approx(rho, abs=1e-9)
    flat = one("videoxum-upstream", reference, Prediction("v", scores=np.zeros(700)))
    assert flat.values["kendall_tau"] == 0 and not flat.undefined, "this protocol says that undefined is 0"


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_many_videos_at_once_are_the_same_as_one_by_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pairs = []
    for i in range(9):
        frames = int(rng.choice([1, 5, 8]))
        selections = rng.random((int(rng.integers(0, 3)), frames)) < 0.4
        reference = Reference(f"v{i}", frames, selections=None if i % 4 == 3 else selections)
        scores = rng.integers(0, 3, frames).astype(float) if i % 3 else None
        selected = rng.random(frames) < 0.3 if i % 2 or scores is None else None
        pairs.append((reference, Prediction(f"v{i}", scores=scores, selected=selected)))
    for name in ("videoxum", "videoxum-upstream", "instruct-v2xum"):
        assert evaluate_videos(get(name), pairs) == [one(name, *pair) for pair in pairs]


def test_without_scores_the_selection_is_used_and_said() -> None:
    reference = Reference("v", 5, selections=np.array([[1, 0, 0, 1, 0], [1, 0, 0, 0, 0]], bool))
    selected = np.array([1, 0, 0, 0, 1], bool)
    found = one("videoxum", reference, Prediction("v", selected=selected))
    assert found.score_source == "selection"
    assert found.values["kendall_tau"] == pytest.approx(stats.kendalltau(selected, [1, 0, 0, 0.5, 0])[0])
    assert found.values["f1"] == pytest.approx((1 / 2 + 2 / 3) / 2), "its own frames, not the best 15 %"
    both = Prediction("v", scores=np.arange(5.0), score_source="token_probabilities", selected=selected)
    assert one("videoxum", reference, both).score_source == "token_probabilities"
    assert one("videoxum", reference, both).values["f1"] == found.values["f1"]


@pytest.mark.parametrize(
    ("prediction", "words"),
    [
        (Prediction("v", failure="unparsable: ..."), "unparsable"),
        (Prediction("v"), "neither scores nor a selection"),
        (Prediction("v", scores=np.zeros(4)), "scores for 4 frames, the video has 5"),
        (Prediction("v", selected=np.zeros((1, 5), bool)), "selection for (1, 5) frames"),
        (Prediction("v", scores=np.array([0, 1, np.nan, 2, 3])), "not finite"),
        (Prediction("v", scores=np.array([0, 1, np.inf, 2, 3])), "not finite"),
    ],
)
def test_what_cannot_be_scored_gets_the_worst_of_everything(prediction: Prediction, words: str) -> None:
    chosen = np.eye(4, 5, dtype=bool)
    everywhere = np.repeat(chosen, 2, axis=1)
    full = FullLength(10, np.arange(0, 10, 2), np.array([[0, 0], [1, 4], [5, 9]]), everywhere)
    reference = Reference("v", 5, scores=chosen.astype(float), selections=chosen, full=full)
    for name in NAMES:
        found = one(name, reference, prediction)
        assert words in (found.failure or "") and not found.undefined
        assert list(found.values.values()) == [0, 0, 0, -1, -1]


def test_a_failure_is_not_worst_in_what_the_reference_does_not_have() -> None:
    found = one("videoxum", Reference("v", 5, texts=("Text.",)), Prediction("v", failure="unparsable"))
    assert found.failure == "unparsable" and set(found.values.values()) == {None}
    assert set(found.undefined.values()) == {"the reference has no annotators' selections"}


def test_an_answer_that_says_nothing_is_worst() -> None:
    reference = Reference("v", 3, selections=np.array([[1, 0, 1], [0, 0, 1]], bool))
    flat = one("videoxum", reference, Prediction("v", scores=np.ones(3)))
    assert flat.as_worst == dict.fromkeys(("kendall_tau", "spearman_rho"), "the scores are constant")
    assert flat.values["kendall_tau"] == flat.values["spearman_rho"] == -1 and (flat.values["f1"] or 0) > 0
    assert one("videoxum-upstream", reference, Prediction("v", scores=np.ones(3))).values["kendall_tau"] == 0
    empty = np.zeros(3, bool)
    for name in ("videoxum", "videoxum-upstream"):
        for scores, source in ((None, None), (np.zeros(3), "selection")):
            found = one(name, reference, Prediction("v", scores, source, selected=empty))  # type: ignore[arg-type]
            assert list(found.values.values()) == [0, 0, 0, -1, -1] and found.failure is None
            assert set(found.as_worst.values()) == {"no frame is chosen"} and found.score_source == "selection"
    with_scores = one("videoxum", reference, Prediction("v", np.arange(3.0), "scores", empty))
    assert with_scores.values["f1"] == 0 and (with_scores.values["kendall_tau"] or 0) > 0


def test_undefined_is_none_with_its_reason() -> None:
    selections = np.array([[1, 0, 1], [0, 0, 1]], bool)
    same = one(
        "videoxum", Reference("v", 3, selections=~np.zeros((2, 3), bool)), Prediction("v", scores=np.arange(3.0))
    )
    assert same.undefined == dict.fromkeys(["kendall_tau", "spearman_rho"], "the annotation is constant")
    single = one("videoxum", Reference("v", 1, selections=selections[:, :1]), Prediction("v", scores=np.ones(1)))
    assert single.undefined["kendall_tau"] == "fewer than two frames"
    empty = Reference("v", 3, selections=np.zeros((2, 3), bool))
    nothing = one("videoxum", empty, Prediction("v", selected=np.zeros(3, bool)))
    assert set(nothing.values.values()) == {None}
    assert nothing.undefined["recall"] == nothing.undefined["f1"] == "no annotator chose a frame"
    for reference in (Reference("v", 3), Reference("v", 3, selections=np.zeros((0, 3), bool))):
        found = one("videoxum", reference, Prediction("v", scores=np.arange(3.0)))
        assert set(found.undefined.values()) == {"the reference has no annotators' selections"}
        assert set(found.values.values()) == {None}


def test_what_a_reference_lacks_is_named() -> None:
    rng = np.random.default_rng(0)
    whole = video(rng)
    assert whole.full is not None
    shotless = Reference(
        "v",
        20,
        scores=whole.scores,
        selections=whole.selections,
        full=FullLength(whole.full.frames, whole.full.picks, np.zeros((0, 2), np.int64), whole.full.selections),
    )
    prediction = Prediction("v", scores=rng.random(20))
    found = one("summe/binary-vs-mean", shotless, prediction)
    assert set(found.undefined.values()) == {"the reference has no shots"} and len(found.undefined) == 5
    found = one("summe/per-annotator", shotless, prediction)
    assert found.values["kendall_tau"] is not None and found.undefined["f1"] == "the reference has no shots"
    bare = Reference("v", 20, scores=whole.scores)
    found = one("tvsum/per-annotator", bare, prediction)
    assert found.values["kendall_tau"] is not None and "no selections of the whole video" in found.undefined["f1"]
    for name in SUMME:
        assert len(one(name, bare, prediction).undefined) == 5


def test_pairs_of_two_videos_are_refused() -> None:
    with pytest.raises(ValueError, match="paired with"):
        one("videoxum", Reference("a", 1), Prediction("b", failure="x"))
    assert evaluate_videos(get("videoxum"), []) == []
