"""Where one video stands: which stage is due, by the fingerprints of its results.

A finished result has a fingerprint: the hash of the stage's name and code version, of the settings that can change a
result, and of the digests of the results that the stage reads. A result with the same fingerprint is reused.

A rejection depends on more. A video that failed under a limit (a size, a time, a number of frames) is tried again when
the limit changes. A video that was refused by policy is judged again when the policy or its list row changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from curation.ledger.entries import Head, Registered
from curation.ledger.stages import EXPORT, SOURCE, STAGES, SUMMARY, Stage
from schemas.errors import ErrorClass

State = Literal["sample", "rejected", "retryable", "pending"]
_quoted = json.encoder.encode_basestring_ascii


@dataclass(frozen=True)
class StageHashes:
    """What results depend on besides their inputs, as hashes (64 hex) by the name of the stage.

    `results`: settings that can change a finished result. `limits`: settings that can only decide whether a video
    fails; a stage without limits may be left out. `policy`: the filters and the addresses that are allowed. `on`: the
    optional stages that are not off.
    """

    results: Mapping[str, str]
    limits: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    on: frozenset[str] = frozenset()


class Fingerprints(NamedTuple):
    """The fingerprints that a stage's result would have now: when it is done, when it fails, when it is refused."""

    done: str = ""
    failed: str = ""
    refused: str = ""

    def of(self, error_class: ErrorClass | None) -> str:
        """The fingerprint of a rejection of this class; of a finished result for None."""
        return self.done if error_class is None else self.refused if error_class == "refused" else self.failed


class Standing(NamedTuple):
    """Where a video stands: its state, the stage that is due, and the fingerprints of that stage.

    `stage` is None when nothing is due. `rejected_at` names the place of the rejection that holds, if there is one.
    """

    state: State
    stage: str | None
    fingerprints: Fingerprints = Fingerprints()
    rejected_at: str | None = None


def standing(source: Registered, heads: Mapping[str, Head], hashes: StageHashes) -> Standing:
    """Walk the stages of one video by its current results. Pure: about 50 microseconds a video."""
    if not source.payload:
        rejected = heads.get(SOURCE)
        if rejected is None:  # an earlier version's `retry` erased the reason; the next run reads the list again
            return Standing("pending", None)
        transient = rejected.error_class == "transient"
        return Standing("retryable" if transient else "rejected", None, rejected_at=SOURCE)
    digests = {"source": source.digest, "listing": hashlib.sha256(source.payload.encode()).hexdigest()}
    for stage in STAGES.of(hashes.on):
        inputs = [digests[name] for name in STAGES.needs(stage, hashes.on)]
        head = heads.get(stage.name)
        done = fingerprint_of(stage, hashes.results[stage.name], inputs)
        if head is not None and head.status == "done" and head.fingerprint == done:
            digests[stage.name] = head.digest
            continue
        due = fingerprints_of(stage, hashes, digests["listing"], inputs)
        if head is None or head.status == "done" or head.fingerprint != due.of(head.error_class):
            return Standing("pending", stage.name, due)
        if head.error_class == "transient":
            return Standing("retryable", stage.name, due, rejected_at=stage.name)
        return Standing("rejected", None, rejected_at=stage.name)
    refused = heads.get(EXPORT)
    if refused is not None and refused.fingerprint == digests[SUMMARY]:
        state: State = "retryable" if refused.error_class == "transient" else "rejected"
        return Standing(state, None, rejected_at=EXPORT)
    return Standing("sample", None)


def stages_ahead(source: Registered, heads: Mapping[str, Head], hashes: StageHashes) -> frozenset[str]:
    """The stages that may run for a video before it is settled: the due one, and what follows from its result.

    After a check, and after an optional stage, only those stages run that are due in any case, or read it. Pure.
    """
    ahead: set[str] = set()
    while (where := standing(source, heads, hashes)).stage is not None:
        ahead.add(where.stage)
        if STAGES[where.stage].published and not STAGES[where.stage].optional:
            names = [stage.name for stage in STAGES.of(hashes.on)]
            return frozenset(ahead.union(names[names.index(where.stage) :]))
        done = Head(where.stage, where.fingerprints.done, "done", "", None, None)
        heads = {**heads, where.stage: done}
    return frozenset(ahead)


def fingerprint_of(stage: Stage, settings: str, inputs: Sequence[str]) -> str:
    """The fingerprint of a finished result: the hash of the JSON text `[name, version, settings, inputs]`.

    The text is written by hand, which saves two thirds of the time of a check.
    """
    given = ", ".join(map(_quoted, inputs))
    text = f"[{_quoted(stage.name)}, {stage.version}, {_quoted(settings)}, [{given}]]"
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprints_of(stage: Stage, hashes: StageHashes, listing: str, inputs: Sequence[str]) -> Fingerprints:
    """All fingerprints of a stage; `listing` is the digest of what the list row says."""
    settings = hashes.results[stage.name]
    depends = (stage.name, stage.version, settings, hashes.limits.get(stage.name, ""), inputs)
    return Fingerprints(
        done=fingerprint_of(stage, settings, inputs),
        failed=_hash("failed", *depends),
        refused=_hash("refused", *depends, hashes.policy, listing),
    )


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
