"""What decided the results of a release, besides their inputs: code versions, prompts, models and settings by stage.

A release records it, so that a later one can say why its rows differ. Values of the configuration are public in it:
numbers, switches and short names as they are, lists (such as a block list) as hashes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from curation.frames.safety.blur import BLUR_RULE
from curation.ledger.stages import STAGES, Stage
from curation.pipeline.identities import ModelIdentities, known_identities
from curation.pipeline.services import Services
from curation.pipeline.settings import is_off, limits_of, optional_on, settings_of, values, works_with
from curation.release.splits.assign import RULE
from schemas.release import StageState
from schemas.safe_text import plain_line

REVIEW, SPLITS, BLUR = "review", "splits", "blur"
_RULES = 1  # raised when equal verdicts under equal rules decide otherwise
_LONGEST = 40
_GATE = {"audit": ("audit.refuse_below", "audit.review_below")}  # limits that are applied when the ledger is read


def stage_states(services: Services) -> tuple[StageState, ...]:
    """The state of every stage of the configuration, in order; then of the rules for verdicts, splits and blurring."""
    identities = known_identities(services.ledger, services.config.models)
    states = [_state(stage, services, identities) for stage in STAGES.of(optional_on(services.config))]
    rules = values(
        services.config, tuple(f"review.{name}" for name in ("rule", "least", "adjudication", "min_seconds"))
    )
    shares = {f"export.splits.{name}": share for name, share in services.config.export.splits.model_dump().items()}
    states.append(StageState(name=REVIEW, version=_RULES, settings=_shown(rules)))
    states.append(StageState(name=SPLITS, version=RULE, settings=_shown(shares)))
    blur = services.config.export.blurred
    if blur.on:
        chosen = {f"export.blur.{name}": value for name, value in blur.model_dump().items()}
        states.append(StageState(name=BLUR, version=BLUR_RULE, settings=_shown(chosen)))
    return tuple(states)


def _state(stage: Stage, services: Services, identities: ModelIdentities) -> StageState:
    config = services.config
    off = is_off(stage, config)
    roles, asked = works_with(stage, config, identities) if not off else ((), None)
    prompt = services.prompts.get(asked) if asked is not None else None
    models = {role: found for role in roles if (found := getattr(identities, role)) is not None}
    limits = limits_of(stage, config) | values(config, _GATE.get(stage.name, ()))
    return StageState(
        name=stage.name,
        version=stage.version,
        prompt=prompt.sha256 if prompt is not None else None,
        models=_sha256(models) if models else None,
        settings=_shown(settings_of(stage, config)),
        limits=_shown(limits),
    )


def _shown(found: dict[str, Any]) -> dict[str, str]:
    return {key: _value(found[key]) for key in sorted(found)}


def _value(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    short = isinstance(value, str) and len(value) <= _LONGEST and plain_line(value) == value
    if short or value is None or isinstance(value, bool | int | float):
        return text
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _sha256(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
