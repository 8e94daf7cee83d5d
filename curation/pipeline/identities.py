"""The identities of a run's models: noted when the run starts, read by commands that open no model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from curation.ledger.ledger import Ledger
from models.identity import (
    identify,
    identify_clip,
    identify_embedder,
    identify_extractor,
    identify_faces,
    identify_nudity,
    identify_reader,
    identify_transcriber,
)
from schemas.configuration.model_config import ChatConfig, ModelsConfig
from schemas.errors import ConfigError
from schemas.records import Record

_Model = TypeVar("_Model")
_Identity = TypeVar("_Identity")
Sampling = dict[str, float | int | str | bool | None]


class ModelIdentities(Record):
    """Name, revision and sampling parameters of every model; None for one that is not configured.

    `embedder` and `extractor` are (name, revision), `clip` is (engine, name, revision). `annotators` has one for each
    further model that chooses keyframes.
    """

    captioner: tuple[str, str, Sampling]
    summarizer: tuple[str, str, Sampling]
    judge: tuple[str, str, Sampling] | None
    embedder: tuple[str, str]
    clip: tuple[str, str, str] | None
    extractor: tuple[str, str] | None = None
    transcriber: tuple[str, str, Sampling] | None = None
    annotators: tuple[tuple[str, str, Sampling], ...] = ()
    reader: tuple[str, str, Sampling] | None = None
    faces: tuple[str, str, Sampling] | None = None
    nudity: tuple[str, str, Sampling] | None = None


def identify_models(models: ModelsConfig) -> ModelIdentities:
    """Compute the identities: weights are hashed and not loaded. Raises ConfigError for a missing checkpoint, with
    the key of its model.
    """
    identities = ModelIdentities(
        captioner=_named("captioner", _chat, models.captioner),
        summarizer=_named("summarizer", _chat, models.summarizer),
        judge=_named("judge", _chat, models.judge) if models.judge is not None else None,
        embedder=_named("embedder", identify_embedder, models.embedder),
        clip=_named("clip", identify_clip, models.clip) if models.clip is not None else None,
        extractor=_named("extractor", identify_extractor, models.extractor) if models.extractor is not None else None,
        transcriber=(
            _named("transcriber", identify_transcriber, models.transcriber) if models.transcriber is not None else None
        ),
        annotators=tuple(_named(f"annotators.{place}", _chat, one) for place, one in enumerate(models.annotators)),
        reader=_named("reader", identify_reader, models.reader) if models.reader is not None else None,
        faces=_named("faces", identify_faces, models.faces) if models.faces is not None else None,
        nudity=_named("nudity", identify_nudity, models.nudity) if models.nudity is not None else None,
    )
    choosing = [_asked_first(one) for one in (identities.summarizer, *identities.annotators)]
    for place, one in enumerate(choosing):
        if one in choosing[:place]:
            before = choosing.index(one)
            twin = f"models.annotators.{before - 1}" if before else "models.summarizer"
            raise ConfigError(
                f"models.annotators.{place - 1} is {twin} again: the same model, revision and sampling (at temperature "
                "0 without seed and top_p), so its replies would be the same ones. Take it out (a higher "
                "extract.annotators asks each model more often, with other seeds), or give it another model or "
                "temperature; or a revision, if its weights differ"
            )
    return identities


def note_identities(ledger: Ledger, models: ModelsConfig) -> ModelIdentities:
    """Compute the identities and note them in the ledger. Raises ConfigError as `identify_models`."""
    identities = identify_models(models)
    ledger.note_identities(_key(models), identities.canonical())
    return identities


def known_identities(ledger: Ledger, models: ModelsConfig) -> ModelIdentities:
    """The identities that the last run with these models noted; computed when no run has noted any.

    Raises ConfigError as `identify_models`.
    """
    noted = ledger.identities(_key(models))
    return ModelIdentities.model_validate_json(noted) if noted is not None else identify_models(models)


def _key(models: ModelsConfig) -> str:
    # Runs before these came noted identities too.
    came_later = ("extractor", "transcriber", "annotators", "reader", "faces", "nudity")
    later = {name for name in came_later if not getattr(models, name)}
    return hashlib.sha256(models.model_dump_json(exclude=later).encode()).hexdigest()


def _asked_first(one: tuple[str, str, Sampling]) -> tuple[str, str, Sampling]:
    """What decides a model's first answers: at temperature 0 the likeliest one is given, whatever the seed."""
    name, revision, sampling = one
    if sampling.get("temperature"):
        return one
    return name, revision, {key: value for key, value in sampling.items() if key not in ("seed", "top_p")}


def _named(role: str, identify_one: Callable[[_Model], _Identity], model: _Model) -> _Identity:
    try:
        return identify_one(model)
    except ConfigError as error:
        raise ConfigError(f"models.{role}: {error}; `v2xum doctor CONFIG` says what to do") from error


def _chat(model: ChatConfig) -> tuple[str, str, dict[str, Any]]:
    name, revision, sampling = identify(model)
    return name, revision, dict(sampling)
