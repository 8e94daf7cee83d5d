from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pytest

from benchmarks.protocol_study.figures import study_figures
from benchmarks.protocol_study.page import ROWS, TABLE, page, plot, report
from evaluation.baselines import random_floor
from evaluation.metrics.selection import uniform_shots
from evaluation.protocols import get
from evaluation.readers.summe import read_annotations, read_shots, read_summe
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

real = pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="../shared/groundtruth is not there")

CSNET = GROUNDTRUTH / "summe" / "csnet_results"

# The figures of ../shared/groundtruth/README.md, with its number of digits.
PRINTED = {
    "tvsum_human_tau": (0.1774, 4),
    "tvsum_human_rho": (0.2042, 4),
    "tvsum_oracle_tau": (0.378, 3),
    "tvsum_oracle_rho": (0.473, 3),
    "summe_segment_ids_tau": (0.2051, 4),
    "summe_segment_ids_rho": (0.2126, 4),
    "summe_binarised_tau": (0.2115, 4),
    "summe_human_loo_tau": (0.296, 3),
    "summe_human_loo_rho": (0.329, 3),
    "summe_f1_human_mean": (31.07, 2),
    "summe_f1_human_max": (54.33, 2),
    "splits_pglsum_summe_splits_never_tested": (7, 0),
    "splits_pglsum_tvsum_splits_never_tested": (16, 0),
}


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    return study_figures(GROUNDTRUTH, draws=20)


@real
@pytest.mark.slow
@pytest.mark.groundtruth
def test_the_printed_figures_are_reproduced(found: dict[str, float]) -> None:
    for name, (value, digits) in PRINTED.items():
        assert round(found[name], digits) == value, name
    for name in ("tvsum_random", "summe_random_per_annotator", "summe_random_score_vs_mean"):
        assert abs(found[f"{name}_tau"]) < 5 * found[f"{name}_tau_error"] < 0.02, "random scores know nothing"
    assert found.get("csnet_f1_max_error", 0) < 1e-9, "the F1 stored with CSNet's summaries"
    assert found["sumind_f1_max_error"] < 1e-9 and found["sumind_tvsum_f1_max_error"] < 1e-9
    assert abs(found["videoxum_upstream_selected_mean"] - 50) < 2
    assert abs(found["videoxum_upstream_selected_sd"] - 29) < 1


@pytest.mark.skipif(not CSNET.is_dir(), reason="CSNet's results, which have the shots, are not there")
@pytest.mark.slow
@pytest.mark.groundtruth
def test_the_random_figures_agree_within_the_standard_error() -> None:
    """The README's random figures are means of draws whose number and seed were not noted, of 3 digits.

    The length of its uniform shots was not noted either. Of 30 to 150 frames, 130 to 140 agree with it.
    """
    protocol = get("summe/binary-vs-mean")
    shots = read_shots(CSNET.parent)
    assert len(shots) == 25 and len(list(CSNET.glob("*.h5"))) == 5
    kts = read_summe(CSNET.parent, shots)
    uniform = [replace(r, full=replace(r.full, shots=uniform_shots(r.full.frames, 140))) for r in kts if r.full]
    for references, printed in (
        (kts, {"kendall_tau": 0.094, "spearman_rho": 0.104, "f1": 0.403}),
        (uniform, {"kendall_tau": -0.016, "spearman_rho": -0.018}),
    ):
        batches = [random_floor(protocol, references, draws=10, seed=seed).videos for seed in range(10)]
        for metric, value in printed.items():
            means = [np.mean([video.values[metric] for video in videos]) for videos in batches]
            error = np.std(means, ddof=1) / np.sqrt(len(means))
            assert error < 0.005, "the floor is known well enough to tell protocols apart"
            assert abs(np.mean(means) - value) < error + 0.0005, metric  # 0.0005: the rounding of the README


@real
@pytest.mark.slow
@pytest.mark.groundtruth
def test_the_page_and_its_plot(found: dict[str, float]) -> None:
    text = page(found, 20)
    assert "0.1774 | 0.2042" in text and "0.2051 | 0.2126" in text and "54.33" in text
    ElementTree.fromstring(plot(found))
    marks = sum(name in found for row in ROWS for _, name in row.marks)
    assert plot(found).count("fill-opacity") == marks >= 8
    assert len({name for _, name, _ in TABLE}) == len(TABLE)


@real
@pytest.mark.slow
@pytest.mark.groundtruth
def test_shots_bring_the_figures_that_rest_on_them(tmp_path: Path) -> None:
    """Where people chose short shots more often, random scores reach more than 0 under the knapsack protocol."""
    for part in ("tvsum/ydata-tvsum50.mat", "summe/GT"):
        source, target = GROUNDTRUTH / part, tmp_path / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    without = report(tmp_path, draws=10)
    assert "summe_random_tau" not in without and "shots" in str(without["missing"])
    with h5py.File(tmp_path / "summe" / "shots.h5", "w") as file:
        for path in (tmp_path / "summe" / "GT").glob("*.mat"):
            chosen = (read_annotations(path).segments > 0).mean(axis=0)
            frames = chosen.size
            # Short shots where more people chose something, long ones elsewhere.
            edges, at = [0], 0
            while at < frames:
                at += 40 if chosen[at] > chosen.mean() else 250
                edges.append(min(at, frames))
            file[f"{path.stem}/shot_lengths"] = np.diff(edges)
    out = tmp_path / "out"
    found = report(tmp_path, out, draws=100)
    assert isinstance(found["summe_random_tau"], float) and isinstance(found["summe_random_tau_error"], float)
    assert found["summe_random_tau"] > 0.05 and found["summe_videos_with_kts_shots"] == 25 and not found["missing"]
    assert json.loads(json.dumps(found)) == found
    assert "The knapsack takes short shots" in (out / "protocols.md").read_text(encoding="utf-8")
    ElementTree.parse(out / "protocols.svg")


def test_without_annotations_it_is_said_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ydata-tvsum50"):
        study_figures(tmp_path)
