"""The rules that decide from the verdicts of people whether a sample is accepted, fixed, rejected or disputed.

Pure functions. docs/decisions/0019-verdicts.md gives the reasons.

1. A verdict counts if it is finished (it has a decision), was given on exactly this content (`content_sha256`), is not
   an answer to a gold question, and took at least `review.min_seconds` where its time is known. All other verdicts are
   kept, but do not count.
2. Of each person only the latest such verdict counts, by its update time; a time in the future comes before all others.
   Adjudications are counted separately.
3. `accept` with edits is a `fix`. A `fix` without edits cannot be applied.
4. The latest adjudication decides, whatever the other verdicts say.
5. Without an adjudication: with fewer than `review.least` verdicts the sample is unreviewed. With `review.adjudication:
   disagreements` it is disputed unless all decide the same (fixes: with the same edits). With `review.rule: any` one
   reject rejects, else one fix fixes. With `majority` more than half must agree, else the sample is disputed.
6. Of several fixes, the fix of one person is taken as a whole, never a mixture that nobody has read: the fix that most
   people made identically, among equals the latest.
7. A rejected sample leaves the dataset, as a rejection of the stage `review`. A fixed sample carries the edits (see
   edits.py). Where the edits cannot be applied, and where people disagree, the sample stays as the models made it, and
   is marked `disputed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean
from typing import Literal, NamedTuple

from curation.review.content_hash import content_sha256
from curation.review.edits import Edits, Inapplicable, edited, edits_of
from curation.review.verdict_store import given_at
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Rejection, Review, Sample
from schemas.review import REASONS, Decision, Verdict

STAGE = "review"
NO_MAJORITY, DISAGREEMENT, NOTHING_CHANGED = "no_majority", "disagreement", "fix_without_edits"
Ruled = Literal["unreviewed", "accept", "fix", "reject", "disputed"]


class Vote(NamedTuple):
    """A verdict that counts, its edits, and its decision (an `accept` with edits is a `fix`)."""

    verdict: Verdict
    edits: Edits
    decision: Decision


class Ruling(NamedTuple):
    """The result of all verdicts on a sample.

    `deciding` is the vote whose fix is applied; `dispute` is the reason slug of a disputed sample.
    """

    outcome: Ruled
    votes: tuple[Vote, ...] = ()
    adjudication: Vote | None = None
    deciding: Vote | None = None
    dispute: str | None = None


def applied(sample: Sample, verdicts: Iterable[Verdict], rules: ReviewConfig) -> Sample | Rejection:
    """The sample as it is published, with its review; or its rejection. `sample` is as the models made it."""
    ruled = ruling(sample, verdicts, rules)
    if ruled.outcome == "reject":
        return _rejection(sample, ruled)
    review = _review(ruled)
    if ruled.deciding is None:
        return sample if review == sample.review else sample.model_copy(update={"review": review})
    changed = edited(sample, ruled.deciding.edits)
    edit_lists = {name: getattr(changed.review, name) for name in _EDITS}
    review = review.model_copy(update=edit_lists | {"editor": ruled.deciding.verdict.annotator})
    return changed.model_copy(update={"review": review})


def ruling(sample: Sample, verdicts: Iterable[Verdict], rules: ReviewConfig) -> Ruling:
    """Apply the rules to verdicts, in any order; verdicts on other samples are ignored."""
    counting = counted(verdicts, sample.video.id, content_sha256(sample), rules)
    cast = [_vote(sample, verdict) for verdict in counting]
    votes = tuple(vote for vote in cast if vote.verdict.stratum != "adjudication")
    adjudications = [vote for vote in cast if vote.verdict.stratum == "adjudication"]
    if adjudications:
        last = max(adjudications, key=lambda vote: _order(vote.verdict))
        return _checked(sample, Ruling(last.decision, votes, last, last if last.decision == "fix" else None))
    if len(votes) < rules.least:
        return Ruling("unreviewed", votes)
    if rules.adjudication == "disagreements" and len({(vote.decision, _compared(vote)) for vote in votes}) > 1:
        return Ruling("disputed", votes, dispute=DISAGREEMENT)
    decision = _decided(votes, rules)
    if decision is None:
        return Ruling("disputed", votes, dispute=NO_MAJORITY)
    fix = _most_alike([vote for vote in votes if vote.decision == "fix"]) if decision == "fix" else None
    return _checked(sample, Ruling(decision, votes, None, fix))


def valid(verdict: Verdict, content: str, rules: ReviewConfig) -> bool:
    """Whether a verdict is finished, was given on exactly this content, and took long enough: rule 1 without gold."""
    return verdict.decision is not None and verdict.content_sha256 == content and not too_quick(verdict, rules)


def too_quick(verdict: Verdict, rules: ReviewConfig) -> bool:
    """Whether a verdict took less than `review.min_seconds`; one whose time is unknown did not."""
    return verdict.seconds is not None and verdict.seconds < rules.min_seconds


def counted(verdicts: Iterable[Verdict], sample_id: str, content: str, rules: ReviewConfig) -> list[Verdict]:
    """The verdicts that count, ordered by pseudonym: the latest vote and the latest adjudication of each person.

    `content` is the hash of the sample's content (`content_sha256`).
    """
    latest: dict[tuple[str, bool], Verdict] = {}
    for verdict in verdicts:
        if verdict.sample_id != sample_id or verdict.stratum == "gold" or not valid(verdict, content, rules):
            continue
        key = (verdict.annotator, verdict.stratum == "adjudication")
        if key not in latest or _order(verdict) > _order(latest[key]):
            latest[key] = verdict
    return [latest[key] for key in sorted(latest)]


def _vote(sample: Sample, verdict: Verdict) -> Vote:
    edits = edits_of(sample, verdict)
    decision: Decision = verdict.decision or "accept"  # a verdict that counts has a decision
    return Vote(verdict, edits, "fix" if decision == "accept" and edits else decision)


def _decided(votes: Sequence[Vote], rules: ReviewConfig) -> Decision | None:
    counts = Counter(vote.decision for vote in votes)
    if rules.rule == "any":
        return "reject" if counts["reject"] else "fix" if counts["fix"] else "accept"
    decision, most = counts.most_common(1)[0]
    return decision if 2 * most > len(votes) else None


def _compared(vote: Vote) -> Edits:
    """The edits that must be equal for votes to agree: the edits of a `fix`, none for other decisions."""
    return vote.edits if vote.decision == "fix" else Edits()


def _most_alike(fixes: Sequence[Vote]) -> Vote:
    alike = Counter(vote.edits for vote in fixes)
    return max(fixes, key=lambda vote: (alike[vote.edits], _order(vote.verdict)))


def _checked(sample: Sample, ruled: Ruling) -> Ruling:
    """The ruling; when its fix cannot be applied, the sample is disputed instead."""
    if ruled.deciding is None:
        return ruled
    if not ruled.deciding.edits:
        return ruled._replace(outcome="disputed", deciding=None, dispute=NOTHING_CHANGED)
    try:
        edited(sample, ruled.deciding.edits)
    except Inapplicable as error:
        return ruled._replace(outcome="disputed", deciding=None, dispute=error.slug)
    return ruled


def _order(verdict: Verdict) -> tuple[datetime, str, str]:
    return given_at(verdict), verdict.updated_at, verdict.canonical()


STATUS: dict[Ruled, Literal["unreviewed", "accepted", "fixed", "disputed"]] = {
    "unreviewed": "unreviewed",
    "accept": "accepted",
    "fix": "fixed",
    "disputed": "disputed",
}
_EDITS = (
    "captions_edited",
    "captions_withdrawn",
    "keyframes_added",
    "keyframes_dropped",
    "summary_edited",
    "transcript_edited",
)


def _all(ruled: Ruling) -> list[Vote]:
    return [*ruled.votes, *([ruled.adjudication] if ruled.adjudication else [])]


def _review(ruled: Ruling) -> Review:
    if ruled.outcome == "unreviewed":
        return Review()
    everyone = _all(ruled)
    counts = Counter(vote.decision for vote in everyone)
    ratings = [vote.verdict.rating for vote in everyone if vote.verdict.rating is not None]
    return Review(
        status=STATUS[ruled.outcome],
        reviewers=tuple(sorted({vote.verdict.annotator for vote in everyone})),
        accept=counts["accept"],
        fix=counts["fix"],
        reject=counts["reject"],
        adjudicated=ruled.adjudication is not None,
        rating=round(fmean(ratings), 4) if ratings else None,
        dispute=ruled.dispute,
    )


def _rejection(sample: Sample, ruled: Ruling) -> Rejection:
    """The rejection of a sample: its reason is the one that most people gave, its evidence counts the reasons.

    The evidence quotes no free text of people.
    """
    deciders = [ruled.adjudication] if ruled.adjudication else ruled.votes
    against = [vote for vote in deciders if vote.decision == "reject"]
    given = Counter(reason for vote in against for reason in dict.fromkeys(vote.verdict.reasons) if reason in REASONS)
    ordered = sorted(given, key=lambda reason: (-given[reason], REASONS.index(reason)))
    who = "an adjudicator" if ruled.adjudication else f"{len(against)} of {len(ruled.votes)} annotators"
    words = ", ".join(f"{reason} {given[reason]}" for reason in ordered) or "no reason given"
    return Rejection(
        id=sample.video.id,
        stage=STAGE,
        error_class="refused",
        reason=ordered[0] if ordered else "rejected",
        evidence=f"rejected by {who}: {words}",
    )
