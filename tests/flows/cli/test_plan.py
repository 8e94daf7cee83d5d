"""What `v2xum plan` prints of the disk, without a run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from flows.cli.plan import print_plan
from schemas.documents.plan import CostPlan, Interval, Plan, PlanEstimate, ProbeCost

NONE = Interval(expected=0, low=0, high=0)


def plan(store: float, free: float) -> Plan:
    estimate = PlanEstimate(
        videos=dict.fromkeys(("sample", "rejected", "retryable"), NONE),
        models={},
        wall_hours=NONE,
        gpu_busy_hours=NONE,
        lanes={},
        bottleneck="decode",
        store_megabytes=Interval(expected=store, low=store, high=store),
        export_megabytes=NONE,
        temporary_megabytes=NONE,
        cost=CostPlan(expected=0, low=0, high=0, currency="USD"),
        advice="",
    )
    probe = ProbeCost(videos=1, wall_hours=0, tokens_in=0, tokens_out=0, cost=0, start_hours=0)
    rest = {"videos": 1, "due_videos": 1, "settled_videos": 0, "note": None}
    return Plan.model_validate({**rest, "probe": probe, "disk_free_megabytes": free, "estimate": estimate})


def test_finished_videos_that_are_made_again_are_told() -> None:
    stream = io.StringIO()
    made = plan(store=1, free=1000).model_copy(update={"again": {"download": 3, "extract": 1}})
    print_plan(made, Console(file=stream, width=200))
    assert "of these 3 were finished, and are due again from download on" in stream.getvalue()
    assert "of these 1 were finished, and are due again from extract on" in stream.getvalue()


@pytest.mark.parametrize(("cache", "enough"), [(None, False), (2000, False), (500, True)])
def test_a_store_at_an_address_needs_its_cache_on_this_disk(cache: float | None, enough: bool) -> None:
    stream = io.StringIO()
    print_plan(plan(store=5000, free=1000), Console(file=stream, width=200), cache_megabytes=cache)
    assert ("make room" not in stream.getvalue()) == enough
    assert ("may need 2,000 MB" in stream.getvalue()) == (cache == 2000)
