"""The pages of all configuration keys, from the models of the configuration."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

from curation.plan.reruns import reruns_of
from flows.cli.reference.markdown import code, page, sentence, table
from schemas.configuration.config import CurateConfig
from schemas.configuration.keys import Key, keys_of
from schemas.configuration.train_config import TrainConfig

_NOTHING = "nothing is made again"


def curate() -> str:
    """The page of the keys of `v2xum curate`."""
    about = (
        "Every key of the YAML file of `v2xum curate`, `plan`, `doctor` and `serve`. An unknown key is refused, and "
        "the message names the nearest known one. `--set a.b=value` overrides a key for one call. The last column says "
        "what the next run makes again when the key changes ([why](../concepts/reruns.md)); a dash means nothing."
    )
    return page("Keys of a curation", about, *_sections(keys_of(CurateConfig), reruns=True))


def train() -> str:
    """The page of the keys of `v2xum train`."""
    about = (
        "Every key of the YAML file of `v2xum train`; `configs/train/` has examples. `summarizer.kind` and "
        "`features.tower.engine` choose which keys there are. [Training](../guides/training.md) is the guide."
    )
    return page("Keys of a training", about, *_sections(keys_of(TrainConfig), reruns=False))


def _sections(keys: Iterator[Key], *, reruns: bool) -> Iterator[str]:
    heads = ("Key", "Value", "Default", "Meaning", *(("Makes again",) if reruns else ()))
    for name, group in itertools.groupby(keys, key=_heading):
        found = list(group)
        yield f"## {name}"
        inside = next((key.section for key in found if key.section not in (CurateConfig, TrainConfig)), None)
        if inside is not None:
            yield sentence(inside.__doc__)
        yield table(heads, (_row(key, reruns=reruns) for key in found))


def _heading(key: Key) -> str:
    """The section under which a key stands: the first name, of models and their kinds the role and the kind too."""
    if "." not in key.name and not key.sections:
        return "At the top"
    parts = key.name.replace("[]", "").split(".")
    first = ".".join(parts[:2]) if parts[0] == "models" and len(parts) > 1 else parts[0]
    return f"{first}, {code(key.variant)}" if key.variant else first


def _row(key: Key, *, reruns: bool) -> tuple[str, ...]:
    value = "; ".join(part for part in (key.type, key.limits, key.unit) if part)
    default = "required" if key.required else code(_default(key))
    cells = (code(key.name), value, default, sentence(key.description))
    if not reruns:
        return cells
    told = reruns_of(key).text
    return (*cells, "-" if told == _NOTHING else told)


def _default(key: Key) -> str:
    whole = isinstance(key.default, float) and key.default.is_integer()
    return json.dumps(int(key.default)) if whole else key.default_text
