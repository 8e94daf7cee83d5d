"""Copies of videos that a browser can play: a file that plays is linked, any other file is encoded as H.264 in MP4.

A file plays as it is with H.264 in MP4, and with VP8, VP9 or AV1 in WebM.
"""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from curation.video.probe import codec_name, open_media, upright_rotation, video_stream
from curation.video.sandbox import Limits, Sandbox

_PLAIN = ("yuv420p", "yuvj420p")
_SOUND = ("aac", "mp3", "opus", "vorbis")
_LONGEST_SIDE = 1280
_RATES = Fraction(5), Fraction(60)


def make_playable(path: Path, folder: Path, sandbox: Sandbox, limits: Limits) -> Path:
    """Put a copy of the video `path` that browsers play into `folder`, with the same stem, and return its path.

    A file that plays is hard-linked, or copied where hard links are not possible. Decoding is done in a child process.
    The copy appears as a whole or not at all. Raises what `probe` raises, PoisonError (timeout, crashed, memory) and
    OSError.
    """
    ready = sandbox.run(plays, path, limits=limits)
    out = folder / f"{path.stem}{'.webm' if ready and path.suffix == '.webm' else '.mp4'}"
    temporary = out.with_name(f".{os.getpid()}.{out.name}")
    try:
        if ready:
            try:
                os.link(path.resolve(), temporary)
            except OSError:
                shutil.copyfile(path, temporary)
        else:
            sandbox.run(encode, path, temporary, limits=limits)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return out


def plays(path: Path) -> bool:
    """Whether browsers play the picture and the sound of the file as it is. Raises what `probe` raises.

    A file whose pictures must be rotated plays too: browsers rotate them, as Chromium does in both kinds of file
    (tests/annotation/label_studio/test_playing.py).
    """
    with open_media(path) as container:
        stream = video_stream(container)
        codec, container_name = codec_name(stream), container.format.name
        sound = all(audio.codec_context.name in _SOUND for audio in container.streams.audio)
        if "mp4" in container_name.split(","):
            return sound and codec == "h264" and stream.codec_context.pix_fmt in _PLAIN
        if "webm" in container_name.split(",") and path.suffix == ".webm":
            return sound and codec in ("vp8", "vp9", "av1")
    return False


def encode(path: Path, out: Path) -> None:
    """Write the video upright as H.264 with AAC sound, at most 1280 pixels wide or high, with unchanged times."""
    with open_media(path) as source, av.open(str(out), "w", options={"movflags": "+faststart"}) as target:
        stream = video_stream(source)
        rate = Fraction(stream.average_rate or stream.guessed_rate or 25).limit_denominator(1001)
        rate = min(max(rate, _RATES[0]), _RATES[1])
        video: Any = None
        heard = source.streams.audio[0] if source.streams.audio else None
        sound: Any = target.add_stream("aac", rate=48_000, layout="stereo") if heard is not None else None
        wanted = [stream] if heard is None else [stream, heard]
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=48_000)
        last = -1
        for packet in source.demux(wanted):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # damaged packets are skipped, as in the sampler
            for frame in frames:
                if packet.stream is not stream:
                    frame.pts = None
                    for part in resampler.resample(frame):
                        target.mux(sound.encode(part))
                    continue
                upright = upright_picture(frame)
                if video is None:
                    video = target.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "23"})
                    video.width, video.height, video.pix_fmt = upright.width, upright.height, "yuv420p"
                    video.codec_context.time_base = Fraction(1, 90_000)
                pts = round((frame.time or 0.0) * 90_000)
                upright.pts, upright.time_base = max(pts, last + 1), Fraction(1, 90_000)
                last = upright.pts
                target.mux(video.encode(upright.reformat(video.width, video.height, "yuv420p")))
        if video is not None:
            target.mux(video.encode(None))
        if sound is not None:
            target.mux(sound.encode(None))


def upright_picture(frame: Any) -> Any:
    """The picture turned upright, with an even width and height of at most 1280 pixels."""
    rotation = upright_rotation(frame)
    scale = min(1.0, _LONGEST_SIDE / max(frame.width, frame.height))
    width, height = (max(2, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    smaller = frame.reformat(width, height, "rgb24" if rotation else "yuv420p")
    if not rotation:
        return smaller
    picture = np.rot90(smaller.to_ndarray(), rotation // 90)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
