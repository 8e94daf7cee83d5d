"""The study of splits in a small form that fails when copies are missed or other videos are taken for copies."""

from pathlib import Path

import pytest

from benchmarks.split_study.page import page, plot
from benchmarks.split_study.planted import CHANGES, plant
from benchmarks.split_study.run import THRESHOLDS, measure, speed
from curation.release.splits.assign import assign
from curation.release.splits.register import COPY
from schemas.configuration.config import SplitConfig

pytestmark = pytest.mark.slow


def test_every_kind_of_copy_is_found_and_lands_in_the_split_of_its_original(tmp_path: Path) -> None:
    planted = plant(tmp_path, originals=16, copies=len(CHANGES), seed=500, seconds=40)
    quality = measure(planted)
    assert quality.by_kind == dict.fromkeys(CHANGES, (1, 1))
    assert (quality.recall, quality.precision) == (1.0, 1.0)
    assert quality.strongest_other < COPY <= quality.weakest_copy

    assigned = assign(planted.items, SplitConfig(train=0.5, validation=0.2, test=0.3))
    for first, second in planted.true_pairs():
        assert assigned.splits[planted.items[first].id] == assigned.splits[planted.items[second].id]
    assert len(assigned.clusters) == len(CHANGES)
    assert len(set(assigned.splits.values())) == 3

    assert [point.threshold for point in quality.curve] == list(THRESHOLDS)
    assert quality.curve[0].recall >= quality.curve[-1].recall
    assert plot(quality).count("<path") > 10
    assert "| mirrored | 1 | 1 |" in page(quality, None)


def test_the_search_finds_every_copy_among_random_hashes() -> None:
    found = speed(1_000)
    assert (found.planted, found.found) == (10, 10)
    assert found.hashes == 30_000
