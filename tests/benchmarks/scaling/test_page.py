"""The page of growth: exponents, costs of one video more, and what a simulation makes of them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.scaling.growth import exponent
from benchmarks.scaling.page import page, plots
from benchmarks.scaling.run import grown
from benchmarks.scaling.sites import Site, answer, calibrated, rate


def row(videos: int, client: float = 0.25, export: float = 0.03) -> dict[str, Any]:
    """A size with a start of 10 s, and so many seconds a video."""
    return {
        "cores": 2,
        "videos": videos,
        "seconds": 10 + videos * (client + export),
        "cpu_seconds": 10 + videos * (client + export),
        "references": 5 * (10 + videos * (client + export)),
        "reference_ms": [180.0, 200.0, 260.0],
        "sittings": 1 if videos < 1000 else 2,
        "cpu_by_role": {"run": 10 + videos * (client + export)},
        "export_seconds": 2 + videos * export,
        "memory_mb": {"run": 400 + videos * 0.01, "decoders": 100, "server": 240},
        **dict.fromkeys(("ledger_mb", "replies_mb", "store_mb", "export_mb"), videos * 0.08),
    }


ROWS = [row(3000), row(300)]


def test_exponents_follow_the_row_before() -> None:
    small, large = grown(ROWS)
    assert small["videos"] == 300 and small["exponent"] is None
    assert 0.9 < large["exponent"] < 1 and large["cpu_exponent"] == large["exponent"]
    assert large["reference_exponent"] == large["exponent"]
    assert exponent({"videos": 10, "seconds": 3.0}, {"videos": 100, "seconds": 300.0}, "seconds") == 2


def test_costs_are_those_of_one_video_more() -> None:
    costs = calibrated(grown(ROWS))
    assert costs.client == pytest.approx(0.25) and costs.export == pytest.approx(0.03)
    assert costs.export_kb == pytest.approx(10) and costs.ledger_kb == pytest.approx(80)
    with pytest.raises(ValueError, match="two sizes"):
        calibrated(ROWS[:1])


def test_the_bottleneck_is_what_bounds_the_rate() -> None:
    costs = calibrated(grown(ROWS))
    assert rate(Site(1), costs).rate == pytest.approx(1 / costs.gpu, rel=0.02)
    assert rate(Site(8), costs).bottleneck == "worker process"
    paced = rate(Site(64, workers_a_node=8, pace=12.0), costs)
    assert paced.bottleneck == "download" and paced.rate == pytest.approx(8 / 12, rel=0.02)
    found = answer(Site(64, workers_a_node=8), costs, 1_000_000)
    assert found.bottleneck == "export" and found.export_hours == pytest.approx(1_000_000 * 0.03 / 3600)


def test_the_page_has_every_size_and_its_pictures_are_xml() -> None:
    rows = grown(ROWS)
    text = page(rows)
    assert "| 3,000 |" in text and "180 to 260 ms, mostly 200, in 2 sittings" in text and "10,000,000 videos" in text
    for name, drawing in plots(rows).items():
        assert name in text
        ElementTree.fromstring(drawing)
