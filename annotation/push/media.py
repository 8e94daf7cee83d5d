"""What annotators see and hear, and nothing else: videos that browsers play, and keyframes, by their hashes.

    WORKSPACE/review/files/media/videos/ab/<sha256>.mp4
    WORKSPACE/review/files/media/frames/ab/<sha256>.jpg

Label Studio serves what lies under `media` to users of the project that holds that folder, with range requests.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from annotation.label_studio.server import document_root
from curation.pipeline.services import Services
from curation.video.browser_copy import make_playable
from curation.video.sandbox import Limits
from schemas.records import Sample
from schemas.time import FrameIndex

_LIMITS = Limits(wall_seconds=1800.0, memory_megabytes=4096)


class Shown(NamedTuple):
    """Addresses of what a task shows, as Label Studio resolves them: the video, and a picture a keyframe."""

    video: str
    pictures: dict[FrameIndex, str]


class Media:
    """The folder of a workspace that the server reads."""

    def __init__(self, workspace: Path, services: Services) -> None:
        """Bind the workspace's review folder and its store."""
        self.folder = document_root(workspace.resolve()) / "media"
        self._services = services
        self._folders: dict[tuple[str, str], Path] = {}  # 512 at most

    def publish(self, sample: Sample) -> Shown:
        """Put video and keyframes where the server finds them; what is there already is left alone.

        Raises StageError when the video or a picture cannot be read any more.
        """
        video = sample.video
        film = self._place("videos", video.sha256, "webm")
        if not film.exists():
            film = film.with_suffix(".mp4")
        if not film.exists():
            path = self._services.store.path("videos", video.sha256, video.extension)
            film = make_playable(path, film.parent, self._services.sandbox, _LIMITS)
        pictures = {}
        for index in sample.extract.keyframes:
            picture = self._place("frames", sample.frames.frames[index].sha256, "jpg")
            if not picture.exists():
                _write(picture, self._services.pictures.read(video, sample.frames, index))
            pictures[index] = self._address(picture)
        return Shown(self._address(film), pictures)

    def _place(self, kind: str, sha256: str, extension: str) -> Path:
        folder = self._folders.get((kind, sha256[:2]))
        if folder is None:
            folder = self._folders[kind, sha256[:2]] = self.folder / kind / sha256[:2]
            folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{sha256}.{extension}"

    def _address(self, path: Path) -> str:
        return "/data/local-files/?d=" + "/".join(path.parts[-4:])  # media/KIND/ab/HASH.ext


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
