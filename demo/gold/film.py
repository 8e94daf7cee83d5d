"""The videos of gold questions: drawn once, sampled as the run samples its own, remembered beside the review.

FOLDER/ID.json                         what was rendered and sampled; losing it costs time only
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError

from curation.frames.files import frames_key
from curation.pipeline.services import Services
from curation.video.encode import encode_video
from curation.video.probe import probe
from demo.render import frames
from demo.world import Script
from schemas.records import FrameSet, Publication, Record, Video

FPS = 10
# A fixed quantizer: with crf, x264 looks ahead by "mbtree", which gives other bytes from one time to the next.
_ENCODING = {"preset": "veryfast", "qp": "23", "g": "50"}


class Film(Record):
    """A video in the store with its sampled frames; `sampled` is the frames' key there."""

    sampled: str
    video: Video
    frames: FrameSet


def make_film(folder: Path, services: Services, name: str, script: Script) -> Film:
    """The film of a script, called `name`; what `folder` and the store remember is not rendered or decoded again.

    Raises StageError as sampling does, OSError when nothing can be written.
    """
    path = folder / f"{name}.json"
    known = _remembered(path)
    there = known is not None and services.store.path("videos", known.video.sha256, known.video.extension).exists()
    video = known.video if known is not None and there else _render(services, name, script)
    sampled = frames_key(video.sha256, services.config.frames)
    if known is not None and known.sampled == sampled:
        return known
    film = Film(sampled=sampled, video=video, frames=services.pictures.sample(video))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(film.canonical(), encoding="utf-8")
    temporary.replace(path)
    return film


def _remembered(path: Path) -> Film | None:
    try:
        return Film.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def _render(services: Services, name: str, script: Script) -> Video:
    """Draw and encode the video into the store, and describe it as the download stage does."""
    with services.store.scratch() as folder:
        path = folder / "film.mp4"
        encode_video(path, frames(script, FPS), fps=FPS, options=_ENCODING)
        stored = services.store.add("videos", path, "mp4", move=True)
    known = probe(stored.path)._asdict()
    known.pop("start")
    return Video(id=name, sha256=stored.sha256, bytes=stored.bytes, extension="mp4", publication=Publication(), **known)
