"""`v2xum.sample_frames`: the pictures of one video, sampled as the pipeline samples them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from curation.frames.one_video import single_source, take_video
from curation.video.sandbox import Sandbox
from curation.video.sandboxes import Sandboxes
from schemas.configuration.config import DownloadConfig, FrameConfig
from schemas.errors import ConfigError, StageError
from schemas.records import FrameSet, Video
from v2xum.arguments import AnyPath, path_of, section_of
from v2xum.displays import MOST_ROWS, html, picture_of, small
from v2xum.tables import Kind, table

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

_COLUMNS: dict[str, Kind] = {
    "index": "Int64",
    "time": "float64",
    "pts": "float64",
    "shot": "Int64",
    "same_as": "Int64",
    "picture": "Int64",
    "phash": "string",
    "sha256": "string",
}


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """A sampled frame: index (from 0), time (index / fps) and presentation time stamp in seconds, JPEG."""

    index: int
    time: float
    pts: float
    jpeg: bytes = field(repr=False)

    def image(self) -> Image.Image:
        """The picture, RGB."""
        return picture_of(self.jpeg)

    def array(self) -> NDArray[np.uint8]:
        """The picture, uint8 (height, width, 3), RGB."""
        return np.asarray(self.image(), dtype=np.uint8)

    def _repr_html_(self) -> str:
        return html("frames", frames=[(self.time, small(lambda: self.jpeg, 320))], told=f"frame {self.index}", more=0)


class Frames(Sequence[SampledFrame]):
    """The sampled frames of a video, in memory. `record` and `video` are what the pipeline would store of them."""

    def __init__(self, video: Video, record: FrameSet, pictures: Sequence[bytes]) -> None:
        """Keep the records and the JPEG of each frame."""
        self.video = video
        self.record = record
        self._frames = tuple(
            SampledFrame(frame.index, frame.time, frame.pts, jpeg)
            for frame, jpeg in zip(record.frames, pictures, strict=True)
        )

    @property
    def fps(self) -> float:
        """Frames a second of the video's time."""
        return self.record.fps

    @property
    def width(self) -> int:
        """Pixels of a picture from left to right."""
        return self.record.width

    @property
    def height(self) -> int:
        """Pixels of a picture from top to bottom."""
        return self.record.height

    @property
    def defects(self) -> tuple[str, ...]:
        """What is wrong with the file, where its frames could be used nevertheless."""
        return self.record.defects

    def array(self) -> NDArray[np.uint8]:
        """All pictures, uint8 (frames, height, width, 3), RGB: about 1.1 MB a frame of 448 x 796."""
        return np.stack([frame.array() for frame in self._frames])

    def to_pandas(self) -> pd.DataFrame:
        """One row a frame.

        `time` and `pts` are in seconds, `shot` counts from 0, `same_as` and `picture` are the indices of earlier frames
        that show nearly the same (NA: none), `phash` is a perceptual hash in hex, `sha256` that of the JPEG.
        """
        return table(_COLUMNS, (frame.model_dump() for frame in self.record.frames))

    @overload
    def __getitem__(self, at: int) -> SampledFrame: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[SampledFrame, ...]: ...
    def __getitem__(self, at: int | slice) -> SampledFrame | tuple[SampledFrame, ...]:
        """The frame at an index, or some of them."""
        return self._frames[at]

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._frames)

    def __iter__(self) -> Iterator[SampledFrame]:
        """One frame after the other."""
        return iter(self._frames)

    def __repr__(self) -> str:
        """How many they are, how large, and how many a second."""
        return f"Frames({len(self)} of {self.width} x {self.height} at {self.fps:g} fps)"

    def _repr_html_(self) -> str:
        shown = [(frame.time, small(lambda jpeg=frame.jpeg: jpeg)) for frame in self._frames[:MOST_ROWS]]  # type: ignore[misc]
        return html("frames", frames=shown, told=repr(self), more=max(len(self) - MOST_ROWS, 0))


def sample_frames(
    video: AnyPath,
    *,
    fps: float = 1.0,
    short_side: int = 448,
    max_frames: int = 3600,
    backend: Literal["pyav", "decord"] = "pyav",
    allow_private_addresses: bool = False,
) -> Frames:
    """Sample a video file, or the video at an address, in child processes. Nothing is left on the disk.

    Frame k shows what is seen k / `fps` seconds after the first picture. A short side longer than `short_side` pixels
    is scaled down to it; a video of more than `max_frames` frames is refused. Addresses of this machine and of private
    networks are fetched with `allow_private_addresses` only.

    Raises ConfigError for a value out of its range, for what is no single video, and for a video that cannot be
    fetched or decoded.
    """
    sampling = section_of(
        FrameConfig, fps=fps, short_side=short_side, max_frames=max_frames, backend=backend, cross_check=0
    )
    return frames_of(video, sampling, allow_private_addresses)


def frames_of(video: AnyPath, sampling: FrameConfig, allow_private_addresses: bool) -> Frames:
    """As `sample_frames`, with a section `frames` of a configuration."""
    at = str(path_of(video)) if isinstance(video, Path) or "://" not in video else video
    source = single_source(at, Path.cwd())
    download = DownloadConfig(allow_private_addresses=allow_private_addresses)
    with (
        tempfile.TemporaryDirectory(prefix="v2xum-") as folder,
        Sandbox() as sandbox,
        Sandboxes() as children,
    ):
        try:
            one = take_video(source, download, sampling, Path(folder), sandbox, children)
        except StageError as error:
            raise ConfigError(f"{at} cannot be sampled: {error}") from error
        return Frames(one.video, one.sampled, [one.read(frame.index) for frame in one.sampled.frames])
