"""The files that came with a video, for whoever reads them: its subtitles, and its sound where it lies apart.

What the store lost is fetched again with its video. A publisher may have made a track anew meanwhile, as happens to
automatic ones: then that one is read. What nobody gives any more costs the video its transcript alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curation.store.store import Store
from schemas.errors import NotStored, PermanentError, PoisonError, RefusedError
from schemas.records import Source, StoredSound, Subtitle, Video

_GONE = "the store lost it, and its publisher gives it no more"


class GoneForGood(Exception):
    """A file is not in the store, and nobody gives it any more; the message says why."""


class Besides:
    """The files of one video. It is fetched again once at most."""

    def __init__(self, store: Store, source: Callable[[], Source], fetch: Callable[[Source], Video]) -> None:
        """`source` gives the video's source, `fetch` brings a source into the store again."""
        self._store, self._source, self._fetch = store, source, fetch
        self._again: Video | None = None

    def subtitles(self, track: Subtitle) -> Path:
        """The file of a track.

        Raises GoneForGood, what `fetch` raises for now, and NotStored for a local video whose file is not there now.
        """
        try:
            return self._store.take("subtitles", track.sha256, track.format)
        except NotStored as error:
            kind = track.language, track.automatic, track.format
            alike = [one for one in self._fetched(error).subtitles if (one.language, one.automatic, one.format) == kind]
            for now in sorted(alike, key=lambda one: one.sha256 != track.sha256):  # the same one, where it is there
                return self._store.take("subtitles", now.sha256, now.format)
            raise GoneForGood(_GONE) from error

    def sound(self, sound: StoredSound) -> Path:
        """The file with the sound of a video. Raises as `subtitles`."""
        try:
            return self._store.take("sounds", sound.sha256, sound.extension)
        except NotStored as error:
            now = self._fetched(error).sound
            if now is None:
                raise GoneForGood(_GONE) from error
            return self._store.take("sounds", now.sha256, now.extension)

    def _fetched(self, gone: NotStored) -> Video:
        if self._again is None:
            source = self._source()
            try:
                self._again = self._fetch(source)
            except (PermanentError, RefusedError, PoisonError) as error:
                if source.kind == "file":  # it may be on a disk that is not mounted
                    raise gone from error
                raise GoneForGood(f"{_GONE} ({error.reason})") from error
        return self._again
