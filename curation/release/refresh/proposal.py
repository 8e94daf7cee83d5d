"""Proposes the version of the next release, by what differs between the latest one and the ledger.

MAJOR: a column went or has another type, or the schema's version rose. MINOR: rows came or left, columns came. PATCH:
rows, rejections, tombstones or opt-outs changed. The rule is that of docs/guides/releasing.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
from semver import Version

from curation.frames.safety.blur import stated
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of
from curation.release.configurations.configuration import Inputs
from curation.release.configurations.registry import configurations
from curation.release.configurations.tombstones import NAME as TOMBSTONES
from curation.release.refresh.compared import changed_rejections, changed_rows, has_field, published_digests
from curation.release.refresh.opt_outs import FILE, published_list
from curation.release.refresh.published import files_of, manifest_of, schema_of, unreadable
from curation.release.refresh.tombstones import tombstones
from curation.sources.opt_outs import REASON as OPTED_OUT
from curation.status.opt_outs import OptOuts
from curation.status.standings import Standings
from schemas.arrow import SCHEMA_VERSION
from schemas.documents.refresh import Level, Proposal, Reason
from schemas.kit.number_of import number_of

FIRST = "0.1.0"
_LEVELS: tuple[Level, ...] = get_args(Level)  # the highest first


def propose(
    releases: Path, latest: Version | None, versions: Mapping[str, str], services: Services, opt_outs: OptOuts
) -> Proposal:
    """The next version after `latest` of the folder `releases`; `versions` has the latest release of each row.

    `opt_outs` are those in force, whether they are stored or not.

    Raises ConfigError when the latest release cannot be read.
    """
    standings = Standings(services.view)
    ids = [name for name in standings.samples() if name not in opt_outs.videos]
    if latest is None:
        words = f"{number_of(len(ids), 'sample')} and no release yet"
        first = Reason(level="minor", what="rows_added", count=len(ids), words=words)
        return Proposal(version=FIRST, level="minor", reasons=(first,)) if ids else Proposal()
    release = releases / str(latest)
    reasons = [
        *_columns(release, services),
        *_blur(release, services),
        *_rows(release, standings, services, ids, opt_outs.videos),
        *_tombstones(release, services, versions, ids),
    ]
    reasons += _left_out(release, services, opt_outs)
    if not reasons:
        return Proposal()
    reasons.sort(key=lambda each: _LEVELS.index(each.level))
    level = reasons[0].level
    return Proposal(version=str(latest.next_version(level)), level=level, reasons=tuple(reasons))


def _columns(release: Path, services: Services) -> Iterator[Reason]:
    manifest = manifest_of(release)
    if manifest.schema_version != SCHEMA_VERSION:
        words = f"the rows have schema version {SCHEMA_VERSION} instead of {manifest.schema_version}"
        yield Reason(level="major", what="schema_version", count=1, words=words)
    config = services.config
    known = configurations(columns_of(config))
    now = {each.name: each.features().arrow_schema for each in known}
    lost, came = [], []
    for count in manifest.configurations:
        if count.name not in now:
            lost.append(count.name)
            continue
        for path in files_of(release, count.name)[:1]:
            before, after = schema_of(path), now[count.name]
            lost += [f"{count.name}.{field.name}" for field in before if not has_field(after, field)]
            came += [f"{count.name}.{name}" for name in after.names if name not in before.names]
    came += sorted(set(now) - {count.name for count in manifest.configurations})
    for level, what, names, verb in (("major", "columns_lost", lost, "left"), ("minor", "columns_added", came, "came")):
        if names:
            words = f"{verb}, or changed their type: {', '.join(names)}" if level == "major" else ", ".join(names)
            yield Reason.model_validate({"level": level, "what": what, "count": len(names), "words": words})


def _blur(release: Path, services: Services) -> Iterator[Reason]:
    manifest, config = manifest_of(release), services.config.export
    now = stated(config.blurred)
    if manifest.blur != now and manifest.images == config.images:
        before, after = (policy.words if policy is not None else "nothing" for policy in (manifest.blur, now))
        yield Reason(level="patch", what="blur_changed", count=1, words=f"blurred: {before} -> {after}")


def _rows(
    release: Path, standings: Standings, services: Services, ids: list[str], opted_out: frozenset[str]
) -> Iterator[Reason]:
    before, now = published_digests(release), set(ids)
    if added := now - before.keys():
        yield Reason(level="minor", what="rows_added", count=len(added), words=f"{number_of(len(added), 'new row')}")
    if left := sorted(before.keys() - now):
        why, known = Counter[str](), set[str]()
        for one in standings.walk(left):
            known.add(one.source.id)
            reason = str(one.why) if one.why is not None else f"due again at {one.where.stage}"
            why[f"source: {OPTED_OUT}" if one.source.id in opted_out else reason] += 1
        if strangers := len(left) - len(known):
            why["not in the ledger"] = strangers
        told = ", ".join(f"{reason} {count}" for reason, count in sorted(why.items()))
        yield Reason(
            level="minor", what="rows_left", count=len(left), words=f"{number_of(len(left), 'row')} left ({told})"
        )
    both = [name for name in ids if name in before]
    inputs = Inputs(standings, dict.fromkeys(ids, "train"), services)  # splits are frozen, and not compared
    if count := len(changed_rows(release, before, both, inputs)):
        yield Reason(level="patch", what="rows_changed", count=count, words=f"{number_of(count, 'row')} changed")
    apart = {*now, *before, *opted_out}
    if count := len(changed_rejections(release, apart, inputs)):
        words = f"{number_of(count, 'rejection')} changed"
        yield Reason(level="patch", what="rejections_changed", count=count, words=words)


def _tombstones(release: Path, services: Services, versions: Mapping[str, str], ids: list[str]) -> Iterator[Reason]:
    now = {(one.id, one.reason, one.date) for one in tombstones(services.view, versions, frozenset(ids))}
    before: set[tuple[Any, ...]] = set()
    for path in files_of(release, TOMBSTONES):
        try:
            rows = pq.read_table(path, columns=["id", "reason", "date"]).to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError, KeyError) as error:
            raise unreadable(path, error) from error
        before |= {(row["id"], row["reason"], row["date"]) for row in rows}
    if new := now - before:
        told = ", ".join(f"{name} {count}" for name, count in sorted(Counter(reason for _, reason, _ in new).items()))
        words = f"{number_of(len(new), 'new tombstone')} ({told})"
        yield Reason(level="patch", what="tombstones_made", count=len(new), words=words)
    if back := {name for name, *_ in before} - {name for name, *_ in now}:
        words = f"{number_of(len(back), 'tombstone')} lifted"
        yield Reason(level="patch", what="tombstones_lifted", count=len(back), words=words)


def _left_out(release: Path, services: Services, opt_outs: OptOuts) -> Iterator[Reason]:
    now = published_list(opt_outs.in_force, services.config.refresh)
    path = release / FILE
    before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if now != before:
        count = len(set(now.splitlines()) ^ set(before.splitlines()))
        yield Reason(level="patch", what="opt_outs", count=count, words=f"{number_of(count, 'opt-out')} changed")
