from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evaluation.uncertainty.bootstrap import corpus_of, intervals, mean_of
from evaluation.uncertainty.metric_intervals import column, metric_values, summarize
from schemas.documents.evaluation import MetricValue, VideoValues

DRAWS = {
    "normal": lambda rng, shape: rng.normal(0.3, 0.1, shape),
    "skewed": lambda rng, shape: rng.beta(1, 4, shape),
    "often nothing": lambda rng, shape: rng.beta(2, 5, shape) * (rng.random(shape) < 0.6),
}
TRUTH = {"normal": 0.3, "skewed": 0.2, "often nothing": 0.6 * 2 / 7}


def metric_value(
    name: str,
    unit: str,
    values: list[float | None] | list[list[float | None]],
    reasons: list[str] | None = None,
    **more: int,
) -> MetricValue:
    """One metric alone: the mean of `values` with its interval."""
    return metric_values([column(name, unit, values, reasons or [])], more.get("seed", 0))[0]


@pytest.mark.parametrize("videos", [10, 25, 100])
@pytest.mark.parametrize("name", DRAWS)
def test_intervals_hold_the_truth_about_as_often_as_they_say(name: str, videos: int) -> None:
    trials = 200
    samples = DRAWS[name](np.random.default_rng(5), (trials, videos))
    found = intervals([mean_of(row) for row in samples], 1)
    hits = sum(one.low <= TRUTH[name] <= one.high for one in found) / trials
    assert 0.95 - (0.05 if videos >= 25 else 0.07) <= hits <= 0.99


@pytest.mark.parametrize("expand", [False, True])
@pytest.mark.parametrize("videos", [20, 60])
def test_the_interval_is_scipys_but_for_the_tails(videos: int, expand: bool) -> None:
    values = np.random.default_rng(videos).beta(1, 3, videos)
    t = stats.t(videos - 1).ppf(0.975) * math.sqrt(videos / (videos - 1))
    level = 2 * stats.norm.cdf(t) - 1 if expand else 0.95
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        theirs = stats.bootstrap(
            (values,), np.mean, n_resamples=100_000, confidence_level=level, method="BCa", rng=np.random.default_rng(1)
        )
    (ours,) = intervals([mean_of(values)], 2, expand=expand)
    near = 0.08 if expand else 0.03  # few of 10,000 draws lie beyond expanded tails
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=near * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=near * width)
    assert ours.value == pytest.approx(values.mean(), abs=1e-12)


def test_a_corpus_metric_agrees_with_scipys_bootstrap_of_its_rows() -> None:
    rng = np.random.default_rng(8)
    length = rng.integers(5, 30, 40).astype(float)
    matched = np.floor(length * rng.beta(2, 4, 40))

    def of(sums: np.ndarray) -> np.ndarray:  # neither a mean nor linear
        return np.sqrt(sums[..., 0] / sums[..., 1])

    theirs = stats.bootstrap(
        (matched, length),
        lambda m, n, axis: np.sqrt(m.sum(axis) / n.sum(axis)),
        paired=True,
        n_resamples=50_000,
        method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval
    (ours,) = intervals([corpus_of(np.stack([matched, length], axis=1), of)], 2, expand=False)
    assert ours.value == pytest.approx(math.sqrt(matched.sum() / length.sum()), abs=1e-12)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03 * (theirs.high - theirs.low))


values_ = st.lists(st.none() | st.just(math.nan) | st.floats(-1, 1), max_size=30)


@given(values_, st.integers(0, 3))
@settings(max_examples=50)
def test_undefined_values_are_left_out_counted_and_never_zero(values: list[float | None], seed: int) -> None:
    known = [v for v in values if v is not None and not math.isnan(v)]
    found = metric_value("F1", "fraction", values, ["empty"] * len(values), seed=seed)
    assert found.videos == len(known)
    assert sum(found.undefined.values()) == len(values) - len(known)
    if not known:
        assert found.value is found.low is found.high is None and found.reason
        return
    assert found.value == pytest.approx(np.mean(known), abs=1e-12) and found.reason is None
    if len(known) == 1:
        assert found.low is found.high is None, "one video says nothing of the spread"
    else:
        assert found.low is not None and found.high is not None
        assert min(known) - 1e-9 <= found.low <= found.value <= found.high <= max(known) + 1e-9
    assert found == metric_value("F1", "fraction", values, ["empty"] * len(values), seed=seed)


def test_equal_values_give_an_interval_of_no_width() -> None:
    found = metric_value("F1", "fraction", [0.1] * 7)
    assert found.low == pytest.approx(0.1) and found.high == pytest.approx(0.1)


def test_the_seed_decides_and_the_company_does_not() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.random(50).tolist(), rng.random(50).tolist()
    together = metric_values([column("a", "fraction", one), column("b", "fraction", other)], 4)
    ends = [
        (found.low, found.high)
        for found in (together[0], *(metric_value("a", "fraction", one, seed=s) for s in (4, 5)))
    ]
    assert ends[0] == pytest.approx(ends[1], abs=1e-12)
    assert ends[0] != pytest.approx(ends[2], abs=1e-6)


def test_infinite_values_and_unequal_numbers_of_videos_are_refused() -> None:
    with pytest.raises(ValueError, match="infinite"):
        metric_value("F1", "fraction", [0.1, math.inf])
    with pytest.raises(ValueError, match="different numbers"):
        metric_values([column("a", "fraction", [0.1]), column("b", "fraction", [0.1, 0.2])], 0)
    with pytest.raises(ValueError, match="same videos"):
        summarize({"a": "fraction"}, [[VideoValues(id="1", values={})], [VideoValues(id="2", values={})]], 0)


def test_no_metrics_and_no_videos_are_no_error() -> None:
    assert metric_values([], 0) == ()
    (found,) = summarize({"F1": "fraction"}, [[]], 0)
    assert found.value is None and found.videos == 0


def test_several_runs_widen_the_interval_by_the_spread_between_them() -> None:
    rng = np.random.default_rng(3)
    videos = rng.normal(0.4, 0.02, 400)
    same = metric_value("F1", "fraction", [videos.tolist()] * 3)
    single = metric_value("F1", "fraction", videos.tolist())
    assert (same.value, same.low, same.high) == pytest.approx((single.value, single.low, single.high), abs=1e-12)
    apart = metric_value("F1", "fraction", [(videos + shift).tolist() for shift in (-0.05, 0.0, 0.05)])
    assert apart.value == pytest.approx(single.value)
    t = stats.t(2).ppf(0.975) * 0.05 / math.sqrt(3)
    assert apart.low == pytest.approx(apart.value - t, rel=0.1)
    assert apart.high == pytest.approx(apart.value + t, rel=0.1)


@pytest.mark.parametrize("runs", [2, 5])
def test_intervals_over_runs_hold_the_truth(runs: int) -> None:
    rng = np.random.default_rng(11)
    samples = [
        rng.normal(0.3, 0.1, 60) + rng.normal(0, 0.02, (runs, 1)) + rng.normal(0, 0.05, (runs, 60)) for _ in range(150)
    ]
    found = intervals([mean_of(table) for table in samples], 1)
    hits = sum(one.low <= 0.3 <= one.high for one in found) / len(found)
    assert 0.91 <= hits <= 1


def test_what_only_some_runs_left_undefined_is_told_apart() -> None:
    runs = [
        [
            VideoValues(id="a", values={"tau": 0.2}),
            VideoValues(id="b", values={"tau": None}, undefined={"tau": "constant scores"}),
            VideoValues(id="c", values={"tau": 0.4}),
        ],
        [
            VideoValues(id="a", values={"tau": 0.4}),
            VideoValues(id="b", values={"tau": None}, undefined={"tau": "constant scores"}),
            VideoValues(id="c", values={"tau": None}, undefined={"tau": "constant scores"}),
        ],
    ]
    tau, meteor = summarize(
        {"tau": "correlation", "METEOR": "fraction"}, runs, 0, missing={"METEOR": "Java is missing"}
    )
    assert tau.value == pytest.approx((0.3 + 0.4) / 2), "the mean of the runs' means"
    assert tau.undefined == {"constant scores": 1, "in some runs: constant scores": 1} and tau.videos == 1
    assert meteor.value is None and meteor.reason == "Java is missing" and meteor.undefined == {}


def test_a_corpus_metric_stands_beside_means() -> None:
    sums = [(1.0, 2.0), (3.0, 4.0), None]
    videos = [
        VideoValues(
            id=str(i),
            values={"F1": 0.5},
            sums={"BLEU": row} if row else {},
            undefined={} if row else {"BLEU": "no text"},
        )
        for i, row in enumerate(sums)
    ]
    of = {"BLEU": lambda total: total[..., 0] / total[..., 1]}
    f1, bleu = summarize({"F1": "fraction", "BLEU": "fraction"}, [videos], 0, corpus=of)
    assert (f1.value, bleu.value, bleu.videos, bleu.undefined) == (0.5, 4 / 6, 2, {"no text": 1})
    with pytest.raises(ValueError, match=r"BLEU: videos with \[2, 3\] sums"):
        odd = VideoValues(id="3", values={}, sums={"BLEU": (1.0, 2.0, 3.0)})
        summarize({"BLEU": "fraction"}, [[*videos, odd]], 0, corpus=of)
