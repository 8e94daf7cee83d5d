"""The JSON Schema of a configuration, for editors: it completes keys, shows what they mean, and marks wrong ones."""

from __future__ import annotations

from typing import Any

from schemas.configuration.config import CurateConfig
from schemas.configuration.train_config import TrainConfig
from schemas.repository import ROOT

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(whole: type[CurateConfig] | type[TrainConfig]) -> dict[str, Any]:
    """The schema of a whole configuration (draft 2020-12). A key's unit is in `x-unit` and in its description."""
    schema = whole.model_json_schema()
    _tell_units(schema)
    return {"$schema": DRAFT, **schema}


def _tell_units(node: Any) -> None:
    """Say the unit where editors show it, and no folder of this checkout in a default."""
    if isinstance(node, list):
        for item in node:
            _tell_units(item)
    if not isinstance(node, dict):
        return
    for name, value in node.items():
        if name == "properties":
            for key in value.values():
                if unit := _unit(key):
                    key["description"] = f"{key.get('description', '')} [{unit}]".strip()
        if isinstance(value, str):
            node[name] = value.replace(f"{ROOT}/", "")
        else:
            _tell_units(value)


def _unit(key: dict[str, Any]) -> str | None:
    """The unit of a number, also of one that may be null; none for a section, whose keys have theirs."""
    for form in (key, *key.get("anyOf", ())):
        if "x-unit" in form and "$ref" not in form:
            return str(form["x-unit"])
    return None
