"""`v2xum.summarize`: one video by a trained checkpoint, as the command `v2xum summarize` does it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from schemas.configuration.config import DownloadConfig
from v2xum.arguments import AnyPath, Config, config_of, path_of, prepare_models
from v2xum.displays import data_uri, html, picture_of

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class VideoSummary:
    """The summary of a video. A form that the model does not give is None.

    `duration` and `keyframes` are in seconds; `frames` counts the sampled frames, and `scores` (frames,) float32 has
    the saliency of each. `text` is the summary in words, `interleaved` the same with times in seconds. `defects` say
    what is wrong with the file. `sheet` is the JPEG of the keyframes, `film` the MP4 of the passages around them; both
    are None without keyframes. `files` are where they lie, if a folder was named.
    """

    id: str
    duration: float
    frames: int
    keyframes: tuple[float, ...]
    text: str | None
    interleaved: str | None
    scores: NDArray[np.float32] | None
    defects: tuple[str, ...]
    sheet: bytes | None
    film: bytes | None
    files: dict[str, Path]

    def contact_sheet(self) -> Image.Image | None:
        """The keyframes with their times, RGB; None without keyframes."""
        return None if self.sheet is None else picture_of(self.sheet)

    def __repr__(self) -> str:
        """How much was chosen."""
        return f"VideoSummary({self.id!r}, {len(self.keyframes)} of {self.frames} frames)"

    def _repr_html_(self) -> str:
        sheet = data_uri(self.sheet) if self.sheet is not None else None
        said = (self.interleaved or self.text or "").splitlines()
        return html("summary", told=repr(self), sheet=sheet, lines=said)


def summarize(
    video: AnyPath,
    model: AnyPath,
    *,
    out: AnyPath | None = None,
    captioner: Config | None = None,
    allow_private_addresses: bool = False,
) -> VideoSummary:
    """Summarize a video file, or the video at an address, with OUT/model of `v2xum train`.

    `out` is a folder for summary.json, contact_sheet.jpg and summary.mp4; without it nothing is left on the disk.
    `captioner` is a configuration of `v2xum curate`, for a summarizer that reads captions. A CUDA device is used where
    the checkpoint names one and it is at hand, else the CPU. Needs the extras `local` and `train`.

    Raises ConfigError for what is no single video, for a checkpoint that is unfinished, needs captions or was trained
    on what other weights make, and for a video that cannot be fetched, decoded or captioned.
    """
    captioning = config_of(captioner) if captioner is not None else None
    download = DownloadConfig(allow_private_addresses=allow_private_addresses)
    at = str(path_of(video)) if isinstance(video, Path) or "://" not in video else video
    prepare_models()
    from training.summarize import summarize as summarize_video  # it loads torch

    with tempfile.TemporaryDirectory(prefix="v2xum-") as scratch:
        folder = path_of(out) if out is not None else Path(scratch)
        made = summarize_video(at, path_of(model), folder, download, Path.cwd(), captioning)
        read = {name: path.read_bytes() for name, path in made.files.items() if name != "summary"}
    return _summary(made.record, read, made.files if out is not None else {})


def _summary(record: dict[str, Any], read: dict[str, bytes], files: dict[str, Path]) -> VideoSummary:
    scores = record["scores"]
    return VideoSummary(
        id=record["id"],
        duration=record["duration"],
        frames=record["frames"],
        keyframes=tuple(record["keyframes"]),
        text=record["text"],
        interleaved=record["interleaved"],
        scores=None if scores is None else np.asarray(scores, np.float32),
        defects=tuple(record["defects"]),
        sheet=read.get("contact_sheet"),
        film=read.get("film"),
        files=files,
    )
