"""The parameters of a flow as a JSON Schema from which Prefect's pages make a form that people can fill in.

Prefect's own schema has no descriptions of parameters that may be None, and shows these as a choice of types. Here
such a parameter is a plain field that may stay empty, and every field says what it is for.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, get_args, get_origin

from prefect import Flow
from pydantic.fields import FieldInfo


def form_of(flow: Flow[..., Any]) -> dict[str, Any]:
    """The schema of the flow's parameters, for a deployment.

    A parameter that is a free mapping has no field: its text would be JSON. The API takes it all the same.
    """
    schema: dict[str, Any] = flow.parameters.model_dump(exclude_unset=True)
    schema.pop("$defs", None)  # a copy of `definitions`, to which the references point
    told = descriptions(flow)
    fields = {name: _field(field) for name, field in schema["properties"].items()}
    schema["properties"] = {
        name: {**field, **({"description": told[name]} if name in told else {})}
        for name, field in fields.items()
        if not _is_free(field)
    }
    schema["definitions"] = {
        name: {**each, "properties": {key: _field(field) for key, field in each.get("properties", {}).items()}}
        for name, each in schema.get("definitions", {}).items()
    }
    if not schema["definitions"]:
        del schema["definitions"]
    return schema


def descriptions(flow: Flow[..., Any]) -> dict[str, str]:
    """What the annotations of the flow's parameters say of them."""
    found = {}
    for name, parameter in inspect.signature(flow.fn, eval_str=True).parameters.items():
        if get_origin(parameter.annotation) is Annotated:
            for each in get_args(parameter.annotation)[1:]:
                if isinstance(each, FieldInfo) and each.description:
                    found[name] = each.description
    return found


def _field(field: dict[str, Any]) -> dict[str, Any]:
    """A field that may be None becomes one that may stay empty."""
    kinds = field.get("anyOf", [])
    others = [kind for kind in kinds if kind.get("type") != "null"]
    if len(others) == len(kinds) or len(others) != 1:
        return field
    rest = {key: value for key, value in field.items() if key not in ("anyOf", "default")}
    default = field.get("default")
    return {**others[0], **rest, **({"default": default} if default is not None else {})}


def _is_free(field: dict[str, Any]) -> bool:
    return field.get("type") == "object" and not field.get("properties")
