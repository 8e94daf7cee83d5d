"""The groups of tests name files that are there, and pytest-xdist obeys them."""

from __future__ import annotations

import pytest

from schemas.repository import ROOT
from tests.groups import LONG, TORCH, group_of


def test_every_place_that_a_group_names_exists() -> None:
    places = [name for name in (*LONG, *TORCH) if "/" in name]
    assert [name for name in places if not (ROOT / name).exists()] == []


def test_workers_know_the_group_of_a_test(request: pytest.FixtureRequest) -> None:
    """pytest-xdist reads the group from the end of a test's id; without it, every test goes to any worker."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("these workers take any test, or there is one process")
    assert request.node.nodeid.endswith(f"@{group_of(request.node).split('@')[0]}")
