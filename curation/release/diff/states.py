"""How two releases were made differently, stage by stage: prompts, models, settings and code versions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from curation.ledger.stages import STAGES
from curation.release.made_with import BLUR
from schemas.documents.release_diff import Cause, CauseName
from schemas.release import StageState
from schemas.safe_text import plain

States = Mapping[str, StageState]
_LONGEST = 200
_SHOWN = 12


class Pair(NamedTuple):
    """The states of two releases; a release that does not record them has none."""

    before: States
    after: States

    def of(self, stage: str) -> tuple[StageState, StageState] | None:
        """The two states of a stage; None when a release does not tell."""
        before, after = self.before.get(stage), self.after.get(stage)
        return None if before is None or after is None else (before, after)


def upstream(stage: str) -> frozenset[str]:
    """The stages on whose results a stage depends, directly or not."""
    known = {each.name for each in STAGES.every}
    reads = {name for name in STAGES[stage].needs if name in known}
    return frozenset(reads.union(*(upstream(name) for name in reads)))


def causes_of_stage(stage: str, states: Pair, made: tuple[Any, Any] | None = None) -> list[Cause]:
    """What differs in how the two releases made a stage: prompt, model, settings, code, in this order.

    `made` are the two rows' own records of who made it (`provenance`), where the stage has one: they are nearer to the
    row than the release's state.
    """
    found = _of_makers(stage, *made) if made is not None else []
    known = {cause.cause for cause in found}
    pair = states.of(stage)
    if pair is None:
        return [*found, *_turned(stage, states)]
    before, after = pair
    if made is None and before.prompt != after.prompt:
        found.append(_cause("prompt", stage, f"{_short(before.prompt)} -> {_short(after.prompt)}"))
    if "model" not in known and before.models != after.models:
        found.append(_cause("model", stage, f"{_short(before.models)} -> {_short(after.models)}"))
    if before.settings != after.settings:
        kind: CauseName = "filter" if stage == "filter" else "settings"
        found.append(_cause(kind, stage, keys_that_differ(*_filled(stage, before.settings, after.settings))))
    if before.version != after.version:
        found.append(_cause("code", stage, f"version {before.version} -> {after.version}"))
    return found


def _turned(stage: str, states: Pair) -> list[Cause]:
    """That an optional stage, or blurring, is on in one of two releases that tell their stages, and off in one."""
    on = [stage in one for one in (states.before, states.after)]
    if stage not in (*STAGES.optional, BLUR) or on[0] == on[1] or not (states.before and states.after):
        return []
    before, after = ("on" if one else "off" for one in on)
    switch = "export.blur" if stage == BLUR else STAGES[stage].switch
    return [_cause("settings", stage, f"{switch}: {before} -> {after}")]


def limits_that_differ(stage: str, states: Pair) -> str:
    """The limits of a stage that differ, in words; empty when none does, or a release does not tell."""
    pair = states.of(stage)
    return keys_that_differ(pair[0].limits, pair[1].limits) if pair is not None else ""


def all_causes(states: Pair) -> tuple[Cause, ...]:
    """All differences in how two releases were made, whether or not a row shows them."""
    found: list[Cause] = []
    for name in dict.fromkeys((*states.before, *states.after)):
        found += causes_of_stage(name, states)
        if limits := limits_that_differ(name, states):
            found.append(_cause("filter", name, limits))
    return tuple(found)


def keys_that_differ(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """The keys with other values, as `key old -> new`; a key that one side does not know is `-` there."""
    keys = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
    return plain(", ".join(f"{key} {before.get(key, '-')} -> {after.get(key, '-')}" for key in keys), _LONGEST)


def _filled(stage: str, before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Mapping[str, str], ...]:
    """Settings of both sides, each with the keys that came later at the value at which they change nothing."""
    if stage not in {each.name for each in STAGES.every}:
        return before, after
    later = {key: json.dumps(value) for key, value in STAGES[stage].later_keys}
    return tuple({**{key: later[key] for key in later if key in {**before, **after}}, **one} for one in (before, after))


def _of_makers(stage: str, before: Any, after: Any) -> list[Cause]:
    """What two entries of the column `provenance` differ in; a missing one tells nothing."""
    found: list[Cause] = []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return found
    if (before.get("prompt"), before.get("prompt_sha256")) != (after.get("prompt"), after.get("prompt_sha256")):
        found.append(_cause("prompt", stage, f"{_prompt(before, after)} -> {_prompt(after, before)}"))
    if any(before.get(key) != after.get(key) for key in ("model", "revision", "sampling")):
        found.append(_cause("model", stage, f"{_model(before, after)} -> {_model(after, before)}"))
    return found


def _prompt(made: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    same = made.get("prompt") == other.get("prompt")
    return f"{made.get('prompt')} {_short(made.get('prompt_sha256'))}" if same else str(made.get("prompt"))


def _model(made: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    words = [str(made.get("model"))]
    if made.get("revision") != other.get("revision"):
        words.append(_short(made.get("revision")))
    if made.get("sampling") != other.get("sampling"):
        words.append(_sampling(made.get("sampling"), other.get("sampling")))
    return " ".join(words)


def _sampling(mine: Any, other: Any) -> str:
    """The sampling parameters that differ; the whole text where it is no JSON object."""
    try:
        own, others = json.loads(mine), json.loads(other)
        return ", ".join(f"{key} {own[key]}" for key in sorted(own) if own[key] != others.get(key)) or "-"
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return str(mine)


def _short(digest: Any) -> str:
    return str(digest)[:_SHOWN] if digest is not None else "none"


def _cause(cause: CauseName, stage: str, detail: str) -> Cause:
    return Cause(cause=cause, stage=stage, detail=plain(detail, _LONGEST))


def once(causes: Sequence[Cause]) -> tuple[Cause, ...]:
    """The causes in their order, each of a kind and a stage once."""
    found: dict[tuple[str, str | None], Cause] = {}
    for cause in causes:
        found.setdefault((cause.cause, cause.stage), cause)
    return tuple(found.values())
