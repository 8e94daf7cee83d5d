"""Makes Arrow data of rows that every reader can read: no NUL, no lone surrogate, no text without an end.

NUL ends a text for C code, JSON of a lone surrogate is no UTF-8, and viewers load a whole field. Texts of publishers
and models may hold all three. Clean rows, which nearly all are, pass without a look at each value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.kit.utf8 import storable_text

LONGEST = 100_000  # characters of a text
CUT = "…"


def arrow_batch(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.RecordBatch:
    """The rows as Arrow data. NUL and lone surrogates become U+FFFD; texts above `LONGEST` are cut and end with `…`.

    Raises pyarrow.ArrowInvalid or ArrowTypeError for a value of a wrong type.
    """
    try:
        batch = pa.RecordBatch.from_pylist(rows, schema=schema)
        if not any(_is_suspect(texts) for column in batch.columns for texts in text_arrays(column)):
            return batch
    except UnicodeEncodeError:
        pass
    return pa.RecordBatch.from_pylist([readable(row) for row in rows], schema=schema)


def readable(value: Any) -> Any:
    """A value of a row with every text in it as `arrow_batch` writes it."""
    if isinstance(value, str):
        text = storable_text(value)
        return text if len(text) <= LONGEST else text[: LONGEST - 1] + CUT
    if isinstance(value, dict):
        return {key: readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [readable(item) for item in value]
    return value


def text_arrays(column: pa.Array) -> Iterator[pa.Array]:
    """All arrays of texts in a column."""
    kind = column.type
    if pa.types.is_string(kind):
        yield column
    elif pa.types.is_list(kind):
        yield from text_arrays(column.flatten())
    elif pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from text_arrays(column.field(place))


def _is_suspect(texts: pa.Array) -> bool:
    data = texts.buffers()[2]
    if data is None:
        return False
    # Bytes, of which a character has one or more. Most columns are shorter as a whole than one text may be.
    longest = data.size if data.size <= LONGEST else pc.max(pc.binary_length(texts)).as_py() or 0
    return longest > LONGEST or b"\0" in data.to_pybytes()
