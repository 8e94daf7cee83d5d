"""Makes a release: an immutable folder `WORKSPACE/releases/VERSION`, put into place in one step.

    manifest.json                               path, SHA-256, bytes and rows of every other file, and all figures
    README.md                                   the dataset card, with the header that the Hub reads
    CHANGES.md                                  what differs from the release before it, and why
    CITATION.cff                                how to cite it
    CONFIGURATION/SPLIT-NNNNN-of-NNNNN.parquet  the rows (curation/release/configurations)
    formats/NAME                                the rows for a trainer (curation/release/formats)

Equal ledgers give equal bytes, file by file, also when earlier tries were killed. Memory holds one row group for each
configuration and split, whatever the number of samples.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from curation.dataset.export import export_key
from curation.dataset.statistics import Tally
from curation.frames.safety.blur import stated
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of
from curation.pipeline.thin import kept_pictures
from curation.release.configurations import lineage
from curation.release.configurations.configuration import Inputs
from curation.release.configurations.registry import configurations
from curation.release.diff.changes import earlier_release, write_changes
from curation.release.diff.opened import OpenedRelease, open_release
from curation.release.documents import DOCUMENTS
from curation.release.formats import registry as formats_of
from curation.release.gate import Limits, raise_if_refused, unreviewed
from curation.release.kept_sheets import KeptSheets
from curation.release.made_with import stage_states
from curation.release.media import media_settings
from curation.release.prepare import Prepared, prepared
from curation.release.refresh.opt_outs import published_list
from curation.release.refresh.published import last_versions
from curation.release.refresh.tombstones import tombstones
from curation.release.splits.assign import RULE, Assignment, assign
from curation.release.splits.known import read_benchmarks
from curation.release.splits.read import ItemReader, frozen_splits
from curation.release.versions import MANIFEST, parse, raise_if_lower, releases_folder
from curation.release.writer import ConfigurationWriter
from curation.release.written import Written
from curation.status.standings import Standings
from curation.store.files import hash_file
from curation.store.folder_swap import names, publish, staging
from curation.workspace import Workspace
from schemas.arrow import SCHEMA_VERSION
from schemas.documents.review_report import ReviewFindings
from schemas.errors import ConfigError, ReleaseRefused, StageError, StorageFull, is_storage_full
from schemas.manifest import ExportedFile, SplitCount, SplitName
from schemas.release import ConfigurationCount, FormatChoice, ReleaseManifest, ReviewFigures

NO_FORMATS = FormatChoice()
# Folders of a workspace that keep what frames look like, and contact sheets; they can be deleted.
FINGERPRINTS, SHEETS = "fingerprints", "sheets"
FORM = 7  # raised when equal ledgers give other bytes than before
_NAMED = 5

_log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """A release that could be made: its folder, its samples, and what people said of them.

    `frozen`: the splits of rows that earlier releases published; `benchmarks`: the files and folders to compare
    with; `versions`: the latest earlier release with each row; `earlier`: the folder of the release before this one,
    None for the first; `formats`: those of trainers.
    """

    version: str
    folder: Path
    ids: list[str]
    figures: ReviewFigures
    made_from: str
    standings: Standings
    frozen: Mapping[str, SplitName]
    benchmarks: Sequence[Path]
    versions: Mapping[str, str]
    earlier: Path | None
    formats: FormatChoice = NO_FORMATS


def plan_release(
    place: Workspace,
    services: Services,
    version: str,
    findings: ReviewFindings,
    releases: Path | None = None,
    benchmarks: Sequence[Path] = (),
    formats: FormatChoice = NO_FORMATS,
) -> Plan:
    """What the release `version` would hold; nothing is written.

    `findings`: what the review measured; `releases`: the folder of all releases, by default the
    workspace's own; `benchmarks`: lists of known videos, and folders of them; `formats`: those of trainers. Raises
    ConfigError for a version that exists, that is lower than the latest, or that is none, for a workspace without
    samples, for earlier releases and lists that cannot be read, and for formats of pictures without pictures.
    """
    number, root = parse(version), releases or releases_folder(place)
    standings = Standings(services.view)
    ids = standings.samples()
    if not ids:
        again = sum(one.outdated for one in standings.walk())
        changed = f"finished videos are due again ({again}); run `v2xum curate`"
        why = changed if again else "`v2xum status` says where its videos stand"
        raise ConfigError(f"{place.root} has no sample to release: {why}")
    figures = ReviewFigures(samples=len(ids), unreviewed=unreviewed(standings, ids), **dict(findings))
    frozen = frozen_splits(root, number)
    versions = last_versions(root, number)
    folder = root / str(number)
    formats_of.raise_if_without_frames(formats, services.config)
    earlier = earlier_release(root, number)
    known = {**versions, **dict.fromkeys(ids, str(number))}
    formats = formats if formats.names else NO_FORMATS  # how they are written says nothing without one
    seen = Inputs(standings, dict.fromkeys(ids, "train"), services)  # which split a row has, its frozen ones say
    made_from = _made_from(services, figures, frozen, benchmarks, known, earlier, formats, _lineage(seen))
    if folder.exists() or folder.is_symlink():
        raise ConfigError(f"{folder} exists, and a release never changes: {_same_or_not(folder, made_from)}")
    raise_if_lower(number, root)
    return Plan(str(number), folder, ids, figures, made_from, standings, frozen, benchmarks, versions, earlier, formats)


def make_release(plan: Plan, services: Services, limits: Limits | None = None) -> ReleaseManifest:
    """Write the planned release and return its manifest. The caller holds the workspace's lock.

    Raises ReleaseRefused when people have checked too little or found too much (`limits`), or when a sample cannot be
    written; then, and after a kill at any moment, there is no such release. Raises ConfigError when the release before
    it is not what was published, StorageFull and OSError.
    """
    raise_if_refused(plan.version, plan.figures, limits or Limits())
    earlier = open_release(plan.earlier) if plan.earlier is not None else None
    _remove_remains(plan.folder.parent)
    new = staging(plan.folder, MANIFEST)
    try:
        manifest = _write(plan, services, new, earlier)
        for path in new.rglob("*"):
            if path.is_file():
                path.chmod(0o444)  # nobody changes it by mistake
        publish(new, plan.folder)
    except OSError as error:
        if is_storage_full(error):
            raise StorageFull(f"no space left while writing the release {plan.folder}") from error
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    _sheets(services).keep_only(plan.ids)
    return manifest


def _write(plan: Plan, services: Services, new: Path, earlier: OpenedRelease | None) -> ReleaseManifest:
    assignment = _assigned(plan, services)
    tally, splits, failed = Tally(), dict[str, SplitName](), list[str]()
    example: dict[str, Any] | None = None
    with ExitStack() as stack:
        config = services.config
        known = configurations(columns_of(config))
        writers = [stack.enter_context(ConfigurationWriter(new, each)) for each in known]
        for made in _samples(plan, services, assignment):
            if isinstance(made.published, StageError):
                failed.append(f"{made.id}: {made.published}")
                continue
            row = made.published.row
            splits[made.id] = row["split"]
            tally.row(row)
            example = example or {key: row[key] for key in ("id", "title", "meta", "ratio", "summary")}
            for writer in writers:
                for line in writer.configuration.of_sample(made.published) if writer.configuration.of_sample else ():
                    writer.add(line)
        _raise_if_unwritable(failed, plan)
        inputs = Inputs(plan.standings, splits, services, {**plan.versions, **dict.fromkeys(splits, plan.version)})
        for writer in writers:
            for line in writer.configuration.of_ledger(inputs) if writer.configuration.of_ledger else ():
                writer.add(line)
    for rejection in plan.standings.rejections():
        tally.rejection(rejection)
    rows = {path: count for writer in writers for path, count in writer.files}
    manifest = _manifest(plan, services, tally, [writer.count() for writer in writers], assignment)
    manifest = manifest.model_copy(update={"files": _files(new, rows)})
    manifest = write_changes(new, manifest, earlier)
    for document in DOCUMENTS:
        document(Written(new, manifest, services, example))
    manifest = manifest.model_copy(update={"files": _files(new, rows, manifest.files)})
    (new / MANIFEST).write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8", newline="\n")
    return manifest


def _assigned(plan: Plan, services: Services) -> Assignment:
    config = services.config
    cache = services.store.root.parent / FINGERPRINTS
    items = ItemReader(plan.standings.published, services.pictures, cache).items(plan.ids)
    benchmarks = read_benchmarks(plan.benchmarks, config.frames, lambda: services.sandbox)
    return assign(items, config.export.splits, plan.frozen, benchmarks)


def _samples(plan: Plan, services: Services, assignment: Assignment) -> Iterator[Prepared]:
    return prepared(
        plan.standings.published(plan.ids),
        lambda sample, index: services.pictures.read(sample.video, sample.frames, index),
        lambda sample: assignment.splits[sample.video.id],
        _sheets(services) if services.config.export.images else None,
        services.config.export.blurred,
        lambda sample: services.pictures.thin(sample.video, kept_pictures(sample)),
    )


def _sheets(services: Services) -> KeptSheets:
    return KeptSheets(services.store.root.parent / SHEETS)


def _raise_if_unwritable(failed: Sequence[str], plan: Plan) -> None:
    if failed:
        raise ReleaseRefused(
            f"release {plan.version} is refused, and nothing was written: {len(failed)} of {len(plan.ids)} samples "
            f"cannot be written ({'; '.join(failed[:_NAMED])}). `v2xum curate` fetches lost files again, and `v2xum "
            "export` sets aside, with its reason, what cannot be mended"
        )


def _files(folder: Path, rows: Mapping[Path, int], known: Sequence[ExportedFile] = ()) -> tuple[ExportedFile, ...]:
    """All files below `folder`, sorted by path; those that are `known` are not read again."""
    found = {file.path: file for file in known}
    for name in names(folder):
        if name not in found:
            sha256, size = hash_file(folder / name)
            found[name] = ExportedFile(path=name, sha256=sha256, bytes=size, rows=rows.get(folder / name))
    return tuple(found[name] for name in sorted(found))


def _manifest(
    plan: Plan,
    services: Services,
    tally: Tally,
    configurations: Sequence[ConfigurationCount],
    assignment: Assignment,
) -> ReleaseManifest:
    """The manifest without its files."""
    config = services.config
    splits = configurations[0].splits
    return ReleaseManifest(
        version=plan.version,
        made_from=plan.made_from,
        schema_version=SCHEMA_VERSION,
        name=config.name,
        title=config.export.title,
        licence=config.export.licence,
        images=config.export.images,
        blur=stated(config.export.blurred),
        samples=tally.rows,
        splits=tuple(SplitCount.model_validate(each.model_dump()) for each in splits),
        files=(),
        configurations=tuple(configurations),
        review=plan.figures,
        split_report=assignment.report,
        media=media_settings(config),
        formats=plan.formats,
        stages=stage_states(services),
        **tally.figures(),
    )


def _made_from(
    services: Services,
    figures: ReviewFigures,
    frozen: Mapping[str, SplitName],
    benchmarks: Sequence[Path],
    versions: Mapping[str, str],
    earlier: Path | None,
    formats: FormatChoice,
    standing: str,
) -> str:
    """The SHA-256 of what a release depends on. Of folders of videos the names and sizes count."""
    compared = [[path.name, _content_of(path)] for path in benchmarks]
    gone = [each.canonical() for each in tombstones(services.view, versions, ())]
    left_out = published_list(services.ledger.opt_outs(), services.config.refresh)
    languages = [services.config.caption.language, services.config.refine.language]
    parts = [
        FORM,
        export_key(services),
        languages,
        figures.canonical(),
        RULE,
        sorted(frozen.items()),
        compared,
        gone,
        left_out,
        standing,
        media_settings(services.config).canonical(),
        [state.model_dump() for state in stage_states(services)],
        hash_file(earlier / MANIFEST)[0] if earlier is not None else None,
    ]
    parts += [formats_of.FORM, formats.canonical()] if formats.names else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _content_of(benchmark: Path) -> str | list[list[str | int]]:
    """What a benchmark's list says, or a folder of its videos holds. Raises ConfigError."""
    try:
        if benchmark.is_dir():
            return sorted([file.name, file.stat().st_size] for file in benchmark.iterdir() if file.is_file())
        return hash_file(benchmark)[0]
    except OSError as error:
        raise ConfigError(f"{benchmark}: cannot be read as a benchmark: {error.strerror or error}") from error


def _lineage(inputs: Inputs) -> str:
    """The SHA-256 of where every video stands, published or not."""
    digest = hashlib.sha256()
    for row in lineage.rows(inputs):
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()


def _remove_remains(releases: Path) -> None:
    """Remove what killed tries left: the caller has the lock, so nobody writes there now."""
    for path in releases.glob(".*.new") if releases.is_dir() else ():
        shutil.rmtree(path)


def _same_or_not(folder: Path, made_from: str) -> str:
    try:
        there = ReleaseManifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        return "it cannot be read as a release; take another version"
    if there.made_from == made_from:
        return "the ledger has nothing new since"
    return "the ledger has changed since, so take a higher version"
