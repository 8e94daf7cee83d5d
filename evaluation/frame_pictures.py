"""Pictures of frames that no dataset file holds: from a folder, or from a workspace whose videos are still there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from curation.entries import Entry
from curation.stages import Services
from evaluation.evaluate import FramePictures
from schemas.errors import ConfigError, StageError
from schemas.records import FrameSet, Video
from schemas.time import FrameIndex

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUFFIXES = (".jpg", ".jpeg", ".png")


class FolderPictures(FramePictures):
    """FOLDER/ID/000012.jpg: the frame of the grid as the file's name, with or without zeros before it."""

    def __init__(self, folder: Path) -> None:
        """Bind the folder. Raises ConfigError when it is none."""
        if not folder.is_dir():
            raise ConfigError(f"{folder}: no folder of pictures (FOLDER/ID/000012.jpg)")
        self._folder = folder

    def read(self, video: str, frames: Iterable[int]) -> dict[int, bytes]:
        """The files that are there; an id that could leave the folder has none."""
        if not _SAFE.fullmatch(video):
            return {}
        wanted = set(frames)
        found: dict[int, bytes] = {}
        for path in sorted((self._folder / video).glob("*")) if wanted else ():
            if path.suffix.lower() in _SUFFIXES and path.stem.isascii() and path.stem.isdigit():
                frame = int(path.stem)
                if frame in wanted and frame not in found:
                    found[frame] = path.read_bytes()
        return found


class WorkspacePictures(FramePictures):
    """The sampled frames of a workspace, decoded again where they were not kept."""

    def __init__(self, services: Services) -> None:
        """Bind an open workspace."""
        self._services = services

    def read(self, video: str, frames: Iterable[int]) -> dict[int, bytes]:
        """What the workspace's own videos give; a video that is gone, or cannot be decoded, gives nothing."""
        wanted = list(frames)
        downloaded, sampled = (self._services.ledger.entry(video, stage) for stage in ("download", "frames"))
        if not wanted or not (_done(downloaded) and _done(sampled)):
            return {}
        assert downloaded is not None and sampled is not None  # _done() has seen to it
        record = Video.model_validate_json(downloaded.payload)
        grid = FrameSet.model_validate_json(sampled.payload)
        found: dict[int, bytes] = {}
        for frame in wanted:
            if frame >= len(grid.frames):
                continue
            try:
                found[frame] = self._services.pictures.read(record, grid, FrameIndex(frame))
            except (StageError, OSError):
                return found
        return found


def _done(entry: Entry | None) -> bool:
    return entry is not None and entry.head.status == "done"
