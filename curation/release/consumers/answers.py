"""What a consumer says of a part, in a form that does not depend on its library, and the files that carry it.

Values: every number is a float, NaN is null, bytes are their SHA-256, and a picture (also one in the form of
`datasets`, a structure of bytes and path) is its size and the SHA-256 of its pixels, so that it was decoded.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

_PICTURE = {"bytes", "path"}


class Answer(NamedTuple):
    """How a consumer reads a part.

    `columns`: names and names of types, None as the type where the library has none. `ids`: the key column of all rows
    in order, or of those of the opened files with `only_opened`. `rows`: some rows by their number in the part; with
    `partial` they hold only what the consumer takes of a row, and `columns` is empty.
    """

    columns: Mapping[str, str | None]
    ids: Iterable[Any]
    rows: Iterable[tuple[int, Mapping[str, Any]]]
    only_opened: bool = False
    partial: bool = False


class Kept(NamedTuple):
    """An answer that was read back; `ids` are read from the file as they are asked for."""

    columns: dict[str, str | None]
    rows: dict[int, dict[str, Any]]
    only_opened: bool
    partial: bool
    ids: Path


def keep(answer: Answer, folder: Path, number: int) -> None:
    """Write the answer to the part `number` into a folder. Raises what reading raises, and TypeError for odd values."""
    with (folder / f"{number}.ids").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(canonical(key)) + "\n" for key in answer.ids)
    rows = {place: {name: canonical(value) for name, value in row.items()} for place, row in answer.rows}
    about = {"columns": dict(answer.columns), "rows": rows, "only_opened": answer.only_opened}
    (folder / f"{number}.json").write_text(json.dumps({**about, "partial": answer.partial}), encoding="utf-8")


def kept(folder: Path, number: int) -> Kept | None:
    """The answer to the part `number`; None when there is none."""
    path = folder / f"{number}.json"
    if not path.is_file():
        return None
    about = json.loads(path.read_bytes())
    rows = {int(place): row for place, row in about["rows"].items()}
    return Kept(about["columns"], rows, about["only_opened"], about["partial"], folder / f"{number}.ids")


def read_ids(path: Path) -> Iterator[Any]:
    """The ids of a kept answer, in order."""
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def canonical(value: Any) -> Any:
    """A value of any library as JSON, as the module says. Raises TypeError for a value of another kind."""
    from PIL.Image import Image

    if hasattr(value, "tolist") and not isinstance(value, bytes | str):  # NumPy's arrays and numbers
        value = value.tolist()
    if isinstance(value, Image):
        return _picture(value)
    if isinstance(value, Mapping):
        if value.keys() == _PICTURE and isinstance(value["bytes"], bytes):
            return picture(value["bytes"])
        return {str(name): canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return None if math.isnan(value) else float(value)
    raise TypeError(f"a value of the type {type(value).__name__}")


def picture(data: bytes) -> dict[str, Any]:
    """The canonical form of an encoded picture. Raises OSError for what is no picture."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return _picture(image)


def _picture(image: Any) -> dict[str, Any]:
    pixels = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()
    return {"picture": [image.width, image.height], "pixels": pixels}
