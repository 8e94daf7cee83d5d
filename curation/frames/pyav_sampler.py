"""Which decoded picture stands for second k: the sampling backends.

The rule, for k = 0, 1, 2 ...: the last frame with pts <= first pts + k / fps; the last frame of the video
stands until its own end. Everything here runs in a child process (curation/video/sandbox.py).

PyAV decodes in order and never seeks, so variable rates, late starts and open groups of pictures are exact.
What no k asks for is left out where that changes no other picture (packet_lookahead.py): in H.264 and H.265
pictures that nothing refers to, and in VP9 too what follows the last wanted picture before a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from curation.frames.defects import Findings
from curation.frames.packet_lookahead import Lookahead, RestartFinder
from curation.frames.sampler import Sampled, scaled_size, too_long
from curation.video.out_of_memory import AllocationWatch
from curation.video.probe import codec_name, open_media, stated_duration, upright_rotation, video_stream
from schemas.errors import PermanentError

# Codecs whose decoders honour skip_frame at a gain; VP9 and AV1 were measured without any.
_SKIPPABLE = ("h264", "hevc")
_PICTURE_A_PACKET = ("h264", "hevc", "vp9", "av1")
_PLANES = ("yuv420p", "yuvj420p")
# Containers round time stamps to 1 ms: a picture that ends within this of a sampling time does not stand for it.
TIME_ROUNDING = Fraction(5, 1000)


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
        for k in range(index, max(least, ceil((end - TIME_ROUNDING) * self._fps))):
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
