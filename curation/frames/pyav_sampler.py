"""The sampler that decodes with PyAV, and the rule that chooses the frame for each sample.

The rule for sample k = 0, 1, 2 ...: the last frame with pts <= first pts + k / fps. The last frame of the video counts
until its own end. All code of this module runs in a child process (curation/video/sandbox.py).

PyAV decodes in order and never seeks, so variable rates, late starts and open groups of pictures are exact. Pictures
that no sample needs are not decoded where that changes no other picture (packet_lookahead.py). In H.264 and H.265
these are pictures that no other picture refers to; in these codecs and in VP9 also the pictures between the last needed
picture and a restart of the decoder.
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
from curation.frames.sampler import TIME_ROUNDING, Sampled, scaled_size, too_long
from curation.video.out_of_memory import AllocationWatch
from curation.video.probe import codec_name, open_media, stated_duration, upright_rotation, video_stream
from schemas.errors import PermanentError

# Codecs whose decoders are faster with skip_frame; VP9 and AV1 were not faster in measurements.
_SKIPPABLE = ("h264", "hevc")
_PICTURE_A_PACKET = ("h264", "hevc", "vp9", "av1")
_PLANES = ("yuv420p", "yuvj420p")


class PyavSampler:
    """Samples with PyAV; exact on every intact file."""

    def __init__(self, path: Path, fps: Fraction, short_side: int, max_frames: int, *, skip: bool = True) -> None:
        """Sample `fps` pictures a second, scaled to a short side of `short_side` pixels, at most `max_frames`.

        With `skip`, pictures that no sample needs are not decoded. Only the thread that made the sampler may use it.
        """
        self._path = path
        self._fps = fps
        self._short_side = short_side
        self._max_frames = max_frames
        self._skip = skip
        self._pixel_shape: Fraction | None = None
        self._watch = AllocationWatch()
        self._short = False  # an allocation failed: the decoder's errors say nothing about the file
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
        """Yield the samples as decoded: index, pts (s), PyAV frame, not scaled and not rotated.

        Raises what `samples` raises.
        """
        with open_media(self._path) as container:
            stream = video_stream(container)
            findings = self.findings
            findings.codec, findings.container = codec_name(stream), container.format.name
            findings.duration = stated_duration(container, stream)
            self._pixel_shape = stream.sample_aspect_ratio
            if findings.duration is not None and findings.duration * self._fps > self._max_frames + 1:
                raise too_long(findings.duration, self._max_frames)
            for index, frame in self._pick(stream.time_base, self._frames(container, stream)):
                pts = float(frame.pts * stream.time_base)
                if index >= self._max_frames:
                    raise too_long(pts, self._max_frames)
                yield index, pts, frame
            if self._short and findings.defects():
                raise MemoryError("; ".join(findings.defects()))

    def _pick(self, tick: Fraction, frames: Iterator[Any]) -> Iterator[tuple[int, Any]]:
        """Apply the rule of the module to frames in presentation order; `tick` is the time base in seconds."""
        findings = self.findings
        held: Any = None
        first = index = 0
        for frame in frames:
            if held is None:
                first, findings.first_pts = frame.pts, float(frame.pts * tick)
                findings.rotation = upright_rotation(frame)
            elif frame.pts <= held.pts:
                findings.backwards += 1
                continue
            else:
                due = ceil((frame.pts - first) * tick * self._fps)
                for k in range(index, due):
                    yield k, held
                index = max(index, due)
            held = frame
        if held is None:
            if self._short:
                raise MemoryError("; ".join(findings.defects()))
            raise PermanentError("no_frames", "; ".join(findings.defects()) or "no packets")
        end = (held.pts - first + (held.duration or 0)) * tick
        findings.span = float(end)
        least = int((held.pts - first) * tick * self._fps) + 1
        for k in range(index, max(least, ceil((end - TIME_ROUNDING) * self._fps))):
            yield k, held

    def _frames(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the undamaged frames that have a time stamp, without those that no sample needs."""
        findings = self.findings
        context = stream.codec_context
        restarts = RestartFinder(findings.codec, context.extradata or b"")
        plan = Lookahead(self._packets(container, stream), stream.time_base * self._fps, restarts)
        skipping = self._skip and findings.codec in _PICTURE_A_PACKET
        countable = findings.codec in _PICTURE_A_PACKET
        first: int | None = None
        due: set[int] = set()  # time stamps of pictures that the decoder has received and not yet given
        for packet in plan:
            wanted = first is None or not skipping or plan.is_due(packet, first)
            if not wanted and not due and plan.is_idle(packet, first or 0):
                continue
            context.skip_frame = "DEFAULT" if wanted or findings.codec not in _SKIPPABLE else "NONREF"
            if wanted and countable and packet.pts is not None and not packet.is_discard:
                due.add(packet.pts)
                findings.due += 1
            for frame in self._decode(context, packet):
                due.discard(frame.pts)
                if first is None:
                    first = frame.pts
                    due = {pts for pts in due if pts > first}  # pictures before the first one are never shown
                yield frame
            if findings.packet_errors or findings.corrupt:
                skipping = False  # the file is damaged: any picture may be needed, so decode all of them
        if findings.read_error:
            for frame in self._decode(context, None):
                due.discard(frame.pts)
                yield frame
        findings.missing = len(due)
        findings.open_gop, findings.variable_rate = plan.open_gop, plan.variable_rate

    def _decode(self, context: Any, packet: Any) -> list[Any]:
        """The undamaged frames that the decoder gives for a packet, or at the end of the stream (None).

        Damaged frames are counted only.
        """
        findings = self.findings
        try:
            with self._watch.guard(av.error.FFmpegError):
                frames = context.decode(packet if packet is not None and packet.size else None)
        except MemoryError:
            raise
        except av.error.FFmpegError:
            findings.packet_errors += 1
            return []
        self._short |= self._watch.failed
        intact = []
        for frame in frames:
            findings.frames += 1
            findings.corrupt += frame.is_corrupt
            if frame.pts is None:
                frame.pts = frame.dts
            if frame.pts is None:
                findings.untimed += 1
            elif not frame.is_corrupt:
                intact.append(frame)
        return intact

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield the packets of the stream, the last one empty; a read error ends them like the end of the file."""
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
    """Converts decoded frames to upright RGB pictures of one size, which the first frame determines."""

    def __init__(self, frame: Any, short_side: int, pixel_shape: Fraction | None) -> None:
        self.rotation = upright_rotation(frame)
        self._coded = frame.width, frame.height
        self._size = scaled_size(frame.width, frame.height, short_side, pixel_shape)
        self._scaler, self._colours = VideoReformatter(), VideoReformatter()

    def differs(self, frame: Any) -> bool:
        return (frame.width, frame.height) != self._coded

    def paint(self, frame: Any) -> NDArray[np.uint8]:
        width, height = self._size
        # Scaling in the coded format and then converting to RGB takes half the time of one combined step. The loss of
        # colour resolution does not matter: JPEG halves it too.
        planes = frame.format.name if frame.format.name in _PLANES else "rgb24"
        options = {"interpolation": Interpolation.BICUBIC, "threads": 1}
        small = self._scaler.reformat(frame, width, height, planes, **options)
        image = np.asarray(self._colours.reformat(small, width, height, "rgb24", **options).to_ndarray(), np.uint8)
        return np.rot90(image, self.rotation // 90) if self.rotation else image
