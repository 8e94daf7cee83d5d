"""What a format is: a name, how its files are written, and how they are read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from curation.release.written import Written
from schemas.release import FormatChoice, FormatName, ReleaseManifest, Task

FOLDER = "formats"  # of a release; a format's files lie in formats/NAME

Write = Callable[[Written, Path], None]
Check = Callable[[Path, Path, ReleaseManifest], Iterator[str]]


class Format(NamedTuple):
    """A format: `shows` says in a sentence who reads it.

    `write` writes its files into the folder that it is given, from a release whose rows are written; equal rows give
    equal bytes. `check` takes the release, the format's folder and the manifest; it reads the files as the
    trainer does, by this project's own code, compares them with `full`, and gives faults in words.
    """

    name: FormatName
    shows: str
    write: Write
    check: Check


def tasks_of(choice: FormatChoice, otherwise: tuple[Task, ...]) -> tuple[Task, ...]:
    """The tasks that have records: those that were chosen, in the order of the paper, else `otherwise`."""
    return tuple(task for task in ("v2v", "v2t", "v2vt") if task in (choice.tasks or otherwise))
