"""The subtitles of a video that its file brings: tracks in the file, and files beside a local one.

None of them costs the video: what cannot be used is left out, with a line in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from curation.sources.subtitle_files import made_by_a_machine
from curation.store.store import Store
from curation.video.subtitle_tracks import FORM, Tracks
from schemas.configuration.config import DownloadConfig
from schemas.kit.languages import UNKNOWN, is_in, language_of
from schemas.records import Subtitle, SubtitleFile
from schemas.safe_text import plain

log = logging.getLogger(__name__)

ReadTracks = Callable[[Path, Path], Tracks]
"""Writes the tracks of a video file (the first path) to a folder (the second)."""


Found = tuple[tuple[Subtitle, ...], tuple[str, ...]]


def own_subtitles(
    video_id: str,
    file: Path,
    beside: Sequence[SubtitleFile],
    config: DownloadConfig,
    store: Store,
    read_tracks: ReadTracks | None,
    spoken: str | None = None,
) -> Found:
    """Put the subtitles of a video file into the store, in the order of the languages that are wanted.

    Of one language, a file beside the video comes before a track in it: somebody put it there. A track without a
    language is in `spoken`, where the list says that. Also returned is what could not be read, in sentences, which the
    log has too. Raises OSError when the store cannot be written, and what `read_tracks` raises.
    """
    if not config.subtitles:
        return (), ()
    missed: list[str] = []
    found = [*_of_files(beside, config, store, missed)]
    if read_tracks is not None:
        with store.scratch() as folder:
            tracks = read_tracks(file, folder)
            missed += tracks.missed
            for note in tracks.notes:
                log.warning("%s: %s", video_id, note)
            for one in tracks.found:
                language = spoken if one.language == UNKNOWN and spoken and language_of(spoken) else one.language
                if language == UNKNOWN or any(is_in(language, wanted) for wanted in config.subtitles):
                    found.append(_kept(store, language, False, FORM, one.file))
    for note in missed:
        log.warning("%s: %s", video_id, note)
    return tuple(sorted(found, key=lambda one: _place(one.language, config.subtitles))), tuple(missed)


def _of_files(
    beside: Sequence[SubtitleFile], config: DownloadConfig, store: Store, missed: list[str]
) -> Iterator[Subtitle]:
    largest = int(config.max_page_megabytes * 1e6)
    for one in beside:
        path = Path(one.path)
        try:
            with path.open("rb") as stream:
                data = stream.read(largest + 1)
        except OSError as error:
            missed.append(plain(f"subtitles {path.name!r} are left out: {error.strerror or type(error).__name__}", 300))
            continue
        if len(data) > largest:
            missed.append(plain(f"subtitles {path.name!r} are left out: more than {largest} bytes", 300))
            continue
        with store.scratch() as folder:
            copy = folder / "subtitles"
            copy.write_bytes(data)
            yield _kept(store, one.language, made_by_a_machine(data, one.format), one.format, copy)


def _kept(store: Store, language: str, automatic: bool, form: str, file: Path) -> Subtitle:
    kept = store.add("subtitles", file, form, move=True)
    return Subtitle(language=language, automatic=automatic, sha256=kept.sha256, format=form)


def _place(language: str, wanted: Sequence[str]) -> int:
    return next((place for place, one in enumerate(wanted) if is_in(language, one)), len(wanted))
