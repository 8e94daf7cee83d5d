"""Decides before decoding, from time stamps, which packets hold a picture that a sample needs.

A picture is never shown before it is decoded (pts >= dts), and decoding times ascend. So once a packet with dts > T was
read, all packets with a picture at or before T were read. Reading ahead to that point decides exactly which picture is
the last one with pts <= T. At 1 picture a second about one second of packets is held, whatever the length of the groups
of pictures. A packet is idle when the decoder restarts before the next picture that a sample needs.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from typing import Generic, Protocol, TypeVar


class PacketLike(Protocol):
    """The attributes of a packet that are read here; time stamps are in ticks."""

    pts: int | None
    dts: int | None
    size: int
    is_keyframe: bool
    is_discard: bool


P = TypeVar("P", bound=PacketLike)


class Lookahead(Generic[P]):
    """Iterates over packets in decoding order, and reads ahead when `is_due` needs it.

    `open_gop` says that a picture is shown before the keyframe that precedes it in decoding order; `variable_rate` says
    that the distances between pictures differ by more than rounding. Both are complete at the end of the iteration.
    """

    def __init__(self, packets: Iterator[P], unit: Fraction, restarts: Callable[[P], bool] = lambda _: False) -> None:
        """Read from `packets`; `unit` is the number of samples per tick, that is time base times sampling rate.

        `restarts` says of a keyframe whether no picture that is decoded after it refers to a picture before it.
        """
        self._packets = packets
        self._restarts = restarts
        self._restarting: deque[P] = deque()  # the packets of `_ahead` at which the decoder restarts
        self._unit = unit
        self._ahead: deque[P] = deque()
        self._times: list[int] = []  # ascending pts of the packets read, without those that no longer matter
        self._dts: int | None = None
        self._ordered = True
        self._keyframe: int | None = None
        self._spacing: tuple[int, int] | None = None
        self.open_gop = False

    @property
    def variable_rate(self) -> bool:
        """Whether the longest distance between two pictures is more than one and a half times the shortest."""
        return self._spacing is not None and 2 * self._spacing[1] > 3 * self._spacing[0]

    def __iter__(self) -> Iterator[P]:
        """Yield each packet once."""
        while self._ahead or self._read():
            packet = self._ahead.popleft()
            if self._restarting and self._restarting[0] is packet:
                self._restarting.popleft()
            yield packet
        self._forget(len(self._times))

    def is_due(self, packet: P, first: int) -> bool:
        """Whether the picture of `packet` is the last one with pts <= first + k / unit for some sample k.

        Also True where time stamps are missing or out of order, because then the question has no answer. `packet` must
        be the packet that the iteration gave last.
        """
        if packet.pts is None or packet.dts is None or not self._ordered:
            return True
        self._forget(bisect_left(self._times, packet.dts))
        k = max(ceil((packet.pts - first) * self._unit), 0)
        until = first + floor(k / self._unit)
        while self._dts is not None and self._dts <= until and self._read():
            pass
        return (
            not self._ordered or packet.pts < first or self._times[bisect_right(self._times, until) - 1] == packet.pts
        )

    def is_idle(self, packet: P, first: int) -> bool:
        """Whether no sample needs `packet` to be decoded; the packet itself must not be due.

        It holds when the decoder restarts at a packet ahead, and no sampling time lies between that restart and the
        earliest picture from here to there. The decoder must already have given all pictures that were due before.
        """
        if not self._restarting or not self._ordered or packet.pts is None:
            return False
        restart, earliest = self._restarting[0], packet.pts
        for other in self._ahead:
            if other is restart:
                break
            if other.pts is not None:
                earliest = min(earliest, other.pts)
        if restart.pts is None or earliest < first:
            return False
        return ceil((earliest - first) * self._unit) == ceil((restart.pts - first) * self._unit)

    def _read(self) -> bool:
        """Read one more packet; False at the end."""
        packet = next(self._packets, None)
        if packet is None:
            return False
        self._ahead.append(packet)
        if packet.size == 0 or packet.is_discard:
            return True  # the packet that flushes the decoder, or a packet that an edit list hides
        if packet.pts is None or packet.dts is None or packet.pts < packet.dts:
            self._ordered = packet.pts is not None and packet.dts is None and self._dts is None and self._ordered
        elif self._dts is not None and packet.dts < self._dts:
            self._ordered = False
        if packet.dts is not None:
            self._dts = packet.dts
        if packet.pts is not None:
            insort(self._times, packet.pts)
            if packet.is_keyframe:
                self._keyframe = packet.pts
                if self._restarts(packet):
                    self._restarting.append(packet)
            elif self._keyframe is not None and packet.pts < self._keyframe:
                self.open_gop = True
        if not self._ordered:
            self._forget(len(self._times) - 64)
        return True

    def _forget(self, count: int) -> None:
        """Remove the `count` earliest time stamps, after their distances were measured."""
        if count <= 0:
            return
        kept = self._times[: count + 1]
        for earlier, later in pairwise(kept):
            low, high = self._spacing or (later - earlier, later - earlier)
            self._spacing = min(low, later - earlier), max(high, later - earlier)
        del self._times[:count]


class RestartFinder:
    """Tells whether the decoder restarts at a keyframe packet: at IDR pictures, and at VP9's keyframes.

    After other keyframes (recovery points, clean random access) pictures may refer to pictures before the keyframe.
    """

    def __init__(self, codec: str, extradata: bytes) -> None:
        """`codec` is FFmpeg's name; `extradata` is the configuration record, which says how units are separated."""
        self._codec = codec
        place = {"h264": 4, "hevc": 21}.get(codec, 0)
        prefixed = bool(place) and len(extradata) > place and extradata[0] == 1
        self._prefix = (extradata[place] & 3) + 1 if prefixed else 0  # bytes of a unit's length; 0: start codes

    def __call__(self, packet: object) -> bool:
        """Whether the decoder restarts at this keyframe packet; False when that is unknown."""
        if self._codec == "vp9":
            return True
        if self._codec not in ("h264", "hevc"):
            return False
        units = self._prefixed_units if self._prefix else _marked_units
        for first in units(bytes(packet)):  # type: ignore[call-overload]
            kind = first & 31 if self._codec == "h264" else first >> 1 & 63
            if self._codec == "h264" and 1 <= kind <= 5:
                return kind == 5
            if self._codec == "hevc" and kind <= 31:
                return kind in (19, 20)
        return False

    def _prefixed_units(self, data: bytes) -> Iterator[int]:
        """Yield the first byte of each unit, where each unit follows its length."""
        at = 0
        while at + self._prefix < len(data):
            length = int.from_bytes(data[at : at + self._prefix], "big")
            yield data[at + self._prefix]
            at += self._prefix + max(length, 1)


def _marked_units(data: bytes) -> Iterator[int]:
    """Yield the first byte of each unit, where each unit follows a start code."""
    at = data.find(b"\0\0\1")
    while 0 <= at < len(data) - 3:
        yield data[at + 3]
        at = data.find(b"\0\0\1", at + 3)
