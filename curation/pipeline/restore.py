"""Gives the files of videos, and fetches again what the store lost or what was damaged in it.

Whether a video is finished does not depend on its file, so nothing is forgotten while its file is away. A source may
give other bytes than before. Then a video whose file is needed is made anew from them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from curation.ledger.entries import Registered, record_entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes, standing
from curation.store.store import Store
from schemas.errors import (
    ConfigError,
    NotStored,
    PermanentError,
    PoisonError,
    RefusedError,
    RunStopped,
    StageError,
    StorageFull,
    is_storage_full,
)
from schemas.kit.blame import trace_of
from schemas.kit.single_flight import SingleFlight
from schemas.records import Source, Video

log = logging.getLogger(__name__)
_DOWNLOAD = "download"


class Restorer:
    """Finds the files of videos in the store; where one is gone or damaged, asks its sources. Threads may share it."""

    def __init__(
        self, store: Store, ledger: Ledger, hashes: Callable[[], StageHashes], fetch: Callable[[Source], Video]
    ) -> None:
        """`fetch` brings a source's video into the store; `hashes` tells under which fingerprint it is a result."""
        self._store = store
        self._ledger = ledger
        self._hashes = hashes
        self._fetch = fetch
        self._flights: SingleFlight[None] = SingleFlight()
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, bool], NotStored] = {}
        self._replaced: set[str] = set()

    def file(self, video: Video) -> Path:
        """The file of a video, which is what its hash says; fetched again where the store lost it.

        Raises NotStored when no source gives it now, and RunStopped. When the video's own source gives other bytes,
        these become the video's download, and everything after it is due.
        """
        try:
            return self._store.video(video)
        except NotStored:
            self._flights.run(video.sha256, lambda: self._restore(video, replace=True))
            return self._store.video(video)

    def missing(self, ids: Sequence[str]) -> list[Video]:
        """The videos among `ids` whose file is not in the store, or has another size than it had, by id.

        Reads no file. Leaves out what no source gives any more, as far as earlier runs have found.
        """
        videos = [Video.model_validate_json(payload) for _, _, payload in self._ledger.payloads(ids, (_DOWNLOAD,))]
        stored = self._store.sizes(videos)
        gone = (video for video in videos if stored.get(video.sha256) != video.bytes)
        return sorted((video for video in gone if not self._store.is_lost(video.sha256)), key=lambda video: video.id)

    def bring_back(self, video: Video) -> bool:
        """Fetch a missing file again, though nothing needs it at the moment; whether it is in the store now.

        No result changes. When no source gives the file any more, that is noted, so that only a stage that needs the
        file asks for it again. Raises RunStopped and ConfigError; nothing else may stop a run that needs no file.
        """
        try:
            self._flights.run(video.sha256, lambda: self._restore(video, replace=False))
        except NotStored as error:
            log.warning("video %s: %s; what was made of it is kept", video.id, error.evidence)
            return False
        except (RunStopped, ConfigError):
            raise
        except Exception as error:
            if is_storage_full(error):
                raise StorageFull(f"no space left for the workspace ({error})") from error
            log.error("video %s: unexpected error while its file was fetched again\n%s", video.id, trace_of(error))
            return False
        return True

    def take_replaced(self) -> set[str]:
        """The videos that got other bytes since the last call: they are due."""
        with self._lock:
            replaced, self._replaced = self._replaced, set()
        return replaced

    def note_replaced(self, ids: Iterable[str]) -> None:
        """Videos that got other bytes on another node."""
        with self._lock:
            self._replaced.update(ids)

    def _restore(self, video: Video, *, replace: bool) -> None:
        try:
            self._store.video(video)
            return  # it came back meanwhile
        except NotStored as error:
            gone = error
        key = video.sha256, replace
        if key in self._failures:
            raise self._failures[key]  # asked in this run
        log.info("video %s: %s; fetching it again", video.id, gone.evidence)
        try:
            self._ask(video, gone, replace=replace)
        except NotStored as error:
            self._failures[key] = error
            raise

    def _ask(self, video: Video, gone: NotStored, *, replace: bool) -> None:
        """Ask the video's source, then those of videos with the same bytes."""
        problems: list[str] = []
        for_good = True
        other: tuple[Registered, Video, float] | None = None
        for source in self._sources(video):
            record = source.source()
            if record is None:
                continue
            began = time.monotonic()
            try:
                made = self._fetch(record)
            except StageError as error:
                # A local file may be on a disk that is not mounted, and asking for it costs nothing.
                for_good &= isinstance(error, PermanentError | RefusedError | PoisonError) and record.kind != "file"
                problems.append(f"{source.id}: {error}")
                continue
            if (made.sha256, made.extension) == (video.sha256, video.extension):
                return
            problems.append(f"{source.id}: gives other bytes now (sha256 {made.sha256})")
            if source.id == video.id:
                other = source, made, time.monotonic() - began
        told = "; ".join(problems) or "no source is registered for it"
        if other is not None and replace:
            self._replace(*other)
            raise NotStored(gone.reason, f"{gone.evidence}; {told}; the video is made anew from these")
        if for_good and not replace:
            self._store.note_lost(video.sha256)
        raise NotStored(gone.reason, f"{gone.evidence}; {told}")

    def _sources(self, video: Video) -> Iterable[Registered]:
        ids = [video.id, *(name for name in self._ledger.with_content(video.sha256) if name != video.id)]
        known = {source.id: source for source in self._ledger.sources(ids)}
        return [known[name] for name in ids if name in known]

    def _replace(self, source: Registered, made: Video, seconds: float) -> None:
        """Make other bytes the download of their video."""
        where = standing(source, {}, self._hashes())
        self._ledger.write(
            record_entry(source.id, _DOWNLOAD, where.fingerprints.done, made, seconds), STAGES.later(_DOWNLOAD)
        )
        with self._lock:
            self._replaced.add(source.id)
