"""Which decoded picture stands for second k: the sampling backends.

The rule, for k = 0, 1, 2 ...: the last frame with pts <= first pts + k / fps; the last frame of the video
stands until its own end. Everything here runs in a child process (curation/sandbox.py).

PyAV decodes in order and never seeks, so variable rates, late starts and open groups of pictures are exact.
What no k asks for is left out where that changes no other picture (curation/lookahead.py): in H.264 and H.265
pictures that nothing refers to, and in VP9 too what follows the last wanted picture before a restart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import av
import av.error
import decord
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from curation.findings import Findings
from curation.lookahead import Lookahead, RestartFinder
from curation.media import codec_name, open_media, stated_duration, upright_rotation, video_stream
from curation.shortage import AllocationWatch, is_shortage, near_limit
from schemas.errors import PermanentError

# Codecs whose decoders honour skip_frame at a gain; VP9 and AV1 were measured without any.
_SKIPPABLE = ("h264", "hevc")
_PICTURE_A_PACKET = ("h264", "hevc", "vp9", "av1")
_PLANES = ("yuv420p", "yuvj420p")
# Containers round time stamps to 1 ms: a picture that ends within this of a sampling time does not stand for it.
_ROUNDING = Fraction(5, 1000)


@dataclass(frozen=True, slots=True)
class Sampled:
    """Picture `image` (H, W, 3) uint8 RGB, upright and scaled, stands for sample `index`; `pts` in seconds.

    Consecutive samples of one long frame share one array.
    """

    index: int
    pts: float
    image: NDArray[np.uint8]


class Sampler(Protocol):
    """A sampling backend, bound to one file."""

    findings: Findings

    def samples(self) -> Iterator[Sampled]:
        """The samples in order, at least one; constant memory whatever the length.

        Raises PermanentError (`no_frames`, `too_long` and what `curation.media.open_media` raises) and MemoryError.
        """
        ...


def too_long(seconds: float, max_frames: int) -> PermanentError:
    """The error for a video of `seconds` that has more samples than allowed: refused, never cut short unseen."""
    return PermanentError("too_long", f"more than {max_frames} frames at {seconds:.1f} s")


class PyavSampler:
    """Samples with PyAV; exact on every intact file."""

    def __init__(self, path: Path, fps: Fraction, short_side: int, max_frames: int, *, skip: bool = True) -> None:
        """Sample `fps` pictures a second, scaled to `short_side` pixels; `skip` as the module says.

        To be used by the thread that made it.
        """
        self._path = path
        self._fps = fps
        self._short_side = short_side
        self._max_frames = max_frames
        self._skip = skip
        self._pixel_shape: Fraction | None = None
        self._watch = AllocationWatch()
        self._short = False  # an allocation failed: what the decoder says of the file counts for nothing
        self.findings = Findings()

    def samples(self) -> Iterator[Sampled]:
        """See `Sampler`."""
        painter: _Painter | None = None
        drawn: Any = None
        image = np.empty(0, np.uint8)
        for index, pts, frame in self.pictures():
            painter = painter or _Painter(frame, self._short_side, self._pixel_shape)
            if frame is not drawn:
                self.findings.resized += painter.differs(frame)
                drawn, image = frame, painter.paint(frame)
            yield Sampled(index, pts, image)

    def pictures(self) -> Iterator[tuple[int, float, Any]]:
        """The samples as decoded: index, pts (s), PyAV frame neither scaled nor turned. Raises what `samples` does."""
        with open_media(self._path) as container:
            stream = video_stream(container)
            found = self.findings
            found.codec, found.container = codec_name(stream), container.format.name
            found.duration = stated_duration(container, stream)
            self._pixel_shape = stream.sample_aspect_ratio
            if found.duration is not None and found.duration * self._fps > self._max_frames + 1:
                raise too_long(found.duration, self._max_frames)
            for index, frame in self._pick(stream.time_base, self._frames(container, stream)):
                pts = float(frame.pts * stream.time_base)
                if index >= self._max_frames:
                    raise too_long(pts, self._max_frames)
                yield index, pts, frame
            if self._short and found.defects():
                raise MemoryError("; ".join(found.defects()))

    def _pick(self, tick: Fraction, frames: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Apply the rule to frames in presentation order; `tick` is the time base in seconds."""
        found = self.findings
        held: Any = None
        first = index = 0
        for frame in frames:
            if held is None:
                first, found.first_pts = frame.pts, float(frame.pts * tick)
                found.rotation = upright_rotation(frame)
            elif frame.pts <= held.pts:
                found.backwards += 1
                continue
            else:
                due = ceil((frame.pts - first) * tick * self._fps)
                for k in range(index, due):
                    yield k, held
                index = max(index, due)
            held = frame
        if held is None:
            if self._short:
                raise MemoryError("; ".join(found.defects()))
            raise PermanentError("no_frames", "; ".join(found.defects()) or "no packets")
        end = (held.pts - first + (held.duration or 0)) * tick
        found.span = float(end)
        least = int((held.pts - first) * tick * self._fps) + 1
        for k in range(index, max(least, ceil((end - _ROUNDING) * self._fps))):
            yield k, held

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        """Sound frames with a time stamp, leaving out those that no sample asks for."""
        found = self.findings
        context = stream.codec_context
        restarts = RestartFinder(found.codec, context.extradata or b"")
        plan = Lookahead(self._packets(container, stream), stream.time_base * self._fps, restarts)
        skipping = self._skip and found.codec in _PICTURE_A_PACKET
        countable = found.codec in _PICTURE_A_PACKET
        first: int | None = None
        due: set[int] = set()  # time stamps of pictures that went into the decoder and did not come out yet
        for packet in plan:
            wanted = first is None or not skipping or plan.is_due(packet, first)
            if not wanted and not due and plan.is_idle(packet, first or 0):
                continue
            context.skip_frame = "DEFAULT" if wanted or found.codec not in _SKIPPABLE else "NONREF"
            if wanted and countable and packet.pts is not None and not packet.is_discard:
                due.add(packet.pts)
                found.due += 1
            for frame in self._decode(context, packet):
                due.discard(frame.pts)
                if first is None:
                    first = frame.pts
                    due = {pts for pts in due if pts > first}  # what comes before was never meant to be shown
                yield frame
            if found.packet_errors or found.corrupt:
                skipping = False  # a damaged file: take what comes rather than bet on single pictures
        if found.read_error:
            for frame in self._decode(context, None):
                due.discard(frame.pts)
                yield frame
        found.missing = len(due)
        found.open_gop, found.variable_rate = plan.open_gop, plan.variable_rate

    def _decode(self, context: Any, packet: Any) -> list[Any]:
        """The frames that a packet brings out, the end of the stream for None; damaged ones are counted only."""
        found = self.findings
        try:
            with self._watch.guard(av.error.FFmpegError):
                frames = context.decode(packet if packet is not None and packet.size else None)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            found.packet_errors += 1
            return []
        self._short |= self._watch.failed
        sound = []
        for frame in frames:
            found.frames += 1
            found.corrupt += frame.is_corrupt
            if frame.pts is None:
                frame.pts = frame.dts
            if frame.pts is None:
                found.untimed += 1
            elif not frame.is_corrupt:
                sound.append(frame)
        return sound

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Packets of the stream, an empty one last; a read error ends them like the end of the file."""
        packets = container.demux(stream)
        while True:
            try:
                with self._watch.guard(av.error.FFmpegError):
                    packet = next(packets, None)
            except MemoryError:
                raise
            except av.error.FFmpegError as error:
                self.findings.read_error = error.strerror or type(error).__name__
                return
            if packet is None:
                return
            self.findings.packets += packet.size > 0
            yield packet


def scaled_size(width: int, height: int, short_side: int, pixel_shape: Fraction | None = None) -> tuple[int, int]:
    """Width and height for a short side of `short_side`: never enlarged, even, pixels made square.

    `pixel_shape` is the width of a coded pixel over its height; the longer side of it is what shrinks.
    """
    shape = pixel_shape if pixel_shape and Fraction(1, 4) <= pixel_shape <= 4 else Fraction(1)
    wide, high = width * min(shape, Fraction(1)), height / max(shape, Fraction(1))
    scale = min(Fraction(1), Fraction(short_side) / min(wide, high))
    return max(int(wide * scale) // 2 * 2, 2), max(int(high * scale) // 2 * 2, 2)


class _Painter:
    """Turns decoded frames into upright RGB pictures of one size, set by the first frame."""

    def __init__(self, frame: Any, short_side: int, pixel_shape: Fraction | None) -> None:
        self.rotation = upright_rotation(frame)
        self._coded = frame.width, frame.height
        self._size = scaled_size(frame.width, frame.height, short_side, pixel_shape)
        self._scaler, self._colours = VideoReformatter(), VideoReformatter()

    def differs(self, frame: Any) -> bool:
        return (frame.width, frame.height) != self._coded

    def paint(self, frame: Any) -> NDArray[np.uint8]:
        width, height = self._size
        # Scaled as it was coded, then turned to RGB: half the time of both in one step, and JPEG halves colour anyway.
        planes = frame.format.name if frame.format.name in _PLANES else "rgb24"
        options = {"interpolation": Interpolation.BICUBIC, "threads": 1}
        small = self._scaler.reformat(frame, width, height, planes, **options)
        image = np.asarray(self._colours.reformat(small, width, height, "rgb24", **options).to_ndarray(), np.uint8)
        return np.rot90(image, self.rotation // 90) if self.rotation else image


class DecordSampler:
    """Samples with decord, in order and by its own time stamps; for files that `decord_trusted` approves of."""

    def __init__(self, path: Path, fps: Fraction, short_side: int, max_frames: int) -> None:
        """Sample `fps` pictures a second, scaled to `short_side` pixels."""
        self._path = path
        self._fps = fps
        self._short_side = short_side
        self._max_frames = max_frames
        self.findings = Findings()

    def samples(self) -> Iterator[Sampled]:
        """See `Sampler`."""
        found = self.findings
        with open_media(self._path) as container:
            stream = video_stream(container)
            found.codec, found.container = codec_name(stream), container.format.name
            found.duration = stated_duration(container, stream)
            shape = stream.sample_aspect_ratio
        reader = _decord_reader(self._path)
        times = reader.get_frame_timestamp(list(range(len(reader)))).astype(np.float64)
        if len(times) == 0:
            raise PermanentError("no_frames", "decord finds none")
        found.packets = found.due = len(times)
        high, wide = reader[0].shape[:2]
        width, height = scaled_size(wide, high, self._short_side, shape if wide >= high else shape and 1 / shape)
        reader = _decord_reader(self._path, width=width, height=height)
        first, end = float(times[0, 0]), float(times[-1, 1])
        ticks = (np.arange(self._max_frames + 1) / float(self._fps)) + first
        # decord keeps time stamps as 32-bit floats: half a millisecond covers them.
        count = max(int(np.searchsorted(ticks, end - float(_ROUNDING))), 1)
        if count > self._max_frames:
            raise too_long(end - first, self._max_frames)
        chosen = np.maximum(np.searchsorted(times[:, 0], ticks[:count] + 5e-4, side="right") - 1, 0)
        index = 0
        for number in range(int(chosen[-1]) + 1):
            try:
                picture = reader.next()
            except (decord.DECORDError, StopIteration) as error:
                if is_shortage(error) or near_limit():
                    raise MemoryError(str(error)) from error
                found.read_error = f"decord: {type(error).__name__}"
                break
            found.frames += 1
            found.span = float(times[number, 1]) - first
            if chosen[index] == number:
                image = picture.asnumpy()
                while index < count and chosen[index] == number:
                    yield Sampled(index, float(times[number, 0]), image)
                    index += 1
        if index == 0:
            raise PermanentError("no_frames", found.read_error)


def decord_pictures(path: Path, times: Sequence[float]) -> list[NDArray[np.uint8] | None]:
    """Pictures of decord's (H, W, 3) RGB, upright and unscaled, shown at presentation times in seconds.

    None where decord knows no picture within 5 ms. Raises PermanentError (`decord_failed`) and MemoryError.
    """
    try:
        reader = _decord_reader(path)
        starts = reader.get_frame_timestamp(list(range(len(reader))))[:, 0]
        nearest = [int(np.abs(starts - time).argmin()) for time in times]
        return [
            reader[number].asnumpy() if abs(float(starts[number]) - time) < float(_ROUNDING) else None
            for number, time in zip(nearest, times, strict=True)
        ]
    except (decord.DECORDError, IndexError) as error:
        raise _decord_failed(error) from error


def _decord_reader(path: Path, **size: int) -> Any:
    decord.logging.set_level(decord.logging.QUIET)
    try:
        return decord.VideoReader(str(path.absolute()), num_threads=1, **size)
    except (decord.DECORDError, RuntimeError) as error:
        raise _decord_failed(error) from error


def _decord_failed(error: Exception) -> PermanentError | MemoryError:
    """What an error of decord's means: a file that it cannot read, or memory that it did not get."""
    said = str(error).strip()
    if is_shortage(error) or near_limit():
        return MemoryError(said)
    return PermanentError("decord_failed", said.split("\n", 1)[0][:200])
