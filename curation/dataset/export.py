"""Exports the finished samples of a workspace as a dataset folder; a sound export that is up to date is left alone."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from pydantic import ValidationError

from curation.dataset.adopt import raise_if_another
from curation.dataset.check import damage
from curation.dataset.fewer import counted, gone, raise_if_unexplained, raise_if_unwritable
from curation.dataset.last_export import forget, last_export, published_ids, remember
from curation.dataset.layout import MANIFEST, set_strangers_aside
from curation.dataset.write import ReadImage, export
from curation.frames.pictures import Pictures
from curation.frames.safety.blur import BLUR_RULE
from curation.ledger.entries import rejection_entry
from curation.ledger.part import chunks
from curation.ledger.stages import EXPORT, SCORED, STAGES, SUMMARY, TRANSCRIBE
from curation.pipeline.run import Run
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of
from curation.pipeline.thin import thinning
from curation.review.verdict_store import Reviews
from curation.status.opt_outs import take_opt_outs
from curation.status.standings import Standings
from curation.store.folder_swap import recover
from curation.workspace import Workspace
from schemas.arrow import SCHEMA_VERSION
from schemas.configuration.config import ExportConfig
from schemas.manifest import Manifest
from schemas.records import Rejection

_log = logging.getLogger(__name__)
_ASIDE = "export.set-aside"
_SHOWN = 5


def export_workspace(
    workspace: Workspace, services: Services, *, allow_fewer: bool = False, note: Callable[[str], None] = _log.warning
) -> Manifest:
    """Write WORKSPACE/export and return its manifest; without samples it holds the rejections alone.

    An export that is up to date is read again and written anew where it is damaged. A sample whose parts do not fit
    together is rejected in the ledger too; one whose files the store lost is tried again by the next export. `note` is
    told what was mended, which samples of the last export left it and why, and what the card does not state.

    Raises FewerSamples when a sample of the last export left without a reason, FilesGone when one cannot be written
    any more (neither with `allow_fewer`), and StorageFull among others; the old export stays whole until the new one
    is.
    """
    services.ledger.forget_transient(EXPORT)  # files that the store had lost may be back
    services.ledger.forget_file_missing()
    take_opt_outs(workspace.root, services.config.refresh, services.ledger)  # channels are known after the download
    recover(workspace.export)
    last = last_export(workspace)
    if aside := _set_strangers_aside(workspace):
        note(f"moved to {workspace.root / _ASIDE}, since they are no part of the export: {_some(aside)}")
    standings = Standings(services.view)
    ids = standings.samples()
    key = _key(services, standings, ids)
    if unstated := _unstated(services.config.export):
        note(unstated)
    if last is not None and last.key == key:
        faults = damage(workspace.export, last.manifest_sha256)
        if not faults:
            with contextlib.suppress(ValidationError):  # another version of the program wrote it
                return Manifest.model_validate_json((workspace.export / MANIFEST).read_bytes())
            faults = [f"{MANIFEST}: not of this version"]
        note(f"the export was damaged and is written anew: {_some(faults)}")
    before = published_ids(workspace, last)
    if before is None:
        note("the last export cannot be read, so it is unknown whether samples left it")
    left = gone(standings, before or (), ids)
    if not allow_fewer:
        raise_if_unexplained(left, len(before or ()), len(ids))
    manifest, unwritable = _write(workspace, services, standings, ids, key, () if allow_fewer else (before or ()))
    if before and (missing := Counter(left.reasons) + Counter(left.unexplained) + _of_published(unwritable, before)):
        size = f"{len(before)} -> {manifest.samples} samples"
        note(f"samples of the last export are not in this one ({size}): {counted(missing)}")
    return manifest


def export_to(out: Path, services: Services, *, allow_fewer: bool = False) -> Manifest:
    """Write the samples into the folder `out`, which is empty, missing or an earlier export; returns the manifest.

    Nothing is asked of the sources, and the ledger stays as it is: `services` may be those of a borrowed workspace.
    Raises FilesGone, unless `allow_fewer`, when the store lacks what a sample needs, ConfigError for a folder of other
    files, StorageFull and OSError.
    """
    config, standings = services.config, Standings(services.view)
    pictures = Pictures(services.store, config.frames, services.sandbox)
    ids = standings.samples()

    def refuse(failed: Sequence[Rejection]) -> None:
        raise_if_unwritable(failed, () if allow_fewer else ids, out)

    return export(
        standings.published(ids),
        lambda sample, index: pictures.read(sample.video, sample.frames, index),
        config.export,
        out,
        rejections=standings.rejections(),
        name=config.name,
        columns=columns_of(config),
        before_swap=refuse,
    )


def begin(run: Run, limit: int | None = None, *, adopt: bool = False, allow_fewer: bool = False) -> list[str]:
    """Register the sources of a run (the first `limit`) and make its configuration the workspace's; returns their ids.

    Raises ConfigError, unless `adopt`, when the workspace belongs to a dataset of another name. Raises FewerSamples,
    unless `allow_fewer`, when the export after this run would lose samples without a reason: nobody shall wait for a
    run whose export is then refused. The workspace's configuration stays as it was then.
    """
    if not adopt:
        raise_if_another(run.workspace, run.services)
    ids = run.register(limit)
    take_opt_outs(run.workspace.root, run.services.config.refresh, run.services.ledger)
    if not allow_fewer:
        before = published_ids(run.workspace, last_export(run.workspace)) or ()
        standings = Standings(run.services.view)
        raise_if_unexplained(gone(standings, before, standings.samples(), frozenset(ids)), len(before))
    run.save_config()
    return ids


def _write(
    workspace: Workspace,
    services: Services,
    standings: Standings,
    ids: Sequence[str],
    key: str,
    kept: Collection[str],
) -> tuple[Manifest, list[Rejection]]:
    """Write the export and remember it; returns its manifest, and samples that could not be written.

    Raises FilesGone when a sample of `kept` cannot be written; nothing has changed then.
    """
    config, ledger = services.config, services.ledger
    rejected: list[Rejection] = []

    def refuse(failed: Sequence[Rejection]) -> None:
        raise_if_unwritable(failed, kept, workspace.export)
        forget(workspace)

    def reject(rejection: Rejection) -> None:
        rejected.append(rejection)
        summary = ledger.heads([rejection.id]).get(rejection.id, {}).get(SUMMARY)
        if summary is not None:  # else its source gave other bytes while its file was fetched again: it is due
            ledger.write(rejection_entry(rejection, summary.digest, 1, 0.0), ())

    manifest = export(
        thinning(standings.published(ids), services.pictures),
        pictures_of(services),
        config.export,
        workspace.export,
        rejections=standings.rejections(),
        name=config.name,
        columns=columns_of(config),
        on_rejection=reject,
        before_swap=refuse,
    )
    # With rejections the ledger has changed since: a rejection that is forgotten later must be tried again.
    failed = {rejection.id for rejection in rejected}
    remember(workspace, None if rejected else key, tuple(name for name in ids if name not in failed))
    return manifest, rejected


def _of_published(failed: Sequence[Rejection], before: Collection[str]) -> Counter[str]:
    published = set(before)
    return Counter(f"{one.stage}: {one.reason}" for one in failed if one.id in published)


def _set_strangers_aside(workspace: Workspace) -> list[str]:
    if workspace.export.is_symlink() or not workspace.export.is_dir():
        return []
    return set_strangers_aside(workspace.export, workspace.root / _ASIDE)


def _unstated(config: ExportConfig) -> str | None:
    missing = [name for name in ("title", "licence") if getattr(config, name) is None]
    if not missing:
        return None
    keys = " and ".join(f"export.{name}" for name in missing)
    them = "them" if len(missing) > 1 else "it"
    return f"the dataset's card does not state its {' and '.join(missing)}: only you know {them} (set {keys})"


def _some(texts: Sequence[str]) -> str:
    more = f"; and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return "; ".join(texts[:_SHOWN]) + more


def pictures_of(services: Services) -> ReadImage:
    """A function that reads a picture of a sample as JPEG bytes."""
    return lambda sample, index: services.pictures.read(sample.video, sample.frames, index)


def is_exported(workspace: Workspace, services: Services) -> bool:
    """Whether the export is up to date with the ledger, and sound: all of its files are read."""
    last = last_export(workspace)
    if last is None or last.key != export_key(services):
        return False
    return not damage(workspace.export, last.manifest_sha256)


def export_key(services: Services) -> str:
    """The SHA-256 of everything that the export depends on, computed from digests, so that it is cheap."""
    standings = Standings(services.view)
    return _key(services, standings, standings.samples())


def _key(services: Services, standings: Standings, ids: Sequence[str]) -> str:
    """The key of an export of the samples `ids`.

    All finished verdicts on a sample are in it, and the rules: a verdict without an effect changes the key too.
    """
    digest = hashlib.sha256()
    config, ledger = services.config, services.ledger
    plain = set() if config.export.blurred.on else {"blur"}  # keys of exports that blur nothing stay as they were
    digest.update(f"{SCHEMA_VERSION}\n{config.name}\n{config.export.model_dump_json(exclude=plain)}\n".encode())
    digest.update(f"{config.review.model_dump_json()}\n".encode())
    if not plain:
        digest.update(f"blur {BLUR_RULE}\n".encode())
    if config.extract.annotators > 1:  # columns of their own; keys of exports without them stay as they were
        digest.update(b"annotators\n")
    if TRANSCRIBE in services.hashes.on:  # its column names the recogniser, which it did not at first
        digest.update(b"recogniser\n")
    if config.models.annotators:
        digest.update(b"models\n")
    unread = (STAGES.checks - set(SCORED)) | (set(STAGES.optional) - services.hashes.on)
    reviews = Reviews(ledger)
    for chunk in chunks(ids):
        heads = ledger.heads(chunk)
        payloads = {source.id: source.payload for source in ledger.sources(chunk)}
        keys = reviews.keys(chunk)
        for video_id in chunk:
            read = sorted(heads[video_id].keys() - unread)
            parts = [heads[video_id][stage].digest for stage in read]
            parts += keys.get(video_id, ())
            digest.update(f"{video_id} {payloads[video_id]} {' '.join(parts)}\n".encode())
    for rejection in standings.rejections():
        digest.update(f"{rejection.canonical()}\n".encode())
    return digest.hexdigest()
