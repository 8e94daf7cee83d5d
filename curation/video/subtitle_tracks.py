"""Takes the tracks of subtitles out of a video file, as WebVTT: SubRip, MP4's timed text, WebVTT and ASS.

Times are those of the pictures: second 0 is the first picture. The bytes are hostile: `read_tracks` works in a child
process. Tracks of pictures, as discs have them, are no text, and a note says that they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.error

from curation.video.out_of_memory import AllocationWatch
from curation.video.probe import first_picture, open_media
from curation.video.sandbox import Limits, Sandbox
from curation.video.sandboxes import Sandboxes
from schemas.errors import NotStored, PermanentError, PoisonError
from schemas.kit.languages import UNKNOWN, is_in, language_of
from schemas.safe_text import plain

FORM = "vtt"
_TEXTS = frozenset(("subrip", "srt", "mov_text", "webvtt", "ass", "ssa", "text"))
_PARTIAL = int(av.stream.Disposition.forced)
_FOR_THE_DEAF = int(av.stream.Disposition.hearing_impaired | av.stream.Disposition.comment)
_DEFAULT = int(av.stream.Disposition.default)
_MOST_CUES = 100_000  # of a track
_LARGEST = 4_000_000  # characters of a track
_MOST_BROKEN = 10_000  # packets
_UNTIMED = 5.0  # seconds that a text without an end is shown at most


class TextTrack(NamedTuple):
    """A track as a WebVTT file; `language` as the video file writes it, UNKNOWN where it says none."""

    language: str
    file: Path


class Tracks(NamedTuple):
    """The tracks of a video in the languages that are wanted, in their order.

    `notes` tell of tracks without text, `missed` why a file's tracks could not be read.
    """

    found: tuple[TextTrack, ...] = ()
    notes: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


def read_tracks(
    path: Path, folder: Path, languages: Sequence[str], sandbox: Sandbox | Sandboxes, limits: Limits
) -> Tracks:
    """Write the tracks of a video in some languages to `folder`, one for each; the unnamed one where there is none.

    A file without usable tracks gives none and a note, never an error of the video. Raises TransientError where the
    child was killed from outside, MachineTrouble, RunStopped, NotStored, and OSError when `folder` cannot be written.
    """
    try:
        return sandbox.run(write_tracks, path, folder, tuple(languages), limits=limits)
    except NotStored:
        raise
    except (PermanentError, PoisonError) as error:
        return Tracks(missed=(plain(f"its subtitle tracks cannot be read: {error.reason}: {error.evidence}", 300),))


def write_tracks(path: Path, folder: Path, languages: Sequence[str]) -> Tracks:
    """In a child: as `read_tracks`. Raises what `open_media` raises, and MemoryError under a limit."""
    with open_media(path) as container:
        chosen, notes = _chosen(container.streams.subtitles, languages)
        if not chosen:
            return Tracks(notes=tuple(notes))
        languages_of = {stream.index: _language(stream) for stream in chosen}  # a closed file has no streams
        cues: dict[int, list[_Cue]] = {index: [] for index in languages_of}
        sizes = dict.fromkeys(cues, 0)
        for index, cue in _cues(container, chosen, first_picture(container)):
            if len(cues[index]) < _MOST_CUES and sizes[index] + len(cue.text) <= _LARGEST:
                cues[index].append(cue)
                sizes[index] += len(cue.text)
    found = []
    for index, language in languages_of.items():
        if not cues[index]:
            notes.append(f"the subtitle track {index} ({language}) has no text")
            continue
        file = folder / f"track-{index}.{FORM}"
        file.write_text(_webvtt(cues[index]), "utf-8")
        found.append(TextTrack(language, file))
    return Tracks(tuple(found), tuple(notes))


class _Cue(NamedTuple):
    start: float
    end: float | None
    text: str


def _chosen(streams: Sequence[Any], languages: Sequence[str]) -> tuple[list[Any], list[str]]:
    """The best track of text for each language, else the best one without a language; notes of tracks of pictures."""
    texts, notes = [], []
    for stream in streams:
        name = stream.codec_context.name if stream.codec_context is not None else "unknown"
        if name in _TEXTS and not int(stream.disposition) & _PARTIAL:
            texts.append(stream)
        elif name not in _TEXTS and any(is_in(_language(stream), wanted) for wanted in languages):
            notes.append(f"the subtitles in {_language(stream)} are pictures ({plain(name, 40)}), not text")
    texts.sort(key=_rank)
    wanted = [next((one for one in texts if is_in(_language(one), language)), None) for language in languages]
    if not any(wanted):
        wanted = [next((one for one in texts if language_of(_language(one)) is None), None)]
    return [*{one.index: one for one in wanted if one is not None}.values()], notes


def _rank(stream: Any) -> tuple[bool, bool, int]:
    kind = int(stream.disposition)
    return bool(kind & _FOR_THE_DEAF), not kind & _DEFAULT, stream.index


def _language(stream: Any) -> str:
    return plain(str(stream.metadata.get("language") or ""), 20) or UNKNOWN


def _cues(container: Any, streams: Sequence[Any], origin: float) -> Iterator[tuple[int, _Cue]]:
    """The texts of the tracks in the order of the file. What is damaged is left out; a read error ends them."""
    watch = AllocationWatch()
    packets = container.demux(*streams)
    broken = 0
    while broken <= _MOST_BROKEN:
        try:
            with watch.guard(av.error.FFmpegError):
                packet = next(packets, None)
                rects = packet.decode() if packet is not None and packet.pts is not None else ()
        except MemoryError:
            raise
        except av.error.InvalidDataError:
            broken += 1
            continue
        except av.error.FFmpegError:
            return
        if packet is None:
            return
        if text := "\n".join(filter(None, map(_text, rects))):
            start = float(packet.pts * packet.time_base) - origin
            length = float(packet.duration * packet.time_base) if packet.duration else 0.0
            yield packet.stream.index, _Cue(start, start + length if length > 0 else None, text)


def _text(rect: Any) -> str:
    """The lines of a text; overrides of its style are left in, since the reader of subtitles takes them out."""
    said = (getattr(rect, "dialogue", None) or b"").decode("utf-8", "replace").replace("\\h", " ")
    return "\n".join(line for line in said.splitlines() if line.strip())


def _webvtt(cues: Sequence[_Cue]) -> str:
    ordered = sorted(cues, key=lambda cue: cue.start)
    parts = ["WEBVTT\n"]
    for cue, after in pairwise([*ordered, None]):
        assert cue is not None
        end = cue.end
        if end is None:
            end = min(cue.start + _UNTIMED, after.start if after is not None else cue.start + _UNTIMED)
        if end > 0:
            text = cue.text.replace("-->", "--&gt;")  # no text is a line of times
            parts.append(f"{_clock(max(0.0, cue.start))} --> {_clock(end)}\n{text}\n")
    return "\n".join(parts)


def _clock(seconds: float) -> str:
    whole = round(seconds * 1000)
    return f"{whole // 3_600_000:02d}:{whole // 60_000 % 60:02d}:{whole // 1000 % 60:02d}.{whole % 1000:03d}"
