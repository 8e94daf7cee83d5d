"""Writes JSON values as script files of bounded size, which a page loads without a server.

Browsers let no page of `file://` fetch a file, but it may load scripts. `data/NAME/FFF/NNNNN.js` calls
`v2xum.take("NAME", NNNNN, [...])` with the values of consecutive rows; FFF counts thousands of files, so that no folder
is large.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PAGE_BYTES = 256 * 1024
_PER_FOLDER = 1000


def script(name: str, number: int, texts: list[str]) -> str:
    """A call with a list of values, each already a JSON text of `json_text`."""
    return f'v2xum.take("{name}",{number},[\n' + ",\n".join(texts) + "\n]);\n"


def json_text(value: Any) -> str:
    """A value as JSON that means the same in a script of any age, and that ends no element of a page.

    Raises ValueError for NaN and infinity, which JSON does not have.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def numbered(kind: str, number: int, per_folder: int = _PER_FOLDER) -> str:
    """The place of a numbered file without its ending: `KIND/FFF/NNNNN`."""
    return f"{kind}/{number // per_folder:03d}/{number:05d}"


class ScriptFiles:
    """Writes the values of rows, one after the other; a file is closed when it has `page_bytes` or `most` values.

    `starts` has the number of the first row of each file.
    """

    def __init__(self, folder: Path, name: str, page_bytes: int = PAGE_BYTES, most: int | None = None) -> None:
        """Write below `folder`, the site's."""
        self.starts: list[int] = []
        self.bytes = 0
        self._folder, self._name, self._page_bytes, self._most = folder, name, page_bytes, most
        self._texts: list[str] = []
        self._size = self._rows = 0

    def add(self, value: Any) -> None:
        """Append the value of the next row. Raises ValueError as `json_text`, and OSError."""
        text = json_text(value)
        if not self._texts:
            self.starts.append(self._rows)
        self._texts.append(text)
        self._rows += 1
        self._size += len(text)
        if self._size >= self._page_bytes or len(self._texts) == self._most:
            self.close()

    def close(self) -> None:
        """Write what is left."""
        if not self._texts:
            return
        number = len(self.starts) - 1
        path = self._folder / f"{numbered(f'data/{self._name}', number)}.js"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = script(self._name, number, self._texts).encode()
        path.write_bytes(content)
        self.bytes += len(content)
        self._texts, self._size = [], 0
