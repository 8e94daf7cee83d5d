"""What a sampler observed while it decoded a file, and which observations are defects of the file."""

from __future__ import annotations

from dataclasses import dataclass

SPAN_TOLERANCE = 1.5


@dataclass
class Findings:
    """What a sampler observed of a file; complete when all samples were taken.

    `duration` (s) is stated by the container. `span` (s) was decoded: from the first frame to the end of the last
    frame. `due` counts the frames that the decoder should have given, `missing` those that it did not give.
    """

    codec: str = ""
    container: str = ""
    duration: float | None = None
    rotation: int = 0
    packets: int = 0
    packet_errors: int = 0
    frames: int = 0
    due: int = 0
    missing: int = 0
    corrupt: int = 0
    backwards: int = 0
    untimed: int = 0
    resized: int = 0
    span: float = 0.0
    read_error: str = ""
    open_gop: bool = False
    variable_rate: bool = False
    first_pts: float = 0.0

    def defects(self) -> tuple[str, ...]:
        """The defects of the file, each a slug with measured values; empty for an intact file."""
        found = []
        # Matroska states the time of the end, other containers the length.
        reached = self.span + (max(self.first_pts, 0.0) if "matroska" in self.container else 0.0)
        if self.duration is not None and reached < self.duration - SPAN_TOLERANCE:
            found.append(f"truncated: decoded {reached:.1f} s of {self.duration:.1f} s")
        if self.read_error:
            found.append(f"read_error: {self.read_error} at {self.span:.1f} s")
        if self.packet_errors:
            found.append(f"packet_errors: {self.packet_errors} of {self.packets} packets did not decode")
        if self.corrupt:
            found.append(f"corrupt_frames: {self.corrupt} of {self.frames} frames")
        if self.missing:
            found.append(f"missing_frames: {self.missing} of {self.due} frames")
        if self.untimed:
            found.append(f"untimed_frames: {self.untimed} of {self.frames} frames have no time stamp")
        if self.backwards:
            found.append(f"timestamps_backwards: {self.backwards} frames")
        if self.resized:
            found.append(f"size_changes: {self.resized} frames of another size")
        return tuple(found)


def decord_trusted(codec: str, container: str) -> bool:
    """Whether decord 0.6.0 was correct on such files in tests: H.264 and VP9 in MP4, QuickTime, Matroska and WebM.

    It silently gives wrong pictures for H.265 and in MPEG-TS, and no pictures for AV1.
    """
    return codec in ("h264", "vp9") and bool({"mp4", "matroska"} & set(container.split(",")))
