"""The groups of tests name files and folders that are there."""

from schemas.repository import ROOT
from tests.groups import LONG, TORCH


def test_every_place_that_a_group_names_exists() -> None:
    places = [name for name in (*LONG, *TORCH) if "/" in name]
    assert [name for name in places if not (ROOT / name).exists()] == []
