"""Names of column types that are the same for every library: `list<struct<time:float64,text:string>>`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_SAME = {"large_string": "string", "large_binary": "binary", "double": "float64", "float": "float32"}


def arrow_columns(schema: pa.Schema) -> dict[str, str]:
    """The columns of an Arrow schema, in order, with the names of their types."""
    return {field.name: arrow_type(field.type) for field in schema}


def arrow_type(kind: pa.DataType) -> str:
    """The name of an Arrow type. Large and small variants of a type have one name."""
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return struct_of((field.name, arrow_type(field.type)) for field in kind)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return list_of(arrow_type(kind.value_type))
    return _SAME.get(str(kind), str(kind))


def list_of(inner: str) -> str:
    """The name of a list's type."""
    return f"list<{inner}>"


def struct_of(fields: Iterable[tuple[str, str]]) -> str:
    """The name of a structure's type, whose fields have names and names of types."""
    return f"struct<{','.join(f'{name}:{kind}' for name, kind in fields)}>"


def named_types(found: Mapping[str, str], stated: Mapping[str, str]) -> list[str]:
    """How columns differ from stated ones, in words; empty when names, order and types are the same."""
    told = [f"the column {name} is missing" for name in stated if name not in found]
    told += [f"there is a column {name}, which is not stated" for name in found if name not in stated]
    told += [
        f"the column {name} is {found[name]} instead of {stated[name]}"
        for name in stated
        if name in found and stated[name] != found[name]
    ]
    if not told and list(found) != list(stated):
        told.append(f"its columns are in the order {', '.join(found)}; stated is {', '.join(stated)}")
    return told
