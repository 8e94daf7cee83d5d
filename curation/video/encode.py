"""Encodes pictures as a video file."""

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

    Every image is (H, W, 3) uint8 RGB, all of one size, H and W even; picture i is shown at i / fps seconds.
    Equal pictures and options give equal bytes (one thread, no encoder time stamps or version tags), but for x264's
    rate control by `crf`, which now and then decides otherwise; with a fixed `qp` or `mbtree=0` it does not.
    Raises ValueError for no picture, odd or changing sizes or an encoder that is not there, and OSError
    when the file cannot be written; a file half written is left to the caller.
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
    """Keep this thread's scheduling class as it is while an encoder works.

    SVT-AV1, run by root, makes the thread that calls it a real-time one of the highest priority, for good; children
    inherit that, and two of them that wait for each other then keep everything else off the processor.
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
