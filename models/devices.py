"""Whether torch sees a device that a configuration names."""

from __future__ import annotations

from collections.abc import Callable

from schemas.errors import ConfigError


def missing_device(device: str) -> str | None:
    """Why torch cannot compute on a device such as `cuda`, `cuda:1` or `mps`; None where it can."""
    kind = device.partition(":")[0]
    if kind == "cpu":
        return None
    import torch  # seconds to import: only when a device is asked for

    available: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
    }
    if kind in available and available[kind]():
        return None
    return f"torch {torch.__version__} sees no device {device!r}"


def require_device(device: str) -> None:
    """Raise ConfigError, with the way out, for a device that torch does not see."""
    if missing := missing_device(device):
        raise ConfigError(
            f"{missing}: set `device: cpu`, or put the model on a server (docs/guides/serving.md); for a GPU of this "
            "machine see that `nvidia-smi` shows it, and that torch was built for it"
        )
