"""The hashes of the settings that results depend on, by the keys that the table of stages names.

A key that is not in the table changes no hash. So neither a limit nor a new key makes a finished result due again.
The text of a prompt counts, not the name or the folder of its file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from curation.ledger.stages import DENOISE, OCR, POLICY, SAFETY, STAGES, TRANSCRIBE, Model, Stage
from curation.ledger.standing import StageHashes
from curation.pipeline.identities import ModelIdentities
from prompts import Prompt, load
from schemas.arrow import Columns
from schemas.configuration.config import CurateConfig

_OFF = "disable"
_MOST_CHOSEN = 6  # languages of which every choice is tried
PROMPT_KEYS = {
    "caption": "caption.prompt",
    "extract": "extract.prompt",
    "refine": "refine.prompt",
    "judge": "audit.judge_prompt",
    "extract-speech": "extract.speech_prompt",
    "refine-speech": "refine.speech_prompt",
    DENOISE: "denoise.prompt",
}  # by the names that the table of stages gives prompts


def load_prompts(config: CurateConfig) -> dict[str, Prompt]:
    """The prompts of a configuration by their name in the table of stages.

    `judge` only where a judge is configured, those that tell what is said only where there are transcripts, that of an
    optional stage only where it is on. Raises PromptError for a prompt that is not there.
    """
    unused = {"judge"} if config.models.judge is None else set[str | None]()
    on = optional_on(config)
    unused |= {STAGES[name].prompt for name in STAGES.optional if name not in on}
    if TRANSCRIBE not in on:
        unused |= {stage.told for stage in STAGES}
    keys = PROMPT_KEYS | {"caption": "caption.asked"}
    return {name: load(_value(config, key)) for name, key in keys.items() if name not in unused}


def stage_hashes(config: CurateConfig, prompts: Mapping[str, Prompt], models: ModelIdentities) -> StageHashes:
    """What the results of every stage depend on. Pure."""
    return StageHashes(
        results={stage.name: _hash(_of_results(stage, config, prompts, models)) for stage in STAGES.every},
        limits={stage.name: _hash(limits_of(stage, config)) for stage in STAGES.every if stage.limits},
        policy=_hash(values(config, POLICY)),
        on=optional_on(config),
    )


def settings_of(stage: Stage, config: CurateConfig) -> dict[str, Any]:
    """The keys that can change a stage's results, with their values; of a stage that is off its switch alone."""
    if stage.switch is not None and is_off(stage, config):
        return {stage.switch: _OFF}
    unused = {name for name, key, wanted in stage.used_when if _value(config, key) not in wanted}
    later = tuple(one for one in stage.later_keys if one[0] not in unused)
    return values(config, stage.keys) | _changed(config, later)


def with_fewer_tracks(config: CurateConfig) -> list[str]:
    """The hashes of `download` for this configuration and those that want fewer tracks of a video and are equal else.

    Fewer are some languages of `download.subtitles`, in their order, or none, and no `download.sound`; the most first.
    Of more than six languages only the first ones together are tried.
    """
    every = settings_of(STAGES["download"], config)
    languages = every["download.subtitles"]
    counts = range(len(languages), -1, -1)
    if len(languages) <= _MOST_CHOSEN:
        chosen = [some for count in counts for some in combinations(languages, count)]
    else:
        chosen = [languages[:count] for count in counts]
    fewer = [every | {"download.subtitles": some} for some in chosen]
    silent = [{key: value for key, value in one.items() if key != "download.sound"} for one in fewer]
    return list(dict.fromkeys(_hash(one) for pair in zip(fewer, silent, strict=True) for one in pair))


def limits_of(stage: Stage, config: CurateConfig) -> dict[str, Any]:
    """The keys that can only decide whether a video fails at a stage, with their values."""
    return values(config, stage.limits) | _changed(config, stage.later_limits)


def is_off(stage: Stage, config: CurateConfig) -> bool:
    """Whether the configuration turns a stage off by its switch."""
    return stage.switch is not None and bool(_value(config, stage.switch) == _OFF)


def optional_on(config: CurateConfig) -> frozenset[str]:
    """The optional stages that the configuration does not turn off."""
    return frozenset(name for name in STAGES.optional if not is_off(STAGES[name], config))


def columns_of(config: CurateConfig) -> Columns:
    """The columns of the export and of releases that not every run has."""
    on = optional_on(config)
    models = bool(config.models.annotators)
    return Columns(config.extract.annotators > 1, TRANSCRIBE in on, DENOISE in on, models, OCR in on, SAFETY in on)


def works_with(stage: Stage, config: CurateConfig, models: object) -> tuple[tuple[Model, ...], str | None]:
    """The roles that a stage's results depend on under a configuration, and its prompt.

    `models` is as for `Stage.works_with`. Of a stage that is off: see `is_off`.
    """
    roles, prompt = stage.works_with(models)
    if stage.models_when is not None:
        key, wanted = stage.models_when
        if _value(config, key) not in wanted:
            roles = tuple(role for role in roles if role not in stage.models)
    return roles, prompt


def _of_results(
    stage: Stage, config: CurateConfig, prompts: Mapping[str, Prompt], models: ModelIdentities
) -> dict[str, Any]:
    depends = settings_of(stage, config)
    if stage.switch is not None and is_off(stage, config):
        return depends
    roles, prompt = works_with(stage, config, models)
    for name in optional_on(config).intersection(stage.needs):  # how the stage uses what it found there
        depends[name] = prompts[stage.told].sha256 if stage.told is not None and prompt is not None else "read"
    if prompt is not None and prompt in prompts:
        depends["prompt"] = prompts[prompt].sha256
    return depends | {role: getattr(models, role) for role in roles}


def values(config: CurateConfig, keys: tuple[str, ...]) -> dict[str, Any]:
    """The values of dotted keys. Raises AttributeError for a key that the configuration does not have."""
    return {key: _value(config, key) for key in keys}


def _changed(config: CurateConfig, later: tuple[tuple[str, object], ...]) -> dict[str, Any]:
    """The keys that came later, where their value is not the one under which earlier results were made."""
    return {key: value for key, before in later if (value := _value(config, key)) != before}


def _value(config: CurateConfig, key: str) -> Any:
    """The value of a dotted key. Raises AttributeError for a key that the configuration does not have."""
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value


def _hash(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
