"""Unfinished downloads: which of them can be resumed after a crash, and which must start again.

yt-dlp notes the number of finished fragments (HLS, DASH) only after it appended a fragment. A crash between the two
steps would append the fragment twice, unnoticed. `Journal` keeps a number of fragments and a file size that belong
together, and `repair` cuts the file back to that size before the download is resumed.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import time
from pathlib import Path

from curation.store.files import hold_folder, write_whole

log = logging.getLogger(__name__)
_JOURNAL = "fragments.json"
_MEDIA = re.compile(r"[0-9a-f]{16}\.")  # files of videos, unlike notes and subtitles, are named by hashes
KEPT_DAYS = 14.0


class Journal:
    """Keeps, while fragments are fetched, the latest consistent pair of fragments done and bytes in the file."""

    def __init__(self, folder: Path) -> None:
        """Start with the pair that the journal of the folder holds, or with (0, 0)."""
        self._path = folder / _JOURNAL
        self._index, self._size = _read(self._path) or (0, 0)

    def note(self, index: int, file: Path) -> None:
        """Note that a block of fragment `index` (0-based) arrived: `file` holds exactly the fragments before it.

        yt-dlp also reports a fragment once when it is complete but not yet appended. Then the file has not grown, and
        nothing is noted.
        """
        if index <= self._index:
            return
        try:
            size = file.stat().st_size
        except FileNotFoundError:
            return
        if size > self._size:
            self._index, self._size = index, size
            write_whole(self._path, json.dumps({"index": index, "size": size}))


def repair(folder: Path) -> None:
    """Bring a fragmented download back to its last consistent state; where that is impossible, empty the folder.

    Without this, yt-dlp would append to the file even when its own note of the finished fragments is missing or broken.
    """
    notes, journal = list(folder.glob("*.ytdl")), _read(folder / _JOURNAL)
    if not notes and journal is None:
        return
    part = notes[0].with_suffix(".part") if len(notes) == 1 else None
    if part is None or journal is None or not part.is_file() or part.stat().st_size < journal[1]:
        if any(folder.glob("*.part")) or notes:
            clear(folder)
        return
    index, size = journal
    log.debug("resuming after fragment %d, %d bytes", index, size)
    os.truncate(part, size)
    write_whole(notes[0], json.dumps({"downloader": {"current_fragment": {"index": index}}}))


def reopen(folder: Path, name: str) -> int:
    """Prepare the folder for a download under the file name `name` (without extension) that goes on where it ended.

    What belongs to another name is removed. A file that was complete when the process was killed counts as unfinished;
    a complete file of fragments is fetched again. The last byte of an unfinished file is cut off: so there is always a
    byte to ask for, and the answer tells whether the server still has that file. Returns the bytes of the unfinished
    file, 0 where there is none, or where it is one of fragments.
    """
    files = [path for path in folder.iterdir() if _MEDIA.match(path.name)]
    whole = [path for path in files if path.suffix not in (".part", ".ytdl") and ".part-Frag" not in path.name]
    fragments = (folder / _JOURNAL).exists()
    if any(path.name.partition(".")[0] != name for path in files) or (whole and (fragments or len(files) > 1)):
        clear(folder)
        return 0
    for path in whole:
        path.rename(path.with_name(f"{path.name}.part"))
    parts = list(folder.glob("*.part"))
    if fragments or len(parts) != 1:
        return 0
    size = max(parts[0].stat().st_size - 1, 0)
    os.truncate(parts[0], size)
    return size


def clear(folder: Path) -> None:
    """Empty the folder of an unfinished download."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Remove the folder of an unfinished download."""
    shutil.rmtree(folder, ignore_errors=True)


def forget_old(folder: Path, now: float | None = None) -> int:
    """Remove the unfinished downloads in `folder` that were untouched for 14 days, and return their number.

    `now` is Unix time in seconds. Only the holder of the workspace's lock may call it. A download that cannot be
    removed stays, and a warning is logged.
    """
    if not folder.is_dir():
        return 0
    limit = (time.time() if now is None else now) - KEPT_DAYS * 86_400
    dropped = freed = 0
    for download in sorted(folder.iterdir()):
        try:
            entries = [entry.lstat() for entry in (download, *download.rglob("*"))]
            # Changes of the inode count too: a download may set the date of its file to that of the upload.
            if max(max(entry.st_mtime, entry.st_ctime) for entry in entries) >= limit or not _remove(download):
                continue
        except FileNotFoundError:
            continue  # another process has just finished it
        except OSError as error:
            log.warning("unfinished download %s: not removed: %s", download.name, error)
            continue
        dropped += 1
        freed += sum(entry.st_size for entry in entries)
    if dropped:
        log.info("dropped %d unfinished downloads untouched for %g days (%.1f MB)", dropped, KEPT_DAYS, freed / 1e6)
    return dropped


def _remove(download: Path) -> bool:
    """Remove an unfinished download, unless another process is about to go on with it. Raises OSError."""
    if not download.is_dir() or download.is_symlink():
        download.unlink()
        return True
    with hold_folder(download) as held:
        if held:
            shutil.rmtree(download)
        return held


def _read(path: Path) -> tuple[int, int] | None:
    try:
        pair = json.loads(path.read_text())
        return int(pair["index"]), int(pair["size"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
