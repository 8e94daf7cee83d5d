"""Notes which stored files were checked: a file with the size and the date of the note is not hashed again.

A lost or damaged note costs one hash of its file. So does a copied workspace whose files have new dates.
"""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

from curation.store.files import write_whole

log = logging.getLogger(__name__)

# File systems round dates, so a second write may leave the date as it is. A note needs a file that is older than this.
_BACK_NS = 10 * 10**9


def is_noted(note: Path, found: os.stat_result) -> bool:
    """Whether a file with these properties was checked."""
    try:
        known = json.loads(note.read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return bool(known == {"size": found.st_size, "mtime_ns": found.st_mtime_ns})


def note(note: Path, found: os.stat_result) -> None:
    """Note that a file is what its name says; `found` are the properties that it had before it was read.

    A file that was written just now is not noted: see `date_back`. A note that cannot be written is left out.
    """
    if found.st_mtime_ns > time.time_ns() - _BACK_NS:
        return
    try:
        write_whole(note, json.dumps({"size": found.st_size, "mtime_ns": found.st_mtime_ns}))
    except OSError as error:
        log.debug("%s: not noted as checked: %s", note.name, error)


def date_back(file: Path) -> None:
    """Give a new file, to which nobody writes, a date some seconds ago. Raises OSError."""
    date = time.time_ns() - 2 * _BACK_NS
    os.utime(file, ns=(date, date))
