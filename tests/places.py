"""Real videos and human annotations that may lie beside the repository, and decord: tests use what is there."""

from __future__ import annotations

import importlib.util

import pytest

from schemas.repository import ROOT

SHARED = ROOT.parent / "shared"
VIDEOS = SHARED / "videos"
GROUNDTRUTH = SHARED / "groundtruth"
needs_decord = pytest.mark.skipif(
    importlib.util.find_spec("decord") is None, reason="decord has no wheel for this machine"
)
