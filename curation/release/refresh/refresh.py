"""Refreshes a workspace: opt-outs, new sources, looks at published videos, tombstones, the next version.

    opt-outs   are read from the list and stored; what they concern leaves the export and the next release
    sources    that the configuration lists now are registered; `v2xum curate` takes the new ones through the stages
    looks      at the published videos that are due say whether they are there, and under which licence
    proposal   says what the next release would change, and which version that makes it

Only the looks take long. They store each answer at once, so that a stopped refresh goes on where it was.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from curation.pipeline.services import Services, open_services
from curation.release.refresh.looks import Answers, Watch, look_at_all, watch
from curation.release.refresh.new_sources import take_new_sources
from curation.release.refresh.proposal import propose
from curation.release.refresh.published import ids_of, last_versions
from curation.release.refresh.tombstones import Tombstone, tombstones
from curation.release.versions import released, releases_folder
from curation.status.opt_outs import OptOuts, take_opt_outs
from curation.workspace import Workspace
from schemas.documents.refresh import Looks, OptOutCounts, RefreshReport, TombstoneChange


def refresh_workspace(
    place: Workspace, *, limit: int | None = None, dry_run: bool = False, stop: threading.Event | None = None
) -> RefreshReport:
    """Lock and refresh a workspace; it stops at a safe point once somebody sets `stop`.

    A dry run works on a copy of the ledger and locks nothing. Raises as `refresh`, and WorkspaceBusy.
    """
    if dry_run:
        with place.to_read(always_borrow=True) as borrowed, open_services(borrowed) as services:
            services.stop = stop or services.stop
            return refresh(place, services, limit=limit, dry_run=True)
    with place.lock(), open_services(place) as services:
        services.stop = stop or services.stop
        return refresh(place, services, limit=limit)


def refresh(
    place: Workspace,
    services: Services,
    *,
    limit: int | None = None,
    dry_run: bool = False,
    clock: Callable[[], float] = time.time,
) -> RefreshReport:
    """Refresh a workspace, and look at `limit` published videos at most. The caller holds the workspace.

    `dry_run`: nobody is asked and nothing is stored; the proposal counts opt-outs that are new, and no looks.
    `clock` gives unix times. Raises ConfigError for a wrong list of opt-outs and for a release that cannot be read,
    Interrupted once the run is to stop, and StorageFull among others.
    """
    config, ledger = services.config, services.ledger
    releases = releases_folder(place)
    versions = last_versions(releases)
    there = released(releases)
    latest = there[-1] if there else None
    before = {one.id: one for one in tombstones(services.view, versions, ())}
    take_opt_outs(place.root, config.refresh, ledger, write=False)  # a wrong list stops all, before anything is stored
    sources = take_new_sources(services, write=not dry_run)
    opt_outs = take_opt_outs(place.root, config.refresh, ledger, write=not dry_run)
    watched, strangers = watched_rows(releases / str(latest) if latest is not None else None, services, opt_outs)
    known = ledger.rechecks(list(watched))
    seen = watch(watched, known, config.refresh, clock())
    answers = Answers(Counter(), Counter()) if dry_run else look_at_all(services, seen.due, known, clock, limit)
    after = {one.id: one for one in tombstones(services.view, versions, ())}
    return RefreshReport(
        release=None if latest is None else str(latest),
        dry_run=dry_run,
        sources=sources,
        opt_outs=_counts(opt_outs),
        looks=_looks(seen, strangers, answers),
        tombstones=dict(sorted(Counter(one.reason for one in after.values()).items())),
        made=_changes(after, before),
        lifted=_changes(before, after),
        proposal=propose(releases, latest, versions, services, opt_outs),
    )


def watched_rows(release: Path | None, services: Services, opt_outs: OptOuts) -> tuple[dict[str, str], int]:
    """The videos to watch with the SHA-256 of their files, by id; and how many published rows are strangers.

    They are the rows of the latest release, and what has a tombstone, which may come back; without those who opted out.
    """
    published = set(ids_of(release)) if release is not None else set()
    ledger = services.ledger
    contents = ledger.contents()
    wanted = sorted((published | ledger.tombstones().keys()) - opt_outs.videos)
    watched = {name: contents[name] for name in wanted if name in contents}
    missing = sorted(published - contents.keys())
    return watched, len(missing) - sum(1 for _ in ledger.sources(missing))


def _looks(seen: Watch, strangers: int, answers: Answers) -> Looks:
    return Looks(
        watched=seen.watched,
        strangers=strangers,
        due=len(seen.due),
        checked=answers.found.total(),
        found=dict(sorted(answers.found.items())),
        unanswered=dict(sorted(answers.unanswered.items())),
    )


def _counts(opt_outs: OptOuts) -> OptOutCounts:
    return OptOutCounts(
        in_force=len(opt_outs.in_force),
        new=len(opt_outs.added),
        lifted=len(opt_outs.lifted),
        videos=len(opt_outs.videos),
    )


def _changes(these: Mapping[str, Tombstone], others: Mapping[str, Tombstone]) -> tuple[TombstoneChange, ...]:
    """The tombstones of `these` that are not among `others`, or stand there for another reason."""
    return tuple(
        TombstoneChange(id=one.id, reason=one.reason, date=one.date)
        for one in these.values()
        if one.id not in others or others[one.id].reason != one.reason
    )
