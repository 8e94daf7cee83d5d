"""Takes in what the configuration's sources list now and the ledger does not know; `v2xum curate` works on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from curation.ledger.part import CHUNK
from curation.ledger.sources import known_as
from curation.pipeline.services import Services
from curation.sources.read import read_sources
from curation.sources.seen import Seen
from schemas.documents.refresh import NewSources
from schemas.errors import ConfigError, Interrupted, RunStopped
from schemas.records import Rejection, Source
from schemas.safe_text import plain

_LOST = "the configuration of the last run has no `sources:`; `v2xum curate` was given --source"


def take_new_sources(services: Services, *, write: bool = True) -> NewSources:
    """Register the sources that are new, and count them; without `write` only count.

    Rows that the ledger knows stay as they are: a refresh makes no published video due again. Relative places start
    from the working directory, as with `v2xum curate`. Sources that cannot be read are the answer's `problem`: they
    stop nothing else. Raises Interrupted once the run is to stop.
    """
    if not services.config.sources:
        return NewSources(problem=_LOST)
    listed = new = 0
    try:
        with closing(Seen()) as seen:
            items = _read(services, seen)
            while chunk := list(islice(items, CHUNK)):
                services.raise_if_interrupted()
                unknown = _unknown(services, chunk)
                if write:
                    services.ledger.register(unknown)
                listed, new = listed + len(chunk), new + len(unknown)
    except Interrupted:
        raise
    except (ConfigError, RunStopped) as error:
        return NewSources(listed=listed, new=new, problem=plain(str(error), 500))
    return NewSources(listed=listed, new=new)


def _read(services: Services, seen: Seen) -> Iterator[Source | Rejection]:
    config = services.config
    for spec in config.sources:
        yield from read_sources(
            spec,
            base=Path.cwd(),
            schemes=config.download.schemes,
            seen=seen,
            signed=services.signed,
            subtitles=config.download.subtitles,
        )


def _unknown(services: Services, items: list[Source | Rejection]) -> list[Source | Rejection]:
    ledger = services.ledger
    known = {row.id for row in ledger.sources([item.id for item in items])}
    return [item for item in items if item.id not in known and ledger.property(known_as(item.id)) is None]
