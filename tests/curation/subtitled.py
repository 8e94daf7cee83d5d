"""Films with tracks of subtitles whose texts are known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.subtitles.subtitle import SubtitleSet
from numpy.typing import NDArray

from curation.video.encode import own_schedule

_HEADER = (
    b"[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name\nStyle: Default\n\n[Events]\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
)


class TextTrack(NamedTuple):
    """A track: its language, (start, end, text) in seconds with ASS markup, and its disposition."""

    language: str | None
    texts: Sequence[tuple[float, float, str]]
    disposition: int = 0


def gray(seconds: float = 8.0) -> Iterable[NDArray[np.uint8]]:
    """Five pictures a second."""
    return (np.full((48, 64, 3), 100 + number, np.uint8) for number in range(round(seconds * 5)))


def subtitled(
    path: Path,
    *tracks: TextTrack,
    codec: str = "subrip",
    start: float = 0.0,
    pictures: Iterable[NDArray[np.uint8]] | None = None,
) -> Path:
    """A film of such pictures (gray ones), five a second from `start` on, with these tracks."""
    clock = 1000
    shown = [*(pictures if pictures is not None else gray())]
    with own_schedule(), av.open(str(path), "w") as target:
        video: Any = target.add_stream("libx264", rate=5, options={"preset": "ultrafast", "bf": "0"})
        (video.height, video.width), video.pix_fmt = shown[0].shape[:2], "yuv420p"
        video.codec_context.time_base = Fraction(1, clock)
        streams: list[Any] = []
        for track in tracks:
            stream: Any = target.add_stream(codec)
            stream.codec_context.subtitle_header = _HEADER
            if track.language is not None:
                stream.metadata["language"] = track.language
            stream.disposition = track.disposition
            streams.append(stream)
        for number, image in enumerate(shown):
            picture = av.VideoFrame.from_ndarray(image, format="rgb24")
            picture.pts, picture.time_base = round((start + number / 5) * clock), Fraction(1, clock)
            target.mux(video.encode(picture))
        target.mux(video.encode(None))
        for stream, track in zip(streams, tracks, strict=True):
            for place, (begin, end, text) in enumerate(track.texts):
                line = f"{place},0,Default,,0,0,0,,{text}".encode()
                packet = stream.codec_context.encode_subtitle(
                    SubtitleSet.create(line, 0, round((end - begin) * 1000), 0)
                )
                packet.stream, packet.time_base = stream, Fraction(1, clock)
                packet.pts = packet.dts = round(begin * clock)
                packet.duration = round((end - begin) * clock)
                target.mux(packet)
    return path
