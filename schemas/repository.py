"""Where this repository lies: the program runs from its checkout, and reads templates and checkpoints from it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "data"
