"""Loads the weights of a checkpoint by transformers: all of them or none, and nothing is printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from models.identity import name_of
from schemas.errors import ConfigError

_NAMED = 3  # missing weights that a message names


def load_weights(loader: Any, where: str, *, unused: Sequence[str] = (), **options: Any) -> Any:
    """The model of the checkpoint `where`, by an Auto class of transformers; `options` are for `from_pretrained`.

    Only safetensors are read: a pickle would run its author's code. Raises ConfigError when weights are missing, which
    transformers would replace by random numbers. Weights whose names begin with one of `unused` may be missing.
    """
    model, told = loader.from_pretrained(
        where, use_safetensors=True, trust_remote_code=False, output_loading_info=True, **options
    )
    # Weights that share their values with others (a tied head) are not among the missing ones.
    missing = sorted(name for name in told["missing_keys"] if not name.startswith(tuple(unused)))
    if missing:
        named = ", ".join(missing[:_NAMED]) + (f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else "")
        raise ConfigError(f"model {name_of(where)!r} is not whole: its checkpoint lacks the weights {named}")
    return model


@contextmanager
def quiet_loading() -> Iterator[None]:
    """No progress bars and no warnings of transformers inside the block. The caller holds the lock of models.build."""
    from transformers.utils import logging

    settings: Any = logging  # the library does not annotate it
    bars, level = settings.is_progress_bar_enabled(), settings.get_verbosity()
    settings.disable_progress_bar()
    settings.set_verbosity_error()
    try:
        yield
    finally:
        settings.set_verbosity(level)
        if bars:
            settings.enable_progress_bar()
