"""Publishes to annotators the files that tasks show: videos that browsers can play, and keyframes, named by hash.

    WORKSPACE/review/files/media/videos/ab/<sha256>.mp4
    WORKSPACE/review/files/media/frames/ab/<sha256>.jpg

Label Studio serves the files under `media`, and no others, to the users of the project; range requests are possible.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from annotation.label_studio.server import document_root
from curation.pipeline.services import Services
from curation.store.files import write_whole
from curation.video.browser_copy import make_playable
from curation.video.sandbox import Limits
from schemas.records import Sample
from schemas.time import FrameIndex

_LIMITS = Limits(wall_seconds=1800.0, memory_megabytes=4096)


class Shown(NamedTuple):
    """Addresses, for Label Studio, of the files that a task shows: its video, and one picture of each keyframe."""

    video: str
    pictures: dict[FrameIndex, str]


class Media:
    """The media folder of a workspace, which the server reads."""

    def __init__(self, workspace: Path, services: Services) -> None:
        """`services` give the store, the sandbox and the pictures."""
        self.folder = document_root(workspace.resolve()) / "media"
        self._services = services
        self._folders: dict[tuple[str, str], Path] = {}  # folders that exist; 512 at most

    def publish(self, sample: Sample) -> Shown:
        """Put a sample's video and keyframes into the folder, unless they are there; returns their addresses.

        Raises StageError when the video or a picture cannot be read any more.
        """
        video = sample.video
        film = self._place("videos", video.sha256, "webm")
        if not film.exists():
            film = film.with_suffix(".mp4")
        if not film.exists():
            path = self._services.restorer.file(video)
            film = make_playable(path, film.parent, self._services.sandbox, _LIMITS)
        pictures = {}
        for index in sample.extract.keyframes:
            picture = self._place("frames", sample.frames.frames[index].sha256, "jpg")
            if not picture.exists():
                write_whole(picture, self._services.pictures.read(video, sample.frames, index))
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
