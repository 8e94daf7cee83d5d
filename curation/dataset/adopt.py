"""Keeps a workspace to its dataset: a configuration of another name is refused, with the differences."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from curation.pipeline.services import Services
from curation.workspace import Workspace
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError
from schemas.safe_text import plain

_SHOWN = 20
_NOT_SHOWN = ("sources", "run")  # addresses may hold secrets; and how the work is divided belongs to the machine


def raise_if_another(workspace: Workspace, services: Services) -> None:
    """Raise ConfigError when the workspace has results of a dataset with another `name`.

    Other keys change from run to run: prompts, models, limits, sources. The name says which dataset it is. A workspace
    without results, or whose configuration cannot be read, belongs to nobody.
    """
    config, ledger = services.config, services.ledger
    before = workspace.saved_config()
    name = before.get("name")
    if not isinstance(name, str) or name == config.name or ledger.is_empty():
        return
    with contextlib.suppress(ValidationError):  # keys that came later have their defaults
        before = CurateConfig.model_validate(before).model_dump(mode="json")
    lines = list(differences(before, config.model_dump(mode="json")))
    more = [f"  and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    raise ConfigError(
        "\n".join(
            [
                f"{workspace.root} belongs to the dataset {name!r}, and this configuration is of {config.name!r}:",
                *lines[:_SHOWN],
                *more,
                "Take another --workspace; or `v2xum curate ... --adopt` gives this one the workspace",
            ]
        )
    )


def differences(before: Any, after: Any, key: str = "") -> Iterator[str]:
    """The keys in which two plain documents differ, a line each: `  extract.max_tokens: 64 -> 65`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            if key or name not in _NOT_SHOWN:
                inner = f"{key}.{name}" if key else name
                yield from differences(before.get(name), after.get(name), inner)
    elif before != after:
        yield f"  {key}: {_shown(before)} -> {_shown(after)}"


def _shown(value: Any) -> str:
    return plain(json.dumps(value, ensure_ascii=False), 80)
