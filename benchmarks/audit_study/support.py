"""The support of the study's texts, measured by the audit's own functions, and what the limits make of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.audit_study.texts import Groups, Text
from curation.audit import measures
from curation.audit.formulas import Vectors
from curation.audit.measures import Keyframe
from curation.pipeline.open import open_view
from curation.status.gate import AWAITS_REVIEW, UNSUPPORTED, MeasuredSentence, finding
from curation.workspace import Workspace
from schemas.audit import Audit, Support
from schemas.configuration.config import AuditConfig
from schemas.records import Sentence
from schemas.time import Seconds

LIMITS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
Embed = Callable[[Sequence[str]], Vectors]


class Row(NamedTuple):
    """A group of texts: quantiles (5, 25, 50, 75, 95 %) of the mean support, and the shares that the limits take.

    `contradicted`: share of texts with a contradicted sentence. `below`: by limit, the share of texts all of whose
    sentences are below it.
    """

    texts: int
    quantiles: tuple[float, ...]
    refused: float
    awaiting: float
    contradicted: float
    below: Mapping[float, float]


def measured(text: Text, embed: Embed) -> list[MeasuredSentence]:
    """The support of each sentence by the captions that it cites."""
    keyframes: list[Keyframe] = []
    sentences: list[Sentence] = []
    for words, captions in text.sentences:
        times = tuple(Seconds(float(len(keyframes) + n)) for n in range(max(1, len(captions))))
        keyframes += [Keyframe(time, None, caption) for time, caption in zip(times, captions or [None], strict=True)]
        sentences.append(Sentence(times=times, text=words))
    said = [*(caption for _, captions in text.sentences for caption in captions), *(w for w, _ in text.sentences)]
    vectors = measures.embedded(said, embed)
    return _sentences(measures.support(keyframes, sentences, vectors, None, AuditConfig().support))


def _sentences(support: Support) -> list[MeasuredSentence]:
    return [MeasuredSentence(score=one.score, contradicted=one.contradicted) for one in support.sentences]


def rows(groups: Groups, embed: Embed, config: AuditConfig) -> dict[str, Row]:
    """One row for each group."""
    known = remembering(embed)
    return {name: row([measured(text, known) for text in texts], config) for name, texts in groups.items()}


def workspace_row(folder: Path, config: AuditConfig) -> Row:
    """The row of a workspace's audited summaries, whatever became of them. Raises ConfigError without a workspace."""
    with open_view(Workspace(folder).require()) as view:
        ids = [source.id for source in view.ledger.sources()]
        audits = [Audit.model_validate_json(payload) for _, _, payload in view.ledger.payloads(ids, ("audit",))]
    scored = [audit.support for audit in audits if audit.support is not None]
    return row([_sentences(each) for each in scored], config)


def row(texts: Sequence[Sequence[MeasuredSentence]], config: AuditConfig) -> Row:
    """The row of some measured texts; zeros where there are none."""
    if not texts:
        return Row(0, (0.0,) * 5, 0.0, 0.0, 0.0, dict.fromkeys(LIMITS, 0.0))
    means = [math.fsum(one.counted for one in text) / len(text) for text in texts]
    told = [finding(text, config) for text in texts]
    reasons = [one.reason if one is not None else None for one in told]
    return Row(
        len(texts),
        tuple(float(value) for value in np.quantile(means, (0.05, 0.25, 0.5, 0.75, 0.95))),
        reasons.count(UNSUPPORTED) / len(texts),
        reasons.count(AWAITS_REVIEW) / len(texts),
        sum(any(one.contradicted for one in text) for text in texts) / len(texts),
        {limit: sum(all(one.counted < limit for one in text) for text in texts) / len(texts) for limit in LIMITS},
    )


def remembering(embed: Embed) -> Embed:
    """The embedder with a memory: the groups share most of their texts, and an encoder is slow."""
    known: dict[str, Vectors] = {}

    def embedded(texts: Sequence[str]) -> Vectors:
        new = sorted(set(texts) - known.keys(), key=lambda text: (len(text), text))
        if new:
            known.update(zip(new, embed(new), strict=True))
        return np.stack([known[text] for text in texts])

    return embedded
