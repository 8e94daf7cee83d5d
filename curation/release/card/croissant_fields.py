"""The columns of a configuration as fields of Croissant, made from its Hugging Face features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.ledger.stages import STAGES
from schemas.meanings.columns import meaning

Json = dict[str, Any]

_TYPES = {
    "string": "sc:Text",
    "bool": "sc:Boolean",
    "int8": "cr:Int8",
    "int16": "cr:Int16",
    "int32": "cr:Int32",
    "int64": "cr:Int64",
    "float32": "cr:Float32",
    "float64": "cr:Float64",
}
# What a column means in schema.org, where it means just that.
_EQUIVALENT = {
    "id": "sc:identifier",
    "title": "sc:name",
    "licence": "sc:license",
    "language": "sc:inLanguage",
    "address": "sc:url",
    "text_summary": "sc:abstract",
}


def fields(record_set: str, features: Mapping[str, Any], file_set: str) -> list[Json]:
    """The fields of the record set, in the order of the columns.

    `features` are those of `datasets.Features`; a column of lists of pictures is left out. `file_set` is the id of the
    Parquet files. Raises TypeError for a feature that no configuration has had so far.
    """
    from datasets import Image, List

    made = []
    for column, feature in features.items():
        if isinstance(feature, List) and isinstance(feature.feature, Image):
            continue  # mlcroissant reads no pictures in lists
        source = {"fileSet": {"@id": file_set}, "extract": {"column": column}}
        field = _field(f"{record_set}/{column}", feature, source, ())
        if column in _EQUIVALENT:
            field["equivalentProperty"] = _EQUIVALENT[column]
        made.append(field)
    return made


def _field(name: str, feature: Any, source: Json, path: tuple[str, ...]) -> Json:
    """A field; `path` leads from the column's value to the field's, through structures and the items of lists."""
    from datasets import Image, List, Value

    record_set, *steps = name.split("/")
    field: Json = {"@type": "cr:Field", "@id": name, "name": name}
    field["description"] = meaning(".".join(steps), record_set, STAGES.names)
    if listed := isinstance(feature, List):
        field |= {"isArray": True, "arrayShape": "-1"}
        feature = feature.feature
    if isinstance(feature, dict):
        inside = {key: each for key, each in feature.items() if not (listed and isinstance(each, Image))}
        if len(inside) < len(feature):  # mlcroissant reads no pictures in lists
            field["description"] += f" Not described: {', '.join(feature.keys() - inside.keys())} (a JPEG each)."
        return field | {
            "subField": [_field(f"{name}/{key}", each, source, (*path, key)) for key, each in inside.items()]
        }
    if isinstance(feature, Image):
        return field | {"dataType": "sc:ImageObject", "source": _source(source, (*path, "bytes"))}
    if isinstance(feature, Value) and feature.dtype in _TYPES:
        return field | {"dataType": _TYPES[feature.dtype], "source": _source(source, path)}
    raise TypeError(f"{name}: no type of Croissant is known for {feature}")


def _source(source: Json, path: tuple[str, ...]) -> Json:
    steps = [{"jsonPath": step} for step in path]
    return source | ({"transform": steps[0] if len(steps) == 1 else steps} if steps else {})
