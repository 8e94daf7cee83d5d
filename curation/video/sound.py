"""Reads the sound of a video file: one channel, 16,000 samples a second, 16 bits, as speech recognisers take it.

Times are those of the pictures: second 0 is the first picture. Sound before it is left out, sound that begins later
follows silence, and so do gaps. The samples go to a file, since hours of them need hundreds of megabytes. The bytes are
hostile: `read_sound` decodes them in a child process, and a file without usable sound gives a reason, never an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from curation.video.out_of_memory import AllocationWatch
from curation.video.probe import first_picture, open_media
from curation.video.sandbox import Limits, Sandbox
from schemas.errors import PermanentError, PoisonError
from schemas.kit.languages import UNKNOWN, is_in
from schemas.kit.wav import RATE, SAMPLE
from schemas.safe_text import plain

STEP = 0.02  # seconds of a level
_SAMPLES = int(STEP * RATE)
_FULL = float(2**15)
_SILENT = -100.0  # dBFS: below the noise of 16 bits
_JITTER = 0.1  # seconds by which time stamps may be beside the samples
_LONGEST_GAP = 600.0  # seconds of silence that a time stamp may ask for
_MOST_BROKEN = 10_000  # packets; so many are in no file that is worth hearing
_NO_SOUND, _UNREADABLE = "no_sound", "unreadable_sound"
_POOR = int(av.stream.Disposition.comment | av.stream.Disposition.visual_impaired | av.stream.Disposition.karaoke)


class Sound(NamedTuple):
    """The sound of a video in a file of samples.

    `levels` are the root mean squares of each STEP in dB below full scale (-100 at least), float32. `language` is what
    the file says of the track. `notes` tell of tracks that were passed over and of damage.
    """

    file: Path
    seconds: float
    levels: NDArray[np.float32]
    language: str | None
    notes: tuple[str, ...]

    def piece(self, start: float, end: float) -> bytes:
        """The samples from `start` to `end` (seconds)."""
        first = round(start * RATE)
        with self.file.open("rb") as file:
            file.seek(first * SAMPLE)
            return file.read(max(0, round(end * RATE) - first) * SAMPLE)


class NoSound(NamedTuple):
    """Why a video has no usable sound: `no_sound` or `unreadable_sound`, and what was found."""

    reason: str
    evidence: str


def read_sound(
    path: Path, out: Path, sandbox: Sandbox, limits: Limits, *, language: str | None, most: float
) -> Sound | NoSound:
    """Write the first `most` seconds of a video's sound to `out`; of several tracks that in `language`, where told.

    Raises NotStored when there is no such file, TransientError where the child was killed from outside, MachineTrouble,
    RunStopped and OSError when `out` cannot be written.
    """
    try:
        return sandbox.run(write_sound, path, out, language, most, limits=limits)
    except (PermanentError, PoisonError) as error:
        return NoSound(_UNREADABLE, f"{error.reason}: {error.evidence}")


def write_sound(path: Path, out: Path, language: str | None, most: float) -> Sound | NoSound:
    """In a child: decode the sound of `path` to `out`. Raises what `open_media` raises, MemoryError under a limit."""
    with open_media(path) as container, out.open("wb") as file:
        tracks = [stream for stream in container.streams.audio if stream.codec_context is not None]
        if not tracks:
            if container.streams.audio:
                return NoSound(_UNREADABLE, "no decoder for its codec")
            return NoSound(_NO_SOUND, "the file has no sound")
        stream, passed = _track(tracks, language)
        writer = _Writer(file, most)
        for frame, start in _frames(container, stream, writer):
            writer.take(frame, start)
            if writer.full or writer.broken > _MOST_BROKEN:
                break
        writer.finish()
    notes = [*passed]
    if writer.broken:
        notes.append(f"{writer.broken} damaged packets of sound")
    if writer.jumps:
        notes.append(f"the time stamps of the sound jump {writer.jumps} times: later times may be wrong")
    if writer.full:
        notes.append(f"sound after {most:g} s is left out")
    if writer.written == 0:
        return NoSound(_UNREADABLE, "; ".join(notes) or "no sound can be decoded")
    levels = np.concatenate(writer.levels) if writer.levels else np.empty(0, np.float32)
    return Sound(out, writer.written / RATE, levels, _language(stream), tuple(plain(note, 200) for note in notes))


def _track(tracks: Sequence[Any], language: str | None) -> tuple[Any, list[str]]:
    """The track to hear, and notes of the others: one in `language` first, else the file's default, else the first."""

    def rank(stream: Any) -> tuple[bool, bool, bool, int]:
        kind = int(stream.disposition)
        default = bool(kind & int(av.stream.Disposition.default))
        return not _speaks(stream, language), bool(kind & _POOR), not default, stream.index

    chosen = min(tracks, key=rank)
    chosen.codec_context.thread_count = 1
    if len(tracks) == 1:
        return chosen, []
    others = ", ".join(_language(stream) or "unnamed" for stream in tracks if stream is not chosen)
    return chosen, [f"heard track {chosen.index} ({_language(chosen) or 'unnamed'}) of {len(tracks)}; others: {others}"]


def _language(stream: Any) -> str | None:
    name = plain(str(stream.metadata.get("language") or ""), 20).lower()
    return name if name and name != UNKNOWN else None


def _speaks(stream: Any, language: str | None) -> bool:
    """Whether a track is in a language, whatever its region."""
    own, wanted = _language(stream), (language or "").partition("-")[0]
    return own is not None and bool(wanted) and is_in(own, wanted)


def _frames(container: Any, stream: Any, writer: _Writer) -> Iterator[tuple[Any, float | None]]:
    """Decoded frames with their start in seconds from the first picture; None where the file gives no time."""
    origin = first_picture(container)
    watch = AllocationWatch()
    packets = container.demux(stream)
    while True:
        try:
            with watch.guard(av.error.FFmpegError):
                packet = next(packets, None)
                frames = packet.decode() if packet is not None else []
        except MemoryError:
            raise
        except av.error.InvalidDataError:
            writer.broken += 1
            if writer.broken > _MOST_BROKEN:
                return
            continue
        except av.error.FFmpegError:  # a read error ends the sound like the end of the file
            writer.broken += 1
            return
        if packet is None:
            return
        for frame in frames:
            yield frame, frame.time - origin if frame.time is not None else None


class _Writer:
    """Writes samples to a file at their times, and measures the level of each STEP."""

    def __init__(self, file: BinaryIO, most: float) -> None:
        self._file, self._most = file, int(most * RATE)
        self._resampler: Any = None
        self._shape: tuple[Any, ...] | None = None
        self._rest = np.empty(0, np.int16)  # samples that do not fill a STEP yet
        self._apart = 0  # samples by which the file's clock is ahead since it jumped
        self._watch = AllocationWatch()
        self.levels: list[NDArray[np.float32]] = []
        self.written = self.broken = self.jumps = 0
        self.full = False

    def take(self, frame: Any, start: float | None) -> None:
        """The next frame; `start` in seconds, None where it follows the one before."""
        shape = frame.format.name, frame.layout.name, frame.sample_rate
        if shape != self._shape:  # the first frame; or a file that changes its form on the way
            self._flush()
            self._shape = shape
            self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        skip = 0
        if start is not None:
            missing = round(start * RATE) - self.written
            if self.written == 0 and missing < 0:
                skip = -missing
            elif _JITTER * RATE < missing - self._apart <= _LONGEST_GAP * RATE:
                self._put(np.zeros(min(missing - self._apart, self._most - self.written), np.int16))
            elif abs(missing - self._apart) > _JITTER * RATE:
                self.jumps, self._apart = self.jumps + 1, missing  # a clock that starts anew, or a wrong one
        frame.pts = None
        for samples in self._resampled(frame):
            self._put(samples[skip:])
            skip = max(0, skip - samples.size)

    def finish(self) -> None:
        """Write what is left."""
        self._flush()
        if self._rest.size:
            self.levels.append(_levels(self._rest[None, :]))

    def _flush(self) -> None:
        if self._resampler is not None:
            for samples in self._resampled(None):
                self._put(samples)

    def _resampled(self, frame: Any) -> list[NDArray[np.int16]]:
        try:
            with self._watch.guard(av.error.FFmpegError, ValueError):
                return [part.to_ndarray().reshape(-1) for part in self._resampler.resample(frame)]
        except MemoryError:
            raise
        except (av.error.FFmpegError, ValueError):  # a form of sound that cannot be mixed into one channel
            self.broken += 1
            return []

    def _put(self, samples: NDArray[np.int16]) -> None:
        room = self._most - self.written
        self.full |= samples.size > room
        samples = samples[:room]
        self._file.write(samples.astype("<i2", copy=False).tobytes())
        self.written += samples.size
        known = np.concatenate([self._rest, samples])
        whole = known.size // _SAMPLES
        if whole:
            self.levels.append(_levels(known[: whole * _SAMPLES].reshape(whole, _SAMPLES)))
        self._rest = known[whole * _SAMPLES :]


def _levels(rows: NDArray[np.int16]) -> NDArray[np.float32]:
    """The effective level of each row in dBFS."""
    power = np.mean(np.square(rows.astype(np.float64) / _FULL), axis=1)
    return np.asarray(10 * np.log10(np.maximum(power, 10 ** (_SILENT / 10))), np.float32)
