"""Real videos and human annotations that may lie beside the repository: tests use them when they are there."""

from __future__ import annotations

from schemas.repository import ROOT

SHARED = ROOT.parent / "shared"
VIDEOS = SHARED / "videos"
GROUNDTRUTH = SHARED / "groundtruth"
