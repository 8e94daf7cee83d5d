"""The NVIDIA GPUs of this machine, as nvidia-smi shows them."""

from __future__ import annotations

import subprocess
from typing import NamedTuple

from schemas.errors import ConfigError

_SECONDS = 20


class Gpu(NamedTuple):
    """A GPU: its name, its memory in megabytes (2**20 bytes) altogether and free, and the version of its driver."""

    name: str
    total: int
    free: int
    driver: str


def find_gpus() -> list[Gpu]:
    """The GPUs, none where nvidia-smi is not installed. Raises ConfigError when it fails, with its words."""
    asked = ["nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=_SECONDS, check=True)
    except FileNotFoundError:
        return []
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stdout", None) or str(error)
        raise ConfigError(f"nvidia-smi fails: {' '.join(str(said).split())}"[:300]) from error
    cards = [[part.strip() for part in line.split(",")] for line in done.stdout.splitlines()]
    return [
        Gpu(name, int(total), int(free), driver)
        for name, total, free, driver in (card for card in cards if len(card) == 4)
        if total.isdecimal() and free.isdecimal()
    ]
