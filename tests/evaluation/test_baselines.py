from __future__ import annotations

import zlib

import numpy as np
import pytest
from scipy import stats

from evaluation.baselines import all_baselines, leave_one_out, oracle, random_floor
from evaluation.cases import FullLength, Prediction, Reference
from evaluation.metrics.selection import top_share, uniform_shots
from evaluation.metrics.video import evaluate_videos
from evaluation.protocols import NAMES, get


def video(name: str, seed: int = 0, annotators: int = 3, frames: int = 14) -> Reference:
    rng = np.random.default_rng(seed)
    whole = frames * 15
    picks = np.arange(0, whole, 15)
    chosen = np.repeat(rng.random((annotators, frames)) < 0.3, 15, axis=1)
    chosen[:, :15], chosen[:, 15:30] = True, False  # every annotator chose some frames and not all
    full = FullLength(whole, picks, uniform_shots(whole, 20), chosen)
    ratings = rng.integers(1, 6, (annotators, frames)).astype(float)
    return Reference(name, frames, scores=ratings, selections=chosen[:, picks], full=full)


VIDEOS = [video(f"v{i}", i) for i in range(6)]


@pytest.mark.parametrize("name", NAMES)
def test_the_random_floor_is_the_mean_of_random_systems(name: str) -> None:
    protocol = get(name)
    few = random_floor(protocol, VIDEOS, draws=1, seed=4)
    assert few.kind == "random" and [v.id for v in few.videos] == [r.id for r in VIDEOS]
    assert random_floor(protocol, VIDEOS[::-1], draws=1, seed=4).videos == few.videos[::-1], "the order does not matter"
    assert random_floor(protocol, VIDEOS, draws=1, seed=5).videos != few.videos
    # The same draws, each as a system of its own.
    reference = VIDEOS[2]
    scores = np.random.default_rng([4, zlib.crc32(b"v2")]).random((5, reference.frames))
    found = evaluate_videos(protocol, [(reference, Prediction("v2", scores=row)) for row in scores])
    floor = random_floor(protocol, [reference], draws=5, seed=4).videos[0]
    for metric, value in floor.values.items():
        assert value == pytest.approx(np.mean([v.values[metric] for v in found]), abs=1e-12)


def test_people_against_each_other() -> None:
    from sklearn.metrics import f1_score

    reference = VIDEOS[0]
    assert reference.selections is not None and reference.scores is not None
    assert reference.full is not None and reference.full.selections is not None
    found = leave_one_out(get("videoxum"), VIDEOS).videos[0].values
    s, n = reference.selections, 3
    pairs = [f1_score(s[j], s[i]) for i in range(n) for j in range(n) if i != j]
    assert found["f1"] == pytest.approx(np.mean(pairs))
    taus = [stats.kendalltau(s[i], np.delete(s, i, axis=0).mean(axis=0))[0] for i in range(n)]
    assert found["kendall_tau"] == pytest.approx(np.mean(taus))
    found = leave_one_out(get("tvsum/per-annotator"), VIDEOS).videos[0].values
    r = reference.scores
    rhos = [stats.spearmanr(r[i], r[j])[0] for i in range(n) for j in range(n) if i != j]
    assert found["spearman_rho"] == pytest.approx(np.mean(rhos))
    found = leave_one_out(get("summe/binary-vs-mean"), VIDEOS).videos[0].values
    w = reference.full.selections
    best = [max(f1_score(w[j], w[i]) for j in range(n) if j != i) for i in range(n)]
    assert found["f1"] == pytest.approx(np.mean(best))
    taus = [stats.kendalltau(w[i], np.delete(w, i, axis=0).mean(axis=0))[0] for i in range(n)]
    assert found["kendall_tau"] == pytest.approx(np.mean(taus))


def test_the_oracle_knows_the_annotators() -> None:
    from sklearn.metrics import f1_score

    reference = VIDEOS[1]
    assert reference.scores is not None and reference.selections is not None
    found = oracle(get("tvsum/per-annotator"), [reference]).videos[0].values
    mean = reference.scores.mean(axis=0)
    assert found["kendall_tau"] == pytest.approx(np.mean([stats.kendalltau(mean, row)[0] for row in reference.scores]))
    found = oracle(get("videoxum"), [reference]).videos[0].values
    assert found["kendall_tau"] == pytest.approx(1) and found["spearman_rho"] == pytest.approx(1)
    chosen = top_share(reference.selections.mean(axis=0)[None])[0]
    assert found["f1"] == pytest.approx(np.mean([f1_score(row, chosen) for row in reference.selections]))
    for name in NAMES:
        floor, people, best = all_baselines(get(name), VIDEOS, draws=30)
        assert (floor.kind, people.kind, best.kind) == ("random", "human", "oracle")
        means = [np.mean([v.values["kendall_tau"] for v in b.videos]) for b in (floor, best)]
        assert means[0] < means[1]


def test_beyond_the_limit_of_frames() -> None:
    rng = np.random.default_rng(0)
    long = Reference("long", 600, selections=rng.random((10, 600)) < 0.2)
    for baseline in all_baselines(get("videoxum-upstream"), [long], draws=2):
        assert None not in baseline.videos[0].values.values()


def test_one_annotator_is_not_enough() -> None:
    single = [Reference(f"s{i}", 9, selections=np.arange(9)[None] < 3) for i in range(2)]
    floor, people, best = all_baselines(get("instruct-v2xum"), single)
    assert floor.videos and not people.videos and not best.videos
    assert "two annotators" in people.note and "two annotators" in best.note
    mixed = leave_one_out(get("videoxum"), [*single, VIDEOS[0]]).videos
    assert set(mixed[0].values.values()) == {None} and set(mixed[0].undefined.values()) == {"fewer than two annotators"}
    assert mixed[2].values["f1"] is not None


def test_undefined_draws_and_no_draws() -> None:
    short = random_floor(get("videoxum"), [Reference("v", 1, selections=np.ones((2, 1), bool))]).videos[0]
    assert short.values["kendall_tau"] is None and short.undefined["kendall_tau"] == "fewer than two frames"
    assert short.values["f1"] == 1
    with pytest.raises(ValueError, match="at least one draw"):
        random_floor(get("videoxum"), VIDEOS, draws=0)
    assert random_floor(get("videoxum"), [Reference("\ud800\n", 3, selections=np.eye(3, dtype=bool))]).videos
