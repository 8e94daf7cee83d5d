"""What the audit's support of a finished sample means for its publication, unless people judged it.

    every sentence below `audit.refuse_below`                 no sample: `unsupported`
    mean below `audit.review_below`, or a contradiction       waits for people: `awaits_review`
    the support could not be measured                         waits for people

Limits are applied when the ledger is read. So another limit makes no stage due, and audits of earlier versions count.
An accepting verdict of people on exactly this content lifts either.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from curation.ledger.ledger import Ledger
from curation.review.applied import AppliedVerdicts
from schemas.configuration.config import AuditConfig
from schemas.records import Rejection, Summary
from schemas.safe_text import plain_line

STAGE = "audit"
UNSUPPORTED, AWAITS_REVIEW = "unsupported", "awaits_review"
_MOST_SENTENCES, _LONGEST = 12, 160


class _Loose(BaseModel):
    """The part of an audit's record that decides; records of other versions may have more or less."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class MeasuredSentence(_Loose):
    """The support of a sentence (0..1), and the claims that its captions contradict."""

    score: float
    contradicted: tuple[str, ...] = ()

    @property
    def counted(self) -> float:
        """The support that counts: a sentence that its captions contradict has none."""
        return 0.0 if self.contradicted else self.score


class _Support(_Loose):
    sentences: tuple[MeasuredSentence, ...]


class _Missing(_Loose):
    score: str
    reason: str


class _Measured(_Loose):
    mode: str = "disable"
    support: _Support | None = None
    missing: tuple[_Missing, ...] = ()


class Finding(BaseModel):
    """Why a sample is not published: the reason slug, and the words for people."""

    model_config = ConfigDict(frozen=True)

    reason: str
    words: str


def finding(sentences: Sequence[MeasuredSentence], config: AuditConfig) -> Finding | None:
    """What the measured sentences of a sample mean; None: it is published."""
    counted = [sentence.counted for sentence in sentences]
    low, middle = config.refuse_below, config.review_below
    if low is not None and all(value < low for value in counted):
        return Finding(
            reason=UNSUPPORTED,
            words=f"no sentence is supported by the captions that it cites (audit.refuse_below: {low:g})",
        )
    if middle is None:
        return None
    mean = math.fsum(counted) / len(counted)
    if mean < middle:
        return Finding(
            reason=AWAITS_REVIEW,
            words=f"mean support {mean:.2f} (audit.review_below: {middle:g}); people decide",
        )
    if any(sentence.contradicted for sentence in sentences):
        return Finding(reason=AWAITS_REVIEW, words="captions contradict a sentence (audit.review_below); people decide")
    return None


class Gate:
    """The findings of one pass over a ledger. `found` collects them, by id."""

    def __init__(self, ledger: Ledger, config: AuditConfig, people: AppliedVerdicts) -> None:
        """Keep the limits. `people`: whose accepting verdicts lift a finding."""
        self.found: dict[str, Rejection] = {}
        self._ledger, self._config, self._people = ledger, config, people
        self._open = config.mode == "disable" or (config.refuse_below is None and config.review_below is None)

    def rejections(self, ids: Sequence[str]) -> dict[str, Rejection]:
        """The rejections among these finished samples, by id."""
        if self._open or not ids:
            return {}
        suspects: dict[str, tuple[Finding, Sequence[MeasuredSentence]]] = {}
        for video_id, _, payload in self._ledger.payloads(ids, (STAGE,)):
            measured = _Measured.model_validate_json(payload)
            told = _told(measured, self._config)
            if told is not None:
                suspects[video_id] = told, measured.support.sentences if measured.support is not None else ()
        accepted = self._people.accepted(list(suspects))
        held = {video_id: told for video_id, told in suspects.items() if video_id not in accepted}
        rejected = {}
        for video_id, _, payload in self._ledger.payloads(list(held), ("refine",)):
            told, sentences = held[video_id]
            evidence = _evidence(told, Summary.model_validate_json(payload), sentences)
            rejected[video_id] = Rejection(
                id=video_id, stage=STAGE, error_class="refused", reason=told.reason, evidence=evidence
            )
        self.found |= rejected
        return rejected

    def awaiting(self) -> set[str]:
        """The ids among the findings so far that wait for people."""
        return {video_id for video_id, rejection in self.found.items() if rejection.reason == AWAITS_REVIEW}


def _told(measured: _Measured, config: AuditConfig) -> Finding | None:
    if measured.mode == "disable":
        return None
    if measured.support is not None:
        return finding(measured.support.sentences, config)
    why = "; ".join(one.reason for one in measured.missing if one.score == "support") or "no reason is known"
    unmeasured = Finding(reason=AWAITS_REVIEW, words=f"the support was not measured ({why}); people decide")
    return unmeasured if config.review_below is not None else None


def _evidence(told: Finding, summary: Summary, measured: Sequence[MeasuredSentence]) -> str:
    """The finding with the sentences, the least supported first."""
    pairs = sorted(zip(measured, summary.v2vt, strict=False), key=lambda pair: pair[0].counted)
    quoted = []
    for sentence, written in pairs[:_MOST_SENTENCES]:
        against = f" (contradicted: {', '.join(sentence.contradicted)})" if sentence.contradicted else ""
        quoted.append(f'{sentence.score:.2f} "{plain_line(written.text)[:_LONGEST]}"{against}')
    more = len(pairs) - len(quoted)
    return f"{told.words}: {'; '.join(quoted)}{f'; and {more} more' if more > 0 else ''}" if quoted else told.words
