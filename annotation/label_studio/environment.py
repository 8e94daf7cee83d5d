"""Installs Label Studio into a Python environment of its own, on first use.

The environment is separate because Label Studio pins versions that contradict this project's.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from schemas.errors import ConfigError, RunStopped
from schemas.repository import KEPT, ROOT

VERSION = "1.23.2"
LOCK = Path(__file__).with_name("requirements.lock")
PLACE = "V2XUM_LABEL_STUDIO_VENV"
_STAMP = ".installed"
_INSTALL_SECONDS = 3600.0


def environment_path() -> Path:
    """The folder: V2XUM_LABEL_STUDIO_VENV, else `.venv-label-studio` of the checkout, or of the user's cache."""
    given = os.environ.get(PLACE)
    beside = ROOT if KEPT.is_relative_to(ROOT) else KEPT
    return Path(given).absolute() if given else beside / ".venv-label-studio"


def ensure_environment(report_progress: Callable[[str], None]) -> Path:
    """The path of the `label-studio` command of the pinned version, after making or updating its environment.

    Several processes may call it at once: one installs, the others wait. Raises ConfigError when Python cannot make
    environments, and RunStopped when pip fails or takes too long, with the end of pip's output.
    """
    place = environment_path()
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    stamp, command = place / _STAMP, place / "bin" / "label-studio"
    place.mkdir(parents=True, exist_ok=True)
    with FileLock(place / ".lock", timeout=_INSTALL_SECONDS):
        if command.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return command
        report_progress(f"installing Label Studio {VERSION} into {place}: about 1 GB and some minutes, only this time")
        stamp.unlink(missing_ok=True)
        if not (place / "bin" / "python").exists():
            _call([sys.executable, "-m", "venv", str(place)], "python -m venv")
        python = str(place / "bin" / "python")
        _call([python, "-m", "pip", "install", "--quiet", "--requirement", str(LOCK)], "pip install")
        stamp.write_text(wanted, encoding="utf-8")
    if not command.exists():
        raise RunStopped(f"{place}: it has no label-studio command after pip; remove the folder and try again")
    return command


def _call(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise RunStopped(f"{name} took longer than {_INSTALL_SECONDS:.0f} s; run the same command again") from error
    if done.returncode:
        output = (done.stderr or done.stdout)[-2000:]
        if "ensurepip" in output:
            raise ConfigError("Python's venv module is missing; on Debian: apt-get install python3-venv")
        raise RunStopped(f"{name} failed; its output ends with:\n{output}")
