"""A folder that is expensive to fill: the first worker that needs it fills it, and all workers read it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def once(factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """The folder `name` of this test session, after `fill` was called with it exactly once.

    Workers of pytest-xdist share it: each has a temporary folder of its own below that of the session. A `fill` that
    raises leaves nothing behind, and the next caller tries again.
    """
    base = factory.getbasetemp()
    session = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, part = session / name, session / f"{name}.part"
    with FileLock(session / f"{name}.lock"):
        if not folder.exists():
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            fill(part)
            part.rename(folder)
    return folder
