"""The Grafana dashboard shows every metric that a run exports, by its labels, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml
from prometheus_client.core import CounterMetricFamily, Metric

from curation.ledger.stages import STAGES
from curation.pipeline.counts import Counts
from flows.prometheus import RunCollector
from models.meter import Meter
from schemas.repository import ROOT

BOARD = json.loads((ROOT / "docs" / "grafana" / "run.json").read_text(encoding="utf-8"))
_NAME = re.compile(r"\bv2xum_[a-z_]+")


def exported() -> dict[str, set[str]]:
    """The names of all series that a run exports, with their labels."""
    return {_series(family): set(family._labelnames) for family in RunCollector(Meter(), Counts()).collect()}  # type: ignore[attr-defined]


def _series(family: Metric) -> str:
    return f"{family.name}_total" if isinstance(family, CounterMetricFamily) else family.name


def targets() -> Iterator[dict[str, Any]]:
    for panel in BOARD["panels"]:
        yield from panel["targets"]


def test_it_shows_every_metric_and_no_other() -> None:
    shown = {name for target in targets() for name in _NAME.findall(target["expr"])}
    assert shown == set(exported()) and len(shown) > 12


def test_its_queries_use_labels_that_the_metrics_have() -> None:
    known = exported()
    for target in targets():
        (name,) = set(_NAME.findall(target["expr"]))
        used = {*re.findall(r"(\w+)!?=~?\"", target["expr"]), *re.findall(r"by \((\w+)\)", target["expr"])}
        used |= set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert used <= known[name] | {"job", "instance"}, target
        assert target["expr"].count("(") == target["expr"].count(")")
        assert set(re.findall(r'stage="(\w+)"', target["expr"])) <= {STAGES.names[-1]}
    asked = [one["query"]["query"] for one in BOARD["templating"]["list"] if one["type"] == "query"]
    assert {name for query in asked for name in _NAME.findall(query)} <= set(known)


def test_panels_have_a_place_of_their_own_and_an_explanation() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24 and panel["description"], panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_the_guide_names_every_metric() -> None:
    guide = (ROOT / "docs" / "guides" / "observing.md").read_text(encoding="utf-8")
    assert set(exported()) - set(_NAME.findall(guide)) == set()


def test_alerts_ask_for_metrics_that_a_run_exports_and_the_guide_says_what_to_do() -> None:
    known, folder = exported(), ROOT / "docs" / "grafana"
    (group,) = yaml.safe_load((folder / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    guide = (ROOT / "docs" / "guides" / "operators.md").read_text(encoding="utf-8")
    for rule in group["rules"]:
        names = set(_NAME.findall(rule["expr"]))
        assert names and names <= set(known), rule["alert"]
        used = {*re.findall(r"(\w+)=\"", rule["expr"]), *re.findall(r"by \((\w+)\)", rule["expr"])}
        told = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert told <= used <= set.union(*(known[name] for name in names)), rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")") and f"`{rule['alert']}`" in guide
    scraped = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    targets = [target for job in scraped for each in job["static_configs"] for target in each["targets"]]
    assert targets and all(target.startswith("127.0.0.1:") for target in targets)
