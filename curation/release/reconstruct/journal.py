"""The journal of a reconstruction: one line for every row that is done, written at once, so that a kill loses none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self, get_args

from pydantic import ValidationError

from curation.store.files import hash_file
from schemas.documents.reconstruction import ReconstructedRow

Keep = Literal["none", "keyframes", "all"]  # which frames of a video are kept; each is more than the one before
KEEPS: tuple[Keep, ...] = get_args(Keep)


class Entry(NamedTuple):
    """A row that is done; `date`: the time stamp (ns) of its kept file, None where none is; `keep`: of its frames."""

    row: ReconstructedRow
    date: int | None
    keep: Keep


class Journal:
    """What is done, by the digest of what was wanted. Only one thread writes; it is a context manager."""

    def __init__(self, path: Path) -> None:
        """Read the file, which need not exist; what a kill left of a last line is cut off."""
        self._done: dict[str, Entry] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        with path.open("r+b") as stream:
            whole = 0
            for line in stream:
                if not line.endswith(b"\n"):
                    break
                whole += len(line)
                self._read(line)
            stream.truncate(whole)
        self._stream = path.open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def done(self, digest: str, folder: Path) -> Entry | None:
        """The entry for what is wanted, unless its kept file in `folder` is gone or was changed. Raises OSError."""
        entry = self._done.get(digest)
        if entry is None or entry.row.file is None:
            return entry
        path = folder / entry.row.file
        if not path.is_file() or path.stat().st_size != entry.row.bytes:
            return None
        same = path.stat().st_mtime_ns == entry.date or hash_file(path)[0] == entry.row.sha256
        return entry if same else None

    def add(self, digest: str, row: ReconstructedRow, folder: Path, keep: Keep) -> None:
        """Note that a row is done; the line is on the disk when the call returns. Raises OSError."""
        date = None if row.file is None else (folder / row.file).stat().st_mtime_ns
        line = {"wanted": digest, "row": row.model_dump(mode="json"), "date": date, "keep": keep}
        self._stream.write(json.dumps(line).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._done[digest] = Entry(row, date, keep)

    def _read(self, line: bytes) -> None:
        try:
            read = json.loads(line)
            row, keep = ReconstructedRow.model_validate(read["row"]), read.get("keep", "keyframes")
            self._done[read["wanted"]] = Entry(row, read["date"], KEEPS[KEEPS.index(keep)])
        except (ValueError, KeyError, TypeError, ValidationError, RecursionError):
            return  # a damaged line: that row is made again
