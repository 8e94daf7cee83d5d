from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ledger.stages import EXPORT, LANES, STAGES
from curation.plan.costs import QUANTITIES, Probed, Span, busy_seconds, column, columns, most_at_once
from curation.plan.estimate import LEAST, Measured, advice, choose, document, estimate, problem
from curation.plan.intervals import interval, totals, wilson
from schemas.configuration.config import CurateConfig

LOCAL = {"engine": "local", "model": "tiny"}
Waiting = dict[str, frozenset[str]]
REMOTE = {"engine": "openai", "model": "big", "base_urls": ["http://127.0.0.1:8000/v1"]}


def config(model: dict[str, object] = LOCAL, **sections: object) -> CurateConfig:
    return CurateConfig.model_validate({"name": "p", "models": {"captioner": model, "summarizer": model}, **sections})


def probed(videos: int, rejected: int = 0, seconds: float = 10.0, at: str = "filter") -> Probed:
    """Videos one after the other that all cost the same; the last `rejected` of them end at the stage `at`."""
    entered = np.ones((videos, columns()), bool)
    entered[:, [column(name) for name in STAGES.optional]] = False
    entered[videos - rejected :, column(at) + 1 :] = False
    cost = np.zeros((videos, columns(), len(QUANTITIES)))
    spans = []
    for video in range(videos):
        own, clock = [], 0.0
        for stage in STAGES.names:
            place = column(stage)
            if not entered[video, place] or (lane := STAGES[stage].lane) is None:
                continue
            cost[video, place, QUANTITIES.index(f"{lane}_seconds")] = seconds
            own.append(Span(lane, 1000 * video + clock, 1000 * video + clock + seconds))
            clock += seconds
            if stage == "caption":
                for name, value in (("requests", 30), ("tokens_in", 3000), ("tokens_out", 600)):
                    cost[video, place, QUANTITIES.index(f"captioner_{name}")] = value
            if stage == "download":
                cost[video, place, QUANTITIES.index("store_bytes")] = 5e6
        if entered[video, column("refine")]:
            cost[video, column(EXPORT), QUANTITIES.index("export_bytes")] = 1e6
            cost[video, column(EXPORT), QUANTITIES.index("export_seconds")] = 0.25
        spans.append(tuple(own))
    states = ("sample",) * (videos - rejected) + ("rejected",) * rejected
    return Probed(tuple(f"v{i}" for i in range(videos)), states, entered, cost, tuple(spans), videos)


def due(count: int, stage: str = STAGES.names[0], only: Collection[str] = (), name: str = "d") -> Waiting:
    """Videos that are due at a stage and all later ones, or at the stages `only`."""
    ahead = frozenset(only or STAGES.names[STAGES.names.index(stage) :])
    return {f"{name}{i}": ahead for i in range(count)}


def test_equal_videos_are_extrapolated_exactly() -> None:
    settings = config(prices={"million_tokens_in": 1.0, "million_tokens_out": 10.0}, run={"shard_size": 5})
    found = estimate(probed(6), due(1000), settings, Measured())
    assert found.quantities["export_bytes"] == pytest.approx((1006 * 1e6,) * 3), "settled ones are exported too"
    for name, each in (("captioner_requests", 30), ("captioner_tokens_in", 3000), ("store_bytes", 5e6)):
        assert found.quantities[name] == pytest.approx((1000 * each,) * 3)
    models = sum(STAGES[stage].lane == "model" for stage in STAGES.names)
    assert found.lanes["download"] == pytest.approx((10_000,) * 3), "one was fetched at a time"
    assert found.lanes["model"] == pytest.approx((10_000 * models,) * 3)
    assert found.bottleneck == "model"
    # The flow shop: the slowest lane, and what one of 50 waves (4 shards of 5) takes in the other two; then the export.
    assert found.wall_seconds == pytest.approx((10_000 * models + 20_000 / 50 + 1006 * 0.25,) * 3)
    assert found.cost == pytest.approx((3.0 + 6.0,) * 3)
    assert found.gpu_seconds == (0, 0, 0), "models of this process on its processor"
    assert found.states["sample"].expected == 1000
    assert 500 < found.states["sample"].low < 1000, "six of six are no proof of all"


def test_videos_that_are_half_done_cost_what_is_left() -> None:
    found = estimate(probed(6), due(10) | due(4, "caption", name="h"), config(), Measured())
    assert found.quantities["captioner_tokens_in"].expected == pytest.approx(14 * 3000)
    assert found.quantities["store_bytes"].expected == pytest.approx(10 * 5e6)


def test_finished_videos_that_lack_one_optional_stage_cost_that_stage_and_the_export() -> None:
    material = probed(6)
    material.entered[:, column("ocr")] = True
    material.cost[:, column("ocr"), QUANTITIES.index("decode_seconds")] = 7.0
    ends = [max(span.ended for span in one) for one in material.spans]
    read = [(*one, Span("decode", end, end + 7)) for one, end in zip(material.spans, ends, strict=True)]
    material = material._replace(spans=tuple(read))
    found = estimate(material, due(100, only=("ocr", "ocr-filter", "audit")), config(), Measured())
    assert found.quantities["captioner_tokens_in"].expected == 0 and found.quantities["store_bytes"].expected == 0
    assert found.quantities["decode_seconds"].expected == pytest.approx(700)
    assert found.quantities["model_seconds"].expected == pytest.approx(100 * 10), "the audit's"
    assert found.quantities["export_bytes"].expected == pytest.approx(106 * 1e6)


def test_what_only_the_run_can_tell_is_applied() -> None:
    plain = estimate(probed(6), due(10), config(REMOTE, prices={"gpus": 4, "gpu_hour": 2.0}), Measured())
    told = estimate(probed(6), due(10), config(REMOTE, prices={"gpus": 4, "gpu_hour": 2.0}), Measured(60.0, 0.5, 1.25))
    assert told.gpu_seconds.expected == pytest.approx(plain.gpu_seconds.expected / 2)
    assert plain.gpu_seconds.expected == pytest.approx(4 * plain.lanes["model"].expected)
    assert told.wall_seconds.expected == pytest.approx(plain.wall_seconds.expected + 60)
    assert told.quantities["captioner_requests"].expected == pytest.approx(10 * 30 * 1.25)
    assert told.cost.expected == pytest.approx(4 * 2.0 * told.wall_seconds.expected / 3600)


def test_all_rejected_means_no_samples_and_no_tokens() -> None:
    found = estimate(probed(8, rejected=8), due(100), config(), Measured())
    assert found.states["sample"][:2] == (0, 0) and found.states["sample"].high < 40
    assert found.states["rejected"].expected == 100
    assert found.quantities["captioner_tokens_in"] == (0, 0, 0)
    assert found.bottleneck == "download"


@pytest.mark.parametrize(
    ("material", "waiting", "words"),
    [
        (probed(0), due(5), "settled in this workspace: 0 videos"),
        (probed(LEAST - 1), due(5), f"fewer than {LEAST}"),
        (probed(6, rejected=6), due(5, "refine"), "due at refine: 5 videos, and no settled video came there"),
    ],
)
def test_too_little_is_said_plainly_and_nothing_is_invented(material: Probed, waiting: Waiting, words: str) -> None:
    assert words in (problem(material, waiting) or "")
    with pytest.raises(ValueError, match=words[:10]):
        estimate(material, waiting, config(), Measured())


Draw = Callable[[np.random.Generator, int], np.ndarray]
DISTRIBUTIONS: dict[str, tuple[Draw, int, float]] = {
    "normal": (lambda rng, n: rng.normal(10, 2, n), 10, 0.90),
    "uniform": (lambda rng, n: rng.uniform(40, 60, n), 6, 0.90),
    "exponential": (lambda rng, n: rng.exponential(1, n), 20, 0.88),
    "rejections": (lambda rng, n: rng.lognormal(0, 0.5, n) * (rng.random(n) < 0.8), 20, 0.88),
    "skewed, five probes": (lambda rng, n: rng.lognormal(0, 0.6, n), 5, 0.82),
}


@pytest.mark.slow
@pytest.mark.parametrize("unseen", [6, 1000])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_cover_the_total_of_the_unseen(name: str, unseen: int) -> None:
    draw, probes, least = DISTRIBUTIONS[name]
    rng = np.random.default_rng(3)
    hits = 0
    for trial in range(100):
        cost = draw(rng, probes)[:, None, None]
        found = totals(cost, np.ones((probes, 1), bool), {(0,): unseen}, trial)
        range_ = interval(float(found.expected[0]), found.replicates[:, 0], found.probes)
        hits += range_.low <= draw(rng, unseen).sum() <= range_.high
    assert hits / 100 >= least


@given(of=st.integers(1, 500), data=st.data())
def test_wilsons_interval_holds_the_share_and_solves_its_equation(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    found = wilson(hits, of)
    assert 0 <= found.low <= found.expected <= found.high <= 1
    for end in (found.low, found.high):
        if 0 < end < 1:  # where the share lies 1.96 standard errors away
            assert abs(found.expected - end) == pytest.approx(1.959964 * (end * (1 - end) / of) ** 0.5, rel=1e-5)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=12))
def test_a_lanes_work_is_counted_second_by_second(parts: list[tuple[int, int]]) -> None:
    spans = [Span("model", start, start + length) for start, length in parts] + [Span("decode", 0, 500)]
    at_once = [sum(start <= second < start + length for start, length in parts) for second in range(100)]
    assert busy_seconds(spans, "model") == sum(count > 0 for count in at_once)
    assert most_at_once(spans, "model") == max(at_once)


@given(st.sets(st.text("abcdef", min_size=1), min_size=1), st.integers(0, 30), st.data())
def test_the_choice_is_seeded_and_stays_when_others_leave(names: set[str], count: int, data: st.DataObject) -> None:
    chosen = choose(names, count, "seed")
    assert chosen == choose(sorted(names, reverse=True), count, "seed")
    assert len(chosen) == min(count, len(names)) and set(chosen) <= names
    leaving = data.draw(st.sets(st.sampled_from(sorted(names))))
    again = choose(names - leaving, count, "seed")
    assert [video for video in chosen if video not in leaving] == again[: len(set(chosen) - leaving)]


def test_choices_are_even() -> None:
    names = [f"v{i}" for i in range(50)]
    counts = dict.fromkeys(names, 0)
    for seed in range(400):
        for video in choose(names, 10, str(seed)):
            counts[video] += 1
    assert min(counts.values()) > 40 and max(counts.values()) < 125  # 80 expected, 8 standard deviation


@pytest.mark.parametrize("bottleneck", LANES)
@pytest.mark.parametrize("model", [LOCAL, REMOTE])
def test_advice_names_a_key_that_can_be_changed(bottleneck: str, model: dict[str, object]) -> None:
    found = estimate(probed(6), due(10), config(model), Measured())._replace(bottleneck=bottleneck)
    key = {"download": "run.download_workers", "decode": "run.decode_workers", "model": "models.captioner"}
    assert key[bottleneck] in advice(found, config(model))


def test_the_document_has_units_and_ordered_intervals() -> None:
    answer = document(estimate(probed(7, rejected=2), due(50), config(), Measured()), config())
    assert answer.models["captioner"].name == "tiny"
    for key in ("wall_hours", "gpu_busy_hours", "store_megabytes", "export_megabytes", "temporary_megabytes"):
        interval = getattr(answer, key)
        assert interval.low <= interval.expected <= interval.high
    assert set(answer.lanes) == {"download_hours", "decode_hours", "model_hours"}
    assert answer.videos["sample"].expected == pytest.approx(50 * 5 / 7, abs=0.1)
