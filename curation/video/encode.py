"""Encodes a sequence of pictures as a video file without sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray


def encode_video(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    *,
    fps: int | Fraction,
    codec: str = "libx264",
    options: Mapping[str, str] | None = None,
) -> None:
    """Write pictures as a video without sound; the suffix of `path` decides the container.

    Every image is (H, W, 3) uint8 RGB; all have the same size, H and W are even; picture i is shown at i / fps seconds.
    Equal pictures and options give equal bytes (one thread, no encoder time stamps, no version tags). The exception is
    x264's rate control by `crf`, which sometimes decides differently; with a fixed `qp` or `mbtree=0` it does not.
    Raises ValueError for no picture, odd or changing sizes, or an unknown encoder, and OSError when the file cannot be
    written; the caller removes an incomplete file.
    """
    pictures = iter(images)
    first = next(pictures, None)
    if first is None:
        raise ValueError("no picture to encode")
    height, width = first.shape[:2]
    if height % 2 or width % 2:
        raise ValueError(f"4:2:0 video needs even sizes, got {width}x{height}")
    container_options = {"fflags": "+bitexact"}
    if path.suffix in (".mp4", ".mov"):
        container_options["movflags"] = "+faststart"
    if path.suffix == ".m3u8":
        container_options |= {"hls_playlist_type": "vod", "hls_list_size": "0"}
    try:
        with own_schedule(), av.open(str(path), "w", container_options=container_options) as container:
            stream: Any = container.add_stream(codec, rate=Fraction(fps), options=dict(options or {}))
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.flags |= av.codec.context.Flags.bitexact
            for image in _chain(first, pictures):
                if image.shape != (height, width, 3) or image.dtype != np.uint8:
                    raise ValueError(f"expected uint8 ({height}, {width}, 3), got {image.dtype} {image.shape}")
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.codec.codec.UnknownCodecError as error:
        raise ValueError(f"no encoder {codec!r} in this FFmpeg") from error


@contextmanager
def own_schedule() -> Iterator[None]:
    """Restore this thread's scheduling class after an encoder has worked.

    SVT-AV1, run by root, permanently makes its calling thread a real-time thread of the highest priority. Children
    inherit that priority. Two children that wait for each other would then block all other processes.
    """
    if not hasattr(os, "sched_getscheduler"):  # not on macOS and Windows
        yield
        return
    policy, param = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, param)


def _chain(first: NDArray[np.uint8], rest: Iterable[NDArray[np.uint8]]) -> Iterable[NDArray[np.uint8]]:
    yield first
    yield from rest
