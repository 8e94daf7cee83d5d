"""Opens a media file and reads its properties: container, codec, duration, size, rotation.

Only plain media files can be opened. FFmpeg also reads playlists, which fetch the addresses that a file names, and
text, which it draws as a picture; both are refused. Probing still parses hostile bytes in C code, so `probe_safely`
runs it in a child process for files from outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error

from curation.video.out_of_memory import AllocationWatch
from curation.video.sandbox import Limits, Sandbox
from schemas.errors import NotStored, PermanentError

_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,h264,hevc,av1,ivf,mpegvideo,m4v,mxf,nut,rm,dv,"
    "mp3,aac,wav,flac,ac3"
)
_PROBE_PACKETS = 300


class MediaInfo(NamedTuple):
    """The properties of a video file. Width and height are in pixels as displayed, that is after `rotation`.

    `container` and `codec` are FFmpeg's names. `duration` in seconds is what the container states for the video stream,
    else for the whole file. A turn by `rotation` degrees (0, 90, 180, 270) counter-clockwise makes the coded picture
    upright. `start` is the presentation time stamp of the first picture in seconds.
    """

    container: str
    codec: str
    duration: float | None
    fps: float | None
    width: int
    height: int
    rotation: int
    has_audio: bool
    start: float


def probe(path: Path) -> MediaInfo:
    """Read the properties of a file. Its first picture is decoded, because only that gives the rotation and true size.

    Raises NotStored `file_missing`; PermanentError: `empty_file`, `not_a_video` (unknown container, web page),
    `no_video_stream` (sound only), `unknown_codec`, `no_frames` (no picture can be decoded); MemoryError under a limit.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        frame = _first_frame(container, stream)
        rotation = upright_rotation(frame)
        width, height = (frame.width, frame.height) if rotation % 180 == 0 else (frame.height, frame.width)
        rate = stream.average_rate or stream.guessed_rate
        return MediaInfo(
            container=container.format.name,
            codec=codec_name(stream),
            duration=stated_duration(container, stream),
            fps=float(rate) if rate else None,
            width=width,
            height=height,
            rotation=rotation,
            has_audio=bool(container.streams.audio),
            start=float((frame.pts or 0) * stream.time_base),
        )


def probe_safely(path: Path, sandbox: Sandbox, limits: Limits = Limits()) -> MediaInfo:  # noqa: B008 (immutable)
    """Run `probe` in a child process. Raises what `probe` raises, and PoisonError (timeout, crashed, memory)."""
    return sandbox.run(probe, path, limits=limits)


@contextmanager
def open_media(path: Path) -> Iterator[Any]:
    """The opened container of a local media file; it is closed afterwards. Raises PermanentError as `probe` does."""
    try:
        if path.stat().st_size == 0:
            raise PermanentError("empty_file", "0 bytes")
    except FileNotFoundError as error:
        raise NotStored("file_missing", path.name) from error
    try:
        # `file:` and an absolute path: FFmpeg cannot take the name for a protocol or an option.
        with AllocationWatch().guard(av.error.FFmpegError):
            container = av.open(
                f"file:{path.absolute()}",
                container_options={"protocol_whitelist": "file", "format_whitelist": _FORMATS},
                metadata_errors="replace",
            )
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        raise PermanentError("not_a_video", _kind(path, error)) from error
    with container:
        yield container


def video_stream(container: Any) -> Any:
    """The best video stream that is not a cover picture; it is set to decode in one thread.

    Raises PermanentError: `no_video_stream` with the kinds of the streams, `unknown_codec`.
    """
    moving = [s for s in container.streams.video if not int(s.disposition) & int(av.stream.Disposition.attached_pic)]
    if not moving:
        kinds = sorted({stream.type for stream in container.streams})
        raise PermanentError("no_video_stream", f"streams: {', '.join(kinds) or 'none'}")
    best = container.streams.best("video")
    stream = best if best in moving else moving[0]
    if stream.codec_context is None:
        raise PermanentError("unknown_codec", f"stream {stream.index} of {container.format.name}")
    stream.codec_context.thread_count = 1
    return stream


def codec_name(stream: Any) -> str:
    """The name of the codec, not of the library that decodes it: `av1`, not `libdav1d`."""
    return str(stream.codec_context.codec.canonical_name)


def upright_rotation(frame: Any) -> int:
    """Degrees (0, 90, 180, 270) counter-clockwise that turn a decoded frame upright: `np.rot90(image, r // 90)`."""
    return int(round(frame.rotation / 90) % 4 * 90)


def stated_duration(container: Any, stream: Any) -> float | None:
    """Seconds that the container states: for the video stream, in its DURATION tag (Matroska), else for the file.

    None when it states no duration.
    """
    if stream.duration and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    hours, _, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, _, seconds = rest.partition(":")
    try:
        tagged = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        tagged = 0.0
    if 0 < tagged < math.inf:
        return tagged
    return container.duration / 1e6 if container.duration and container.duration > 0 else None


def first_picture(container: Any) -> float:
    """When the first picture is shown by the clock of the file, in seconds; 0.0 where the file does not say."""
    starts = [s.start_time * s.time_base for s in container.streams.video if s.start_time is not None]
    return float(starts[0]) if starts else 0.0


def _first_frame(container: Any, stream: Any) -> Any:
    last = ""
    watch = AllocationWatch()
    try:
        for number, packet in enumerate(container.demux(stream)):
            if number > _PROBE_PACKETS:
                break
            try:
                with watch.guard(av.error.InvalidDataError):
                    frames = packet.decode()
            except av.error.InvalidDataError as error:
                last = str(error)
                continue
            if frames:
                return frames[0]
    except MemoryError:
        raise
    except av.error.FFmpegError as error:
        last = str(error)
    if watch.failed:
        raise MemoryError(last)
    raise PermanentError("no_frames", last or f"none in the first {_PROBE_PACKETS} packets")


def _kind(path: Path, error: Exception) -> str:
    """Evidence for a file that is not a video: what it looks like, and FFmpeg's message.

    Nothing of its content is repeated: the file may be a private one that a list or a link named.
    """
    with path.open("rb") as stream:
        head = stream.read(64)
    message = getattr(error, "strerror", None) or type(error).__name__
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return f"looks like a web page; {message}"
    text = all(32 <= byte < 127 or byte in b"\t\n\r" for byte in head)
    return f"looks like {'text' if text else 'no known video format'}; {message}"
