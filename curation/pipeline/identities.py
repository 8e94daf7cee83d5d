"""What identifies the models of a run: noted when a run starts, read by every command that opens no model."""

from __future__ import annotations

import hashlib
from typing import Any

from curation.ledger.ledger import Ledger
from models.identity import identify, identify_clip, identify_embedder
from schemas.model_config import ChatConfig, ModelsConfig
from schemas.records import Record

Sampling = dict[str, float | int | str | bool | None]


class ModelIdentities(Record):
    """Name, revision and sampling parameters of every model; None for one that is not configured.

    `embedder` is (name, revision), `clip` is (engine, name, revision).
    """

    captioner: tuple[str, str, Sampling]
    summarizer: tuple[str, str, Sampling]
    judge: tuple[str, str, Sampling] | None
    embedder: tuple[str, str]
    clip: tuple[str, str, str] | None


def identify_models(models: ModelsConfig) -> ModelIdentities:
    """Look at the models: weights are hashed, none is loaded. Raises ConfigError for a checkpoint that is not there."""
    return ModelIdentities(
        captioner=_chat(models.captioner),
        summarizer=_chat(models.summarizer),
        judge=_chat(models.judge) if models.judge is not None else None,
        embedder=identify_embedder(models.embedder),
        clip=identify_clip(models.clip) if models.clip is not None else None,
    )


def note_identities(ledger: Ledger, models: ModelsConfig) -> ModelIdentities:
    """Look at the models and note in the ledger what identifies them. Raises ConfigError as `identify_models`."""
    identities = identify_models(models)
    ledger.note_identities(_key(models), identities.canonical())
    return identities


def known_identities(ledger: Ledger, models: ModelsConfig) -> ModelIdentities:
    """What the last run with these models noted; they are looked at where no run did.

    Raises ConfigError as `identify_models`.
    """
    noted = ledger.identities(_key(models))
    return ModelIdentities.model_validate_json(noted) if noted is not None else identify_models(models)


def _key(models: ModelsConfig) -> str:
    return hashlib.sha256(models.model_dump_json().encode()).hexdigest()


def _chat(model: ChatConfig) -> tuple[str, str, dict[str, Any]]:
    name, revision, sampling = identify(model)
    return name, revision, dict(sampling)
