"""Makes the videos of gold questions: each is rendered once and sampled as the run samples its videos.

FOLDER/ID.json                         the rendered and sampled film; losing the file costs only time
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from curation.frames.files import frames_key
from curation.pipeline.services import Services
from curation.store.files import write_whole
from curation.video.encode import encode_video
from curation.video.probe import probe
from demo.render import frames
from demo.world import Script
from schemas.errors import NotStored
from schemas.records import FrameSet, Publication, Record, Video

FPS = 10
# A fixed quantizer gives the same bytes every time. With crf, x264's look-ahead ("mbtree") does not.
_ENCODING = {"preset": "veryfast", "qp": "23", "g": "50"}


class Film(Record):
    """A video in the store and its sampled frames. `sampled`: the key of the frames in the store."""

    sampled: str
    video: Video
    frames: FrameSet


def make_film(folder: Path, services: Services, name: str, script: Script) -> Film:
    """The film of a script; its id is `name`.

    A film that `folder` and the store have is not rendered or decoded again. Raises StageError as sampling does, and
    OSError when the folder cannot be written.
    """
    path = folder / f"{name}.json"
    known = _read(path)
    video = known.video if known is not None and _stored(services, known.video) else _render(services, name, script)
    sampled = frames_key(video.sha256, services.config.frames)
    if known is not None and known.sampled == sampled:
        return known
    film = Film(sampled=sampled, video=video, frames=services.pictures.sample(video))
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, film.canonical())
    return film


def _read(path: Path) -> Film | None:
    try:
        return Film.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def _stored(services: Services, video: Video) -> bool:
    try:
        services.store.video(video)
    except NotStored:
        return False
    return True


def _render(services: Services, name: str, script: Script) -> Video:
    """Render a video into the store; returns a record as the download stage makes it."""
    with services.store.scratch() as folder:
        path = folder / "film.mp4"
        encode_video(path, frames(script, FPS), fps=FPS, options=_ENCODING)
        stored = services.store.add("videos", path, "mp4", move=True)
    properties = probe(stored.path)._asdict()
    properties.pop("start")
    return Video(
        id=name, sha256=stored.sha256, bytes=stored.bytes, extension="mp4", publication=Publication(), **properties
    )
