"""The sampler that decodes with decord, and decord's pictures for the cross-check of PyAV.

decord is imported only where it decodes: it has no wheel for arm64 and none for macOS.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.frames.defects import Findings
from curation.frames.sampler import TIME_ROUNDING, Sampled, scaled_size, too_long
from curation.video.out_of_memory import near_limit
from curation.video.probe import codec_name, open_media, stated_duration, video_stream
from schemas.errors import PermanentError
from schemas.kit.blame import is_shortage


class DecordSampler:
    """Samples with decord, in order and by decord's time stamps; only for files for which `decord_trusted` holds."""

    def __init__(self, path: Path, fps: Fraction, short_side: int, max_frames: int) -> None:
        """Sample `fps` pictures a second, scaled to a short side of `short_side` pixels, at most `max_frames`."""
        self._path = path
        self._fps = fps
        self._short_side = short_side
        self._max_frames = max_frames
        self.findings = Findings()

    def samples(self) -> Iterator[Sampled]:
        """See `Sampler`."""
        import decord

        findings = self.findings
        with open_media(self._path) as container:
            stream = video_stream(container)
            findings.codec, findings.container = codec_name(stream), container.format.name
            findings.duration = stated_duration(container, stream)
            shape = stream.sample_aspect_ratio
        reader = _decord_reader(self._path)
        times = reader.get_frame_timestamp(list(range(len(reader)))).astype(np.float64)
        if len(times) == 0:
            raise PermanentError("no_frames", "decord finds none")
        findings.packets = findings.due = len(times)
        high, wide = reader[0].shape[:2]
        width, height = scaled_size(wide, high, self._short_side, shape if wide >= high else shape and 1 / shape)
        reader = _decord_reader(self._path, width=width, height=height)
        first, end = float(times[0, 0]), float(times[-1, 1])
        ticks = (np.arange(self._max_frames + 1) / float(self._fps)) + first
        # decord stores time stamps as 32-bit floats: half a millisecond covers the rounding.
        count = max(int(np.searchsorted(ticks, end - float(TIME_ROUNDING))), 1)
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
                findings.read_error = f"decord: {type(error).__name__}"
                break
            findings.frames += 1
            findings.span = float(times[number, 1]) - first
            if chosen[index] == number:
                image = picture.asnumpy()
                while index < count and chosen[index] == number:
                    yield Sampled(index, float(times[number, 0]), image)
                    index += 1
        if index == 0:
            raise PermanentError("no_frames", findings.read_error)


def decord_pictures(path: Path, times: Sequence[float]) -> list[NDArray[np.uint8] | None]:
    """Decord's pictures (H, W, 3) RGB, upright and not scaled, at the presentation `times` in seconds.

    None where decord has no picture within 5 ms. Raises PermanentError (`decord_failed`) and MemoryError.
    """
    import decord

    try:
        reader = _decord_reader(path)
        starts = reader.get_frame_timestamp(list(range(len(reader))))[:, 0]
        nearest = [int(np.abs(starts - time).argmin()) for time in times]
        return [
            reader[number].asnumpy() if abs(float(starts[number]) - time) < float(TIME_ROUNDING) else None
            for number, time in zip(nearest, times, strict=True)
        ]
    except (decord.DECORDError, IndexError) as error:
        raise _decord_failed(error) from error


def _decord_reader(path: Path, **size: int) -> Any:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        return decord.VideoReader(str(path.absolute()), num_threads=1, **size)
    except (decord.DECORDError, RuntimeError) as error:
        raise _decord_failed(error) from error


def _decord_failed(error: Exception) -> PermanentError | MemoryError:
    """The meaning of an error of decord: the file cannot be read, or memory ran out."""
    message = str(error).strip()
    if is_shortage(error) or near_limit():
        return MemoryError(message)
    return PermanentError("decord_failed", message.split("\n", 1)[0][:200])
