"""Takes over results of version 0.1, whose fingerprints were hashes of nearly the whole configuration.

Version 0.1 hashed limits and the path of the prompt too. The digests of results have not changed since. So a result
that was current under the configuration of the last run gets the fingerprint that it would have now. The old formula is
frozen here, with the keys that version 0.1 had.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.entries import Head, Registered
from curation.ledger.ledger import Ledger
from curation.ledger.part import chunks
from curation.ledger.properties import claim_property
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes, fingerprint_of, fingerprints_of
from curation.pipeline.identities import ModelIdentities
from prompts import Prompt
from schemas.configuration.config import CurateConfig

log = logging.getLogger(__name__)

PROPERTY, VERSION = "fingerprints", "2"
_RANGE, _LIST = {"mode", "min", "max"}, {"mode", "allow", "deny", "unknown"}
_FILTERS: dict[str, Any] = {"duration": _RANGE, "height": _RANGE, "live": {"mode"}}
_FILTERS |= {"licence": _LIST, "language": _LIST, "blocklist": _LIST}
_DOWNLOAD = {"max_megabytes", "max_height", "prefer_codec", "subtitles", "allow_private_addresses", "schemes"}
_FRAMES: dict[str, Any] = dict.fromkeys(("fps", "short_side", "jpeg_quality", "backend", "cross_check"), True)
_FRAMES |= {"max_frames": True, "near_duplicates": {"mode", "max_distance", "max_difference"}}
_CAPTION = {"prompt", "max_tokens", "attempts", "max_failed"}
_RATIO = {"ratio_min", "ratio_target", "ratio_max"}
_EXTRACT = _RATIO | {"prompt", "min_keyframes", "max_keyframes", "window_frames", "overlap_frames", "max_tokens"}
_EXTRACT |= {"attempts"}
_REFINE = {"prompt", "similarity", "window_seconds", "lines", "max_tokens", "attempts"}
_LIMITS = {"min_grounding", "min_coverage", "max_redundancy", "max_unsupported"}
_AUDIT = _LIMITS | {"mode", "support", "judge_prompt", "judge_max_tokens", "attempts"}


class OldHashes:
    """The hashes of version 0.1: `policy`, and one a stage."""

    def __init__(self, config: CurateConfig, prompts: Mapping[str, Prompt], models: ModelIdentities) -> None:
        """Compute the hashes of the configuration that the results were made under."""
        c = config
        sha = {name: prompt.sha256 for name, prompt in prompts.items()}
        filters = c.filters.model_dump(include=_FILTERS)
        self.policy = _hash(filters, c.download.allow_private_addresses, c.download.schemes)
        judge = (sha["judge"], models.judge) if models.judge is not None else None
        binding = (c.binding.sample, c.binding.others, models.clip)
        audit = (c.audit.model_dump(include=_AUDIT), models.embedder, models.clip, judge)
        refine = (c.refine.model_dump(include=_REFINE), sha["refine"], models.summarizer, models.embedder)
        self.stages = {
            "download": _hash(c.download.model_dump(include=_DOWNLOAD)),
            "filter": _hash(filters),
            "frames": _hash(c.frames.model_dump(include=_FRAMES)),
            "caption": _hash(c.caption.model_dump(include=_CAPTION), sha["caption"], models.captioner),
            "binding": _hash("disable") if c.binding.mode == "disable" else _hash(*binding),
            "extract": _hash(c.extract.model_dump(include=_EXTRACT), sha["extract"], models.summarizer),
            "refine": _hash(*refine),
            "audit": _hash("disable") if c.audit.mode == "disable" else _hash(*audit),
        }


def upgrade(ledger: Ledger, old: OldHashes, new: StageHashes) -> int:
    """Give the current results of version 0.1 new fingerprints, in one transaction; return how many got one."""
    moved: list[dict[str, str]] = []
    sources = {source.id: source for source in ledger.sources()}
    for ids in chunks(list(sources)):
        for video_id, heads in ledger.heads(ids).items():
            moved += _moves(sources[video_id], heads, old, new)
    r = t.results.c
    row = sa.and_(r.video_id == sa.bindparam("v"), r.stage == sa.bindparam("s"), r.fingerprint == sa.bindparam("f"))
    with ledger.writing() as connection:
        if not claim_property(connection, PROPERTY, VERSION):
            return 0  # another command did it meanwhile
        if moved:
            connection.execute(sa.update(t.results).where(row).values(fingerprint=sa.bindparam("n")), moved)
    if moved:
        log.info("%d results of an earlier version were taken over", len(moved))
    return len(moved)


def _moves(source: Registered, heads: Mapping[str, Head], old: OldHashes, new: StageHashes) -> list[dict[str, str]]:
    """The rows of a video whose fingerprint changes, as parameters of the update."""
    if not source.payload:
        return []
    digests = {"source": source.digest, "listing": hashlib.sha256(source.payload.encode()).hexdigest()}
    moves = []
    for stage in STAGES:
        head = heads.get(stage.name)
        needs = STAGES.needs(stage, new.on)  # what is made from an optional stage has no earlier result
        if head is None or stage.name not in old.stages or not digests.keys() >= set(needs):
            break
        inputs = [digests[name] for name in needs]
        was = fingerprint_of(stage, old.stages[stage.name], inputs)
        if head.error_class == "refused":
            policy = (old.policy, digests["listing"])
            parts = (stage.name, stage.version, old.stages[stage.name], policy, inputs)
            was = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        if head.fingerprint != was:
            break
        now = fingerprints_of(stage, new, digests["listing"], inputs).of(head.error_class)
        moves.append({"v": source.id, "s": stage.name, "f": was, "n": now})
        if head.status != "done":
            break
        digests[stage.name] = head.digest
    return moves


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=list).encode()).hexdigest()
