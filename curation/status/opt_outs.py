"""Takes the list of opt-outs into the ledger, and finds the videos that they concern.

Every command that publishes calls `take_opt_outs` first, so that nobody must think of it. The videos that are concerned
are in the ledger then; Standings sets them aside, so that nothing works on them and nothing publishes them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from curation.ledger.ledger import Ledger
from curation.ledger.part import CHUNK
from curation.sources.opt_outs import OptOut, OptOutList, keys_of, read_opt_outs
from schemas.configuration.config import resolve_path
from schemas.configuration.refresh_config import RefreshConfig
from schemas.records import Publication

LIST = "optout.jsonl"


class OptOuts(NamedTuple):
    """The opt-outs in force after a list was read: those that are new, those that it lifts, the videos concerned."""

    in_force: list[OptOut]
    added: list[OptOut]
    lifted: list[OptOut]
    videos: frozenset[str]


def take_opt_outs(root: Path, config: RefreshConfig, ledger: Ledger, *, write: bool = True) -> OptOuts:
    """Read the list of the workspace at `root`, and store what it says; the caller holds the workspace.

    An opt-out stays in force until a line lifts it, also when its own line is gone. Without `write` nothing is stored,
    and the answer is the same. Raises ConfigError as `read_opt_outs`; nothing is stored then.
    """
    found = _read(root, config)
    known = {one.key: one for one in ledger.opt_outs()}
    added = [one for key, one in found.in_force.items() if key not in known]
    lifted = [known[key] for key in found.lifted if key in known]
    in_force = {**known, **{one.key: one for one in added}}
    for one in lifted:
        del in_force[one.key]
    videos = concerned(ledger, in_force)
    if write:
        now = time.time()
        if added or lifted:
            ledger.note_opt_outs(added, lifted, now)
        ledger.set_opted_out(videos, now)
    return OptOuts([in_force[key] for key in sorted(in_force)], added, lifted, videos)


def concerned(ledger: Ledger, keys: Iterable[str]) -> frozenset[str]:
    """The videos that opt-outs with these keys concern, and those with the bytes of such a video."""
    wanted = frozenset(keys)
    if not wanted:
        return frozenset()
    found, sources = set[str](), ledger.sources()
    while chunk := list(islice(sources, CHUNK)):
        said = {name: _publication(text) for name, _, text in ledger.payloads([one.id for one in chunk], ("download",))}
        for registered in chunk:
            source = registered.source()
            if source is not None and not wanted.isdisjoint(keys_of(source, said.get(source.id))):
                found.add(source.id)
    for ids in ledger.shared_contents().values() if found else ():
        if not found.isdisjoint(ids):
            found.update(ids)
    return frozenset(found)


def _read(root: Path, config: RefreshConfig) -> OptOutList:
    """The configured list and the workspace's own; of two lines about one name that of the workspace counts."""
    found = OptOutList({}, {})
    own = root / LIST
    paths = [resolve_path(config.opt_outs, Path.cwd())] if config.opt_outs is not None else []
    paths += [own] if (own.exists() or own.is_symlink()) and own not in paths else []
    for path in paths:
        one = read_opt_outs(path)
        for mine, other, read in ((*found, one.in_force), (found.lifted, found.in_force, one.lifted)):
            mine.update(read)
            for key in read:
                other.pop(key, None)
    return found


def _publication(payload: str) -> Publication | None:
    try:
        return Publication.model_validate(json.loads(payload)["publication"])
    except (ValueError, LookupError, TypeError, ValidationError):
        return None  # a record of another version; its source alone decides
