"""What is made again when a key of the configuration changes, for the pages that explain keys.

It follows from the table of stages and the identities of models, as the hashes of `curation.pipeline.settings` do; a
test changes every key and compares the hashes.
"""

from __future__ import annotations

from typing import NamedTuple

from curation.ledger.stages import POLICY, STAGES, Stage
from curation.pipeline.settings import PROMPT_KEYS
from schemas.configuration.keys import Key
from schemas.configuration.model_config import (
    CenterFace,
    LocalModel,
    LocalWhisper,
    NgramEmbedder,
    OpenAIModel,
    OpenClip,
    PictureClassifier,
    RapidOcr,
    SpeechServer,
    TrainedExtractor,
    TransformersClip,
    TransformersEmbedder,
)
from schemas.configuration.section import Section

# The keys that are part of a model's identity (models/identity.py), by its section.
_IDENTITY: dict[type[Section], frozenset[str]] = {
    LocalModel: frozenset({"engine", "model", "revision", "dtype", "temperature", "top_p", "seed"}),
    OpenAIModel: frozenset({"engine", "model", "revision", "temperature", "top_p", "seed"}),
    NgramEmbedder: frozenset({"engine", "dimensions"}),
    TransformersEmbedder: frozenset({"engine", "model", "revision"}),
    TransformersClip: frozenset({"engine", "model", "revision"}),
    OpenClip: frozenset({"engine", "model", "pretrained"}),
    TrainedExtractor: frozenset({"model"}),
    SpeechServer: frozenset({"engine", "model", "revision"}),
    LocalWhisper: frozenset({"engine", "model", "revision", "beam", "dtype"}),
    RapidOcr: frozenset({"engine", "min_confidence"}),
    CenterFace: frozenset({"engine", "min_confidence"}),
    PictureClassifier: frozenset({"engine", "model", "revision", "labels"}),
}


class Reruns(NamedTuple):
    """What a change of a key makes due in the next `v2xum curate`; all stages in their order.

    `again`: stages whose finished results are made again. `after`: later stages that read them, which are made again
    where those results changed. `retried`: stages at which failed videos get another try. `refused`: whether videos
    that were refused by policy are judged again.
    """

    again: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    retried: tuple[str, ...] = ()
    refused: bool = False

    @property
    def text(self) -> str:
        """The answer in a sentence or two."""
        told = []
        if self.again:
            told.append(f"{_list(self.again)} {'is' if len(self.again) == 1 else 'are'} made again")
            if self.after:
                told[-1] += f", and with a changed result {_list(self.after)}"
        if self.retried:
            told.append(f"videos that failed at {_list(self.retried)} are tried again")
        if self.refused:
            told.append("refused videos are judged again")
        return "; ".join(told) or "nothing is made again"


def reruns_of(key: Key) -> Reruns:
    """What a key of `CurateConfig` makes due. A section stands for all its keys together."""
    again = [stage for stage in STAGES.every if _changes(stage, key)]
    retried = [stage for stage in STAGES.every if _limits(stage, key) and stage not in again]
    changed, after = {stage.name for stage in again if stage.published}, list[str]()
    for stage in STAGES.every:
        if changed.intersection(stage.needs):
            changed.update({stage.name} if stage.published else ())
            after += [stage.name] if stage not in again else []
    return Reruns(
        tuple(stage.name for stage in again),
        tuple(after),
        tuple(stage.name for stage in retried),
        any(_is(key, name) for name in POLICY),
    )


def _changes(stage: Stage, key: Key) -> bool:
    """Whether a key can change a stage's finished results."""
    names = [*stage.keys, *(name for name, _ in stage.later_keys), *([stage.switch] if stage.switch else ())]
    names += [PROMPT_KEYS[prompt] for prompt in (stage.prompt, stage.told) if prompt is not None]
    names += ["caption.clip_prompt"] if stage.name == "caption" else []
    # A stage is made in another way when one that it reads is turned on or off. An optional one cannot be on without.
    read = [] if stage.optional else [name for name in STAGES.optional if name in stage.needs]
    names += [switch for name in read if (switch := STAGES[name].switch)]
    return any(_is(key, name) for name in names) or any(
        _is(key, f"models.{role}")
        or (key.name.startswith((f"models.{role}.", f"models.{role}[].")) and _identifies(key))
        for role in (stage.asks, stage.beside, stage.instead, *stage.models)
        if role is not None
    )


def _limits(stage: Stage, key: Key) -> bool:
    return any(_is(key, name) for name in (*stage.limits, *(name for name, _ in stage.later_limits)))


def _identifies(key: Key) -> bool:
    return key.name.rpartition(".")[2] in _IDENTITY.get(key.section, ())


def _is(key: Key, name: str) -> bool:
    """Whether a key is the one of this name, or a section that holds it."""
    return key.name == name or (bool(key.sections) and name.startswith(f"{key.name}."))


def _list(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
