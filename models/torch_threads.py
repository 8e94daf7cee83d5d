"""Chooses and sets the number of threads that torch uses for a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# Below this many parameters a second thread costs more time than it saves (measured: 6 times slower on two busy
# cores). One thread also adds numbers in the same order on every machine.
_SMALL = 20_000_000


def threads_for(model: Any, device: str) -> int:
    """How many threads a model should run with: 1 for a small model on the CPU, else torch's own choice."""
    small = device == "cpu" and sum(weights.numel() for weights in model.parameters()) < _SMALL
    return 1 if small else torch.get_num_threads()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
