"""Which models stages need, and what it means when one of them cannot be built: the run stops, no video is charged."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import get_args

from curation.ledger.stages import STAGES, Model
from curation.pipeline.settings import is_off, works_with
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError, MachineTrouble, RunStopped
from schemas.kit.blame import in_one_line


def models_of(stages: Collection[str], config: CurateConfig) -> tuple[Model, ...]:
    """The models that these stages ask under a configuration, in a fixed order, without those that are not configured.

    A stage that the configuration turns off needs none.
    """
    needed: set[str] = set()
    for stage in STAGES.every:
        if stage.name in stages and not is_off(stage, config):
            needed |= {*works_with(stage, config, config.models)[0]}
    return tuple(role for role in get_args(Model) if role in needed and getattr(config.models, role) is not None)


@contextmanager
def whole_model(role: str) -> Iterator[None]:
    """Turn any error while a model is built into MachineTrouble; ConfigError and RunStopped stay what they are."""
    try:
        yield
    except (ConfigError, RunStopped):
        raise
    except Exception as error:
        raise MachineTrouble(
            f"models.{role} cannot be loaded ({in_one_line(error)}). No video was charged with it: the same command "
            "goes on when the cause is mended; `v2xum doctor CONFIG` looks for it"
        ) from error
