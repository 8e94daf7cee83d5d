"""The video summary as a film of its own: chosen passages of a video one after another, with their text.

H.264 with AAC sound in MP4. The text of a passage is a subtitle (mov_text) and the title of a chapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from av.subtitles.subtitle import SubtitleSet
from numpy.typing import NDArray

from curation.video.browser_copy import upright_picture
from curation.video.encode import own_schedule
from curation.video.probe import open_media, video_stream
from schemas.errors import PermanentError
from schemas.safe_text import plain_line

_CLOCK = 90_000  # units of a second, in picture times
_SOUND_RATE = 48_000
_MICROSECONDS = 1_000_000
_GAP = 0.02  # seconds of missing sound that are filled with silence
_HEADER = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\nFormat: Name\r\nStyle: Default\r\n\r\n[Events]\r\n"
)


class Passage(NamedTuple):
    """What is shown of a video: from `start` to `end`, in seconds from its first picture, and the text beside it."""

    start: float
    end: float
    text: str = ""


class _Placed(NamedTuple):
    """A passage and the second of the new film at which it starts."""

    passage: Passage
    at: float


def cut_summary(path: Path, out: Path, passages: Sequence[Passage]) -> float:
    """Write the passages of the video `path` to `out` (MP4) and return the film's length in seconds.

    Passages are in the order of time and do not overlap; one that ends after the video ends there. Pictures are
    upright, at most 1280 pixels wide or high. A video without sound gives a film without sound. Raises ValueError for
    no passage or passages out of order, PermanentError `no_frames` when no passage shows a picture, what `probe`
    raises, and OSError; the caller removes an incomplete file. It decodes hostile bytes: call it in a sandbox.
    """
    placed = list(_place(passages))
    with (
        own_schedule(),
        open_media(path) as source,
        av.open(str(out), "w", options={"movflags": "+faststart"}) as target,
    ):
        stream = video_stream(source)
        heard = source.streams.audio[0] if source.streams.audio else None
        film = _Film(target, placed, heard is not None)
        for packet in source.demux([stream] if heard is None else [stream, heard]):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue  # damaged packets are skipped, as in the sampler
            for frame in frames:
                (film.show if packet.stream is stream else film.hear)(frame)
        return film.finish()


def _place(passages: Sequence[Passage]) -> Iterator[_Placed]:
    if not passages:
        raise ValueError("no passage to cut")
    at, last = 0.0, 0.0
    for passage in passages:
        if not last <= passage.start < passage.end:
            raise ValueError(
                f"passages must be in the order of time and not overlap: {passage.start} to {passage.end} s"
            )
        yield _Placed(passage, at)
        at, last = at + passage.end - passage.start, passage.end


class _Film:
    """Writes pictures, sound and text of the passages while the video is decoded once, from its start to its end."""

    def __init__(self, target: Any, placed: Sequence[_Placed], sound: bool) -> None:
        self._target, self._placed = target, placed
        self._has_sound, self._has_text = sound, any(item.passage.text for item in placed)
        self._resampler = av.AudioResampler(format="fltp", layout="stereo", rate=_SOUND_RATE)
        self._video: Any = None  # streams begin with the first picture, whose size they need
        self._sound: Any = None
        self._texts: Any = None
        self._waiting: list[tuple[NDArray[np.float32], int]] = []  # sound that lies in the file before its picture
        self._first: float | None = None
        self._shown: tuple[Any, float] | None = None
        self._last, self._samples, self._end = -1, 0, 0.0

    def show(self, frame: Any) -> None:
        """The next picture of the video: the one before it was shown until now."""
        time = frame.time or 0.0
        if self._first is None:
            self._first = time
        time -= self._first
        if self._shown is not None:
            self._write(*self._shown, until=time)
        self._shown = (frame, time)

    def hear(self, frame: Any) -> None:
        """The next sound of the video."""
        begin = (frame.time or 0.0) - (self._first or 0.0)
        frame.pts = None
        for part in self._resampler.resample(frame):
            samples: NDArray[np.float32] = part.to_ndarray().astype(np.float32, copy=False)
            for passage, at in self._placed:
                first = max(0, round((passage.start - begin) * _SOUND_RATE))
                last = min(samples.shape[1], round((passage.end - begin) * _SOUND_RATE))
                if first < last:
                    due = round((at + begin - passage.start) * _SOUND_RATE) + first
                    self._play(samples[:, first:last], due)
            begin += samples.shape[1] / _SOUND_RATE

    def finish(self) -> float:
        """Write what is left, the texts and the chapters. Returns the film's length in seconds."""
        if self._shown is not None:
            # Nothing says how long the last picture is shown: as long as a second at most, so that it can be a sample.
            self._write(*self._shown, until=self._shown[1] + 1.0)
        if self._video is None:
            raise PermanentError("no_frames", "no passage shows a picture of the video")
        self._target.mux(self._video.encode(None))
        if self._sound is not None:
            self._target.mux(self._sound.encode(None))
        for passage, at in self._placed:
            if self._texts is not None and passage.text and at < self._end:
                self._target.mux(self._subtitle(passage, at))
        return self._end

    def _write(self, frame: Any, time: float, until: float) -> None:
        for passage, at in self._placed:
            begin, end = max(time, passage.start), min(until, passage.end)
            if begin < end:
                self._encode(frame, at + begin - passage.start)
                self._end = max(self._end, at + end - passage.start)

    def _encode(self, frame: Any, at: float) -> None:
        picture = upright_picture(frame)
        if self._video is None:
            self._begin(picture)
        picture = picture.reformat(self._video.width, self._video.height, "yuv420p")
        picture.pts, picture.time_base = max(round(at * _CLOCK), self._last + 1), Fraction(1, _CLOCK)
        self._last = picture.pts
        self._target.mux(self._video.encode(picture))

    def _begin(self, picture: Any) -> None:
        self._video = self._target.add_stream("libx264", rate=30, options={"preset": "veryfast", "crf": "23"})
        self._video.width, self._video.height, self._video.pix_fmt = picture.width, picture.height, "yuv420p"
        self._video.codec_context.time_base = Fraction(1, _CLOCK)
        if self._has_sound:
            self._sound = self._target.add_stream("aac", rate=_SOUND_RATE, layout="stereo")
        if self._has_text:
            self._texts = self._target.add_stream("mov_text")
            self._texts.codec_context.subtitle_header = _HEADER
            titled = [item for item in self._placed if item.passage.text]
            self._target.set_chapters([_chapter(number, item) for number, item in enumerate(titled)])
        for samples, due in self._waiting:
            self._play(samples, due)

    def _play(self, samples: NDArray[np.float32], due: int) -> None:
        if self._sound is None:
            self._waiting.append((samples, due))
            return
        missing = due - self._samples
        if missing > _GAP * _SOUND_RATE:
            samples = np.concatenate([np.zeros((2, missing), np.float32), samples], axis=1)
        part = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        part.sample_rate = _SOUND_RATE
        self._samples += samples.shape[1]
        self._target.mux(self._sound.encode(part))

    def _subtitle(self, passage: Passage, at: float) -> Any:
        text = plain_line(passage.text).replace("{", "(").replace("}", ")").replace("\\", "/")
        line = f"0,0,Default,,0,0,0,,{text}".encode()
        end = min(self._end, at + passage.end - passage.start)
        packet = self._texts.codec_context.encode_subtitle(
            SubtitleSet.create(line, 0, round((end - at) * _MICROSECONDS), round(at * _MICROSECONDS))
        )
        packet.stream = self._texts
        return packet


def _chapter(number: int, item: _Placed) -> Any:
    passage, at = item
    return {
        "id": number,
        "start": round(at * 1000),
        "end": round((at + passage.end - passage.start) * 1000),
        "time_base": Fraction(1, 1000),
        "metadata": {"title": plain_line(passage.text)},
    }
