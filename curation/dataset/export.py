"""The finished samples of a workspace as a dataset folder, rewritten only when it would come out differently."""

from __future__ import annotations

import hashlib
from itertools import islice

from curation.dataset.write import ReadImage, export
from curation.ledger.entries import rejection_entry
from curation.ledger.stages import CHECKS, SUMMARY
from curation.pipeline.services import Services
from curation.review.applied import rules_of
from curation.review.verdict_store import Reviews
from curation.status.standings import all_rejections, finished, published
from curation.workspace import Workspace
from schemas.arrow import SCHEMA_VERSION
from schemas.manifest import Manifest
from schemas.records import Rejection

_KEY = "export.key"
_CHUNK = 500


def export_workspace(workspace: Workspace, services: Services) -> Manifest:
    """Write WORKSPACE/export and return its manifest; without samples it holds the rejections alone.

    A sample whose parts do not fit together is rejected in the ledger too. Raises StorageFull among others; the old
    export stays whole until the new one is.
    """
    if is_exported(workspace, services):
        done = workspace.export / "manifest.json"
        return Manifest.model_validate_json(done.read_text(encoding="utf-8"))
    config, ledger = services.config, services.ledger
    key_file, key = workspace.root / _KEY, export_key(services)
    key_file.unlink(missing_ok=True)
    rejected: list[Rejection] = []

    def reject(rejection: Rejection) -> None:
        rejected.append(rejection)
        refined = ledger.heads([rejection.id])[rejection.id][SUMMARY]
        ledger.write(rejection_entry(rejection, refined.digest, 1, 0.0), ())

    manifest = export(
        published(ledger, services.settings),
        pictures_of(services),
        config.export,
        workspace.export,
        rejections=all_rejections(ledger, services.settings),
        name=config.name,
        on_rejection=reject,
    )
    if not rejected:  # else the ledger is not what the key was made from: forgotten again, they would not be tried
        key_file.write_text(key)
    return manifest


def pictures_of(services: Services) -> ReadImage:
    """Access to the pictures of samples as JPEG bytes."""
    return lambda sample, index: services.pictures.read(sample.video, sample.frames, index)


def is_exported(workspace: Workspace, services: Services) -> bool:
    """Whether the export is what the ledger's finished samples would make now."""
    key_file = workspace.root / _KEY
    whole = key_file.exists() and (workspace.export / "manifest.json").exists()
    return whole and key_file.read_text() == export_key(services)


def export_key(services: Services) -> str:
    """SHA-256 of everything that the export is made from, by digests: cheap for thousands of samples.

    Of verdicts it holds all finished ones on a sample, and the rules: one that changes nothing makes another key too.
    """
    digest = hashlib.sha256()
    config, ledger = services.config, services.ledger
    digest.update(f"{SCHEMA_VERSION}\n{config.name}\n{config.export.model_dump_json()}\n".encode())
    digest.update(f"{rules_of(services.settings).model_dump_json()}\n".encode())
    reviews = Reviews(ledger)
    ids = iter(finished(ledger, services.settings))
    while chunk := list(islice(ids, _CHUNK)):
        heads = ledger.heads(chunk)
        payloads = {source.id: source.payload for source in ledger.sources(chunk)}
        keys = reviews.keys(chunk)
        for video_id in chunk:
            parts = [heads[video_id][stage].digest for stage in sorted(heads[video_id].keys() - CHECKS)]
            parts += keys.get(video_id, ())
            digest.update(f"{video_id} {payloads[video_id]} {' '.join(parts)}\n".encode())
    for rejection in all_rejections(ledger, services.settings):
        digest.update(f"{rejection.canonical()}\n".encode())
    return digest.hexdigest()
