"""Exports the finished samples of a workspace as a dataset folder; an export that is up to date is left alone."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from curation.dataset.write import ReadImage, export
from curation.ledger.entries import rejection_entry
from curation.ledger.part import chunks
from curation.ledger.stages import EXPORT, SCORED, STAGES, SUMMARY
from curation.pipeline.services import Services
from curation.review.verdict_store import Reviews
from curation.status.standings import Standings
from curation.workspace import Workspace
from schemas.arrow import SCHEMA_VERSION
from schemas.manifest import Manifest
from schemas.records import Rejection

_KEY = "export.key"
_MANIFEST = "manifest.json"


def export_workspace(workspace: Workspace, services: Services) -> Manifest:
    """Write WORKSPACE/export and return its manifest; without samples it holds the rejections alone.

    A sample whose parts do not fit together is rejected in the ledger too; one whose files the store lost is tried
    again by the next export. Raises FilesGone when the present export would shrink for that, StorageFull among others;
    the old export stays whole until the new one is.
    """
    services.ledger.forget_transient(EXPORT)  # files that the store had lost may be back
    services.ledger.forget_file_missing()
    standings = Standings(services.view)
    ids = standings.samples()
    key = _key(services, standings, ids)
    if _is_written(workspace, key):
        return Manifest.model_validate_json((workspace.export / _MANIFEST).read_text(encoding="utf-8"))
    config, ledger = services.config, services.ledger
    key_file = workspace.root / _KEY
    key_file.unlink(missing_ok=True)
    rejected: list[Rejection] = []

    def reject(rejection: Rejection) -> None:
        rejected.append(rejection)
        summary = ledger.heads([rejection.id])[rejection.id][SUMMARY]
        ledger.write(rejection_entry(rejection, summary.digest, 1, 0.0), ())

    manifest = export(
        standings.published(ids),
        pictures_of(services),
        config.export,
        workspace.export,
        rejections=standings.rejections(),
        name=config.name,
        on_rejection=reject,
    )
    if (
        not rejected
    ):  # with rejections the ledger has changed since: a rejection that is forgotten later must be tried again
        key_file.write_text(key)
    return manifest


def pictures_of(services: Services) -> ReadImage:
    """A function that reads a picture of a sample as JPEG bytes."""
    return lambda sample, index: services.pictures.read(sample.video, sample.frames, index)


def is_exported(workspace: Workspace, services: Services) -> bool:
    """Whether the export is up to date with the ledger."""
    return _is_written(workspace, export_key(services))


def export_key(services: Services) -> str:
    """The SHA-256 of everything that the export depends on, computed from digests, so that it is cheap."""
    standings = Standings(services.view)
    return _key(services, standings, standings.samples())


def _is_written(workspace: Workspace, key: str) -> bool:
    key_file = workspace.root / _KEY
    return key_file.exists() and (workspace.export / _MANIFEST).exists() and key_file.read_text() == key


def _key(services: Services, standings: Standings, ids: Sequence[str]) -> str:
    """The key of an export of the samples `ids`.

    All finished verdicts on a sample are in it, and the rules: a verdict without an effect changes the key too.
    """
    digest = hashlib.sha256()
    config, ledger = services.config, services.ledger
    digest.update(f"{SCHEMA_VERSION}\n{config.name}\n{config.export.model_dump_json()}\n".encode())
    digest.update(f"{config.review.model_dump_json()}\n".encode())
    reviews = Reviews(ledger)
    for chunk in chunks(ids):
        heads = ledger.heads(chunk)
        payloads = {source.id: source.payload for source in ledger.sources(chunk)}
        keys = reviews.keys(chunk)
        for video_id in chunk:
            read = sorted(heads[video_id].keys() - (STAGES.checks - set(SCORED)))
            parts = [heads[video_id][stage].digest for stage in read]
            parts += keys.get(video_id, ())
            digest.update(f"{video_id} {payloads[video_id]} {' '.join(parts)}\n".encode())
    for rejection in standings.rejections():
        digest.update(f"{rejection.canonical()}\n".encode())
    return digest.hexdigest()
