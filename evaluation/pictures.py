"""Sources of frame pictures that the references do not contain: a folder of files, or a workspace with its videos."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from curation.ledger.entries import Entry
from curation.pipeline.services import Services
from evaluation.cases import Flags, Reference
from schemas.errors import ConfigError, StageError
from schemas.records import FrameSet, Video
from schemas.time import FrameIndex

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SUFFIXES = (".jpg", ".jpeg", ".png")


class FramePictures:
    """A source of pictures by video and frame. This base class has no pictures."""

    def read(self, video: str, frames: Iterable[int]) -> dict[int, bytes]:
        """JPEG or PNG bytes by frame of the grid. Frames without a picture are left out."""
        del video, frames
        return {}


class FolderPictures(FramePictures):
    """Files FOLDER/ID/000012.jpg: the name is the frame of the grid, with or without leading zeros."""

    def __init__(self, folder: Path) -> None:
        """Bind the folder. Raises ConfigError when it is not a folder."""
        if not folder.is_dir():
            raise ConfigError(f"{folder}: this is not a folder of pictures (FOLDER/ID/000012.jpg)")
        self._folder = folder

    def read(self, video: str, frames: Iterable[int]) -> dict[int, bytes]:
        """Read the files that exist. An id that could lead out of the folder has no pictures."""
        if not _SAFE.fullmatch(video):
            return {}
        wanted = set(frames)
        pictures: dict[int, bytes] = {}
        for path in sorted((self._folder / video).glob("*")) if wanted else ():
            if path.suffix.lower() in _SUFFIXES and path.stem.isascii() and path.stem.isdigit():
                frame = int(path.stem)
                if frame in wanted and frame not in pictures:
                    pictures[frame] = path.read_bytes()
        return pictures


class WorkspacePictures(FramePictures):
    """The sampled frames of a workspace. Frames whose pictures were not kept are decoded again."""

    def __init__(self, services: Services) -> None:
        """Bind an open workspace."""
        self._services = services

    def read(self, video: str, frames: Iterable[int]) -> dict[int, bytes]:
        """Read from the workspace's own videos. A video that is missing or cannot be decoded has no pictures."""
        wanted = list(frames)
        downloaded, sampled = (self._services.ledger.entry(video, stage) for stage in ("download", "frames"))
        if not wanted or not (_done(downloaded) and _done(sampled)):
            return {}
        assert downloaded is not None and sampled is not None  # _done() is False for None
        record = Video.model_validate_json(downloaded.payload)
        grid = FrameSet.model_validate_json(sampled.payload)
        pictures: dict[int, bytes] = {}
        for frame in wanted:
            if frame >= len(grid.frames):
                continue
            try:
                pictures[frame] = self._services.pictures.read(record, grid, FrameIndex(frame))
            except (StageError, OSError):
                return pictures
        return pictures


def _done(entry: Entry | None) -> bool:
    return entry is not None and entry.head.status == "done"


def with_pictures(reference: Reference, chosen: Flags | None, pictures: FramePictures) -> Reference:
    """The reference with the existing pictures of every frame that an annotator chose or that `chosen` (T,) has."""
    wanted: set[int] = set()
    if reference.selections is not None:
        wanted |= set(np.flatnonzero(reference.selections.any(axis=0)).tolist())
    if chosen is not None and chosen.shape == (reference.frames,):
        wanted |= set(np.flatnonzero(chosen).tolist())
    more = pictures.read(reference.id, sorted(wanted - reference.pictures.keys()))
    return replace(reference, pictures={**more, **reference.pictures}) if more else reference
