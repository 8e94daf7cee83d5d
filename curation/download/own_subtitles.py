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
from schemas.errors import is_storage_full
from schemas.kit.languages import is_in
from schemas.records import Subtitle, SubtitleFile

log = logging.getLogger(__name__)

ReadTracks = Callable[[Path, Path], Tracks]
"""Writes the tracks of a video file (the first path) to a folder (the second)."""


def own_subtitles(
    video_id: str,
    file: Path,
    beside: Sequence[SubtitleFile],
    config: DownloadConfig,
    store: Store,
    read_tracks: ReadTracks | None,
) -> tuple[Subtitle, ...]:
    """Put the subtitles of a video file into the store, in the order of the languages that are wanted.

    Of one language, a file beside the video comes before a track in it: somebody put it there. Raises OSError when the
    store cannot be written, and what `read_tracks` raises.
    """
    if not config.subtitles:
        return ()
    found = [*_of_files(video_id, beside, config, store)]
    if read_tracks is not None:
        with store.scratch() as folder:
            tracks = read_tracks(file, folder)
            for note in tracks.notes:
                log.warning("%s: %s", video_id, note)
            found += [_kept(store, one.language, False, FORM, one.file) for one in tracks.found]
    return tuple(sorted(found, key=lambda one: _place(one.language, config.subtitles)))


def _of_files(
    video_id: str, beside: Sequence[SubtitleFile], config: DownloadConfig, store: Store
) -> Iterator[Subtitle]:
    largest = int(config.max_page_megabytes * 1e6)
    for one in beside:
        path = Path(one.path)
        try:
            with path.open("rb") as stream:
                data = stream.read(largest + 1)
            if len(data) > largest:
                log.warning("%s: subtitles %r are left out: more than %d bytes", video_id, path.name, largest)
                continue
            with store.scratch() as folder:
                copy = folder / "subtitles"
                copy.write_bytes(data)
                yield _kept(store, one.language, made_by_a_machine(data, one.format), one.format, copy)
        except OSError as error:
            if is_storage_full(error):
                raise
            log.warning("%s: subtitles %r are left out: %s", video_id, path.name, error.strerror or error)


def _kept(store: Store, language: str, automatic: bool, form: str, file: Path) -> Subtitle:
    kept = store.add("subtitles", file, form, move=True)
    return Subtitle(language=language, automatic=automatic, sha256=kept.sha256, format=form)


def _place(language: str, wanted: Sequence[str]) -> int:
    return next((place for place, one in enumerate(wanted) if is_in(language, one)), len(wanted))
