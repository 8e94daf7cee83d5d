"""A cache of the content hashes of the ledger's samples, so that only changed samples are read again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from curation.ledger.ledger import Ledger
from curation.ledger.samples import samples_of
from curation.ledger.stages import STAGES
from curation.review.content_hash import content_sha256
from curation.store.files import write_whole
from schemas.records import Sample

_CHUNK = 500


class Content(NamedTuple):
    """A sample's content hash. `sample`: the sample itself when it had to be read for the hash, else None."""

    sample_id: str
    sha256: str
    sample: Sample | None


class ContentCache:
    """Content hashes, stored with the digests of the records that determine them. Losing the file costs only time."""

    def __init__(self, ledger: Ledger, path: Path) -> None:
        """Read the stored hashes from `path`; a missing or damaged file is an empty cache."""
        self._ledger = ledger
        self._path = path
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            known = {}
        self._known: dict[str, tuple[str, str]] = {
            name: (pair[0], pair[1])
            for name, pair in (known.items() if isinstance(known, dict) else ())
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        }
        self._changed = False

    def of(self, ids: Sequence[str]) -> Iterator[Content]:
        """The content of each sample, in the order given. Raises KeyError for a sample that is not finished."""
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            digests = self._ledger.digests(chunk, STAGES.published)
            keys: dict[str, str] = {}
            for name in chunk:
                parts = (f"{stage}:{digest}" for stage, digest in sorted(digests[name].items()))
                keys[name] = hashlib.sha256(" ".join(parts).encode()).hexdigest()
            unknown = [name for name in chunk if self._known.get(name, ("", ""))[0] != keys[name]]
            read = zip(unknown, samples_of(self._ledger, unknown), strict=True)
            following = next(read, None)
            for name in chunk:
                if following is None or following[0] != name:
                    yield Content(name, self._known[name][1], None)
                    continue
                content = content_sha256(following[1])
                self._known[name] = (keys[name], content)
                self._changed = True
                yield Content(name, content, following[1])
                following = next(read, None)

    def save(self) -> None:
        """Store the hashes when any changed. Raises OSError."""
        if self._changed:
            write_whole(self._path, json.dumps(self._known))
            self._changed = False
