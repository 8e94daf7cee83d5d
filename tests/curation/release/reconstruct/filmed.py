"""A release of real videos: rendered, served on this machine, sampled as a run samples them, and released."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from curation.frames.files import frame_name, frames_key
from curation.frames.sample import sample_frames
from curation.pipeline.services import Services
from curation.store.files import hash_file
from curation.video.encode import encode_video
from curation.video.probe import probe
from curation.workspace import Workspace
from demo.render import frames
from demo.world import make_script
from schemas.records import FrameSet, Sample, Video
from tests.curation.finished import finished
from tests.curation.samples import make_sample

FPS, SECONDS = 4, 16
OVERRIDES = ("export.title=Films", "frames.cross_check=0")


class Film(NamedTuple):
    """A video with the pictures from which it was encoded."""

    path: Path
    pictures: list[Any]


def film(path: Path, seed: int, seconds: int = SECONDS) -> Film:
    """Render a film of the demo's world."""
    every = frames(make_script(60_000_000 + seed, 40), FPS)
    pictures = [picture for picture, _ in zip(every, range(seconds * FPS), strict=False)]
    encode(path, pictures, 24)
    return Film(path, pictures)


def encode(path: Path, pictures: Sequence[Any], qp: int) -> None:
    """Encode pictures; a higher `qp` is a worse quality."""
    encode_video(path, pictures, fps=FPS, options={"preset": "ultrafast", "qp": str(qp)})


def smaller(pictures: Sequence[Any]) -> list[Any]:
    """The pictures at half their size."""
    return [np.asarray(Image.fromarray(each).resize((160, 120))) for each in pictures]


@contextmanager
def filmed(
    root: Path, films: dict[str, Path], base: str, *overrides: str, without: Sequence[Sample] = ()
) -> Iterator[tuple[Workspace, Services]]:
    """A workspace whose finished samples are these films, each at `base`/FILE, and the samples in `without`."""
    with finished(root / "empty", [], *OVERRIDES, *overrides) as (_, services):
        made = {name: _sample(root / "frames" / name, name, path, base, services) for name, path in films.items()}
    with finished(root / "w", [*made.values(), *without], *OVERRIDES, *overrides) as (place, services):
        for name, sample in made.items():
            folder = services.store.frames(frames_key(sample.video.sha256, services.config.frames))
            shutil.rmtree(folder)
            shutil.copytree(root / "frames" / name, folder)
        yield place, services


def _sample(folder: Path, name: str, path: Path, base: str, services: Services) -> Sample:
    sha256, size = hash_file(path)
    media = probe(path)
    folder.mkdir(parents=True)
    stub = make_sample(name, content=name)
    video = stub.video.model_copy(
        update={
            **{key: getattr(media, key) for key in ("container", "codec", "duration", "fps", "width", "height")},
            **{"sha256": sha256, "bytes": size},
        }
    )
    sampled = sample_frames(video, path, services.config.frames, folder, services.sandbox)
    return _with_frames(name, video, sampled, folder, f"{base}/{path.name}")


def _with_frames(name: str, video: Video, sampled: FrameSet, folder: Path, address: str) -> Sample:
    count = len(sampled.frames)
    chosen = tuple(range(0, count, 5))
    made = make_sample(name, count, chosen, pictures=lambda number, *_: (folder / frame_name(number)).read_bytes())
    captions = tuple(
        caption.model_copy(update={"video_sha256": video.sha256, "pts": frame.pts, "image_sha256": frame.sha256})
        for caption, frame in zip(made.captions.captions, sampled.frames, strict=True)
    )
    return made.model_copy(
        update={
            "source": made.source.model_copy(update={"kind": "url", "uri": address}),
            "video": video,
            "frames": sampled,
            "captions": made.captions.model_copy(update={"captions": captions}),
        }
    )
