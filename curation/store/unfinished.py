"""Half-done downloads: what may be resumed after a crash, and what must begin anew.

Fragmented downloads (HLS, DASH) note how many fragments are done only after a fragment was appended, so a crash
in between would append it twice, unseen. `Journal` keeps a count and a size that belong together, and `repair`
cuts the file back to them before it is resumed.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from pathlib import Path

log = logging.getLogger(__name__)
_JOURNAL = "fragments.json"
KEPT_DAYS = 14.0


class Journal:
    """Notes, while fragments are fetched, pairs of (fragments done, bytes in the file) known to be consistent."""

    def __init__(self, folder: Path) -> None:
        """Go on from what the folder's journal says."""
        self._path = folder / _JOURNAL
        self._index, self._size = _read(self._path) or (0, 0)

    def note(self, index: int, file: Path) -> None:
        """Take note at a block of fragment `index` (0-based): the file holds exactly the fragments before it.

        yt-dlp also reports once when a fragment is complete but not yet appended; then the file has not grown.
        """
        if index <= self._index:
            return
        try:
            size = file.stat().st_size
        except FileNotFoundError:
            return
        if size > self._size:
            self._index, self._size = index, size
            _write(self._path, {"index": index, "size": size})


def repair(folder: Path) -> None:
    """Bring a fragmented download to its last consistent state; what cannot be brought there is begun anew.

    yt-dlp would append to what is there also when its own note of the fragments done is missing or torn.
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
    _write(notes[0], {"downloader": {"current_fragment": {"index": index}}})


def clear(folder: Path) -> None:
    """Forget what was begun: empty the folder."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)


def discard(folder: Path) -> None:
    """Forget what was begun, folder and all."""
    shutil.rmtree(folder, ignore_errors=True)


def forget_old(folder: Path, now: float | None = None) -> int:
    """Drop the unfinished downloads in `folder` that nobody went on with for 14 days; returns how many.

    `now` is unix time. Only the holder of the workspace's lock may call it. What cannot be removed stays, logged.
    """
    if not folder.is_dir():
        return 0
    limit = (time.time() if now is None else now) - KEPT_DAYS * 86_400
    dropped = freed = 0
    for download in sorted(folder.iterdir()):
        entries = [entry.lstat() for entry in (download, *download.rglob("*"))]
        # Changes of the inode count, too: a download may give its file the date of the upload.
        if max(max(entry.st_mtime, entry.st_ctime) for entry in entries) >= limit:
            continue
        try:
            if download.is_dir() and not download.is_symlink():
                shutil.rmtree(download)
            else:
                download.unlink()
        except OSError as error:
            log.warning("unfinished download %s: not removed: %s", download.name, error)
            continue
        dropped += 1
        freed += sum(entry.st_size for entry in entries)
    if dropped:
        log.info("dropped %d unfinished downloads untouched for %g days (%.1f MB)", dropped, KEPT_DAYS, freed / 1e6)
    return dropped


def _read(path: Path) -> tuple[int, int] | None:
    try:
        found = json.loads(path.read_text())
        return int(found["index"]), int(found["size"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, content: object) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content))
    fresh.replace(path)
