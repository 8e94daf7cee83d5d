"""Which verdicts of people hold for a sample, and what becomes of it. Pure; docs/decisions/0019-verdicts.md says why.

1. A verdict counts if it is finished (it has a decision), was given on this very content (`content_sha256`), is no
   answer to a gold question, and took `review.min_seconds` or longer where its time is known. All others are kept and
   count for nothing.
2. Of one person the latest such verdict counts, by its update time; adjudications are counted apart.
3. `accept` with edits is a `fix`; a `fix` that changes nothing cannot be applied.
4. The latest adjudication decides, whatever else was said.
5. Otherwise, with fewer than `review.least` verdicts the sample is unreviewed. With `review.adjudication:
   disagreements` it is disputed unless all decide alike (fixes: with the same edits). With `review.rule: any` one
   reject rejects, else one fix fixes; with `majority` more than half must agree, or else it is disputed.
6. Of several fixes one person's is taken whole, never a mixture that nobody has read: the one that most fixers made
   alike, of equals the latest.
7. Rejected samples leave the dataset as a rejection of the stage `review`; fixed ones carry the edits (see edits.py);
   where those cannot be applied, and where people disagree, the sample stays as the models made it, marked `disputed`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Literal, NamedTuple

from curation.review.content_hash import content_sha256
from curation.review.edits import Edits, Inapplicable, edited, edits_of
from curation.review.verdict_store import moment
from schemas.records import Rejection, Review, Sample
from schemas.review import REASONS, Decision, Verdict
from schemas.review_config import ReviewConfig

STAGE = "review"
NO_MAJORITY, DISAGREEMENT, NOTHING_CHANGED = "no_majority", "disagreement", "fix_without_edits"
_NEVER = datetime.min.replace(tzinfo=UTC)
Ruled = Literal["unreviewed", "accept", "fix", "reject", "disputed"]


class Vote(NamedTuple):
    """A verdict that counts, what it changes, and what it decides once its edits are seen."""

    verdict: Verdict
    edits: Edits
    decision: Decision


class Ruling(NamedTuple):
    """What the verdicts come to; `deciding` is the fix to be applied, `dispute` why a disputed one is."""

    outcome: Ruled
    votes: tuple[Vote, ...] = ()
    adjudication: Vote | None = None
    deciding: Vote | None = None
    dispute: str | None = None


def applied(sample: Sample, verdicts: Iterable[Verdict], rules: ReviewConfig) -> Sample | Rejection:
    """The sample as it is published, with its review, or why it is not. `sample` is as the models made it."""
    found = ruling(sample, verdicts, rules)
    if found.outcome == "reject":
        return _rejection(sample, found)
    review = _review(found)
    if found.deciding is None:
        return sample if review == sample.review else sample.model_copy(update={"review": review})
    changed = edited(sample, found.deciding.edits)
    theirs = {name: getattr(changed.review, name) for name in _EDITS}
    review = review.model_copy(update=theirs | {"editor": found.deciding.verdict.annotator})
    return changed.model_copy(update={"review": review})


def ruling(sample: Sample, verdicts: Iterable[Verdict], rules: ReviewConfig) -> Ruling:
    """Apply the rules to the verdicts on a sample, given in any order, its own and (ignored) others'."""
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


def counted(verdicts: Iterable[Verdict], sample_id: str, content: str, rules: ReviewConfig) -> list[Verdict]:
    """The verdicts that count: the latest of each person, votes and adjudications apart, by pseudonym."""
    latest: dict[tuple[str, bool], Verdict] = {}
    for verdict in verdicts:
        if verdict.decision is None or verdict.sample_id != sample_id or verdict.content_sha256 != content:
            continue
        hasty = verdict.seconds is not None and verdict.seconds < rules.min_seconds
        if verdict.stratum == "gold" or hasty:
            continue
        key = (verdict.annotator, verdict.stratum == "adjudication")
        if key not in latest or _order(verdict) > _order(latest[key]):
            latest[key] = verdict
    return [latest[key] for key in sorted(latest)]


def _vote(sample: Sample, verdict: Verdict) -> Vote:
    edits = edits_of(sample, verdict)
    decision: Decision = verdict.decision or "accept"  # only finished ones come here
    return Vote(verdict, edits, "fix" if decision == "accept" and edits else decision)


def _decided(votes: Sequence[Vote], rules: ReviewConfig) -> Decision | None:
    counts = Counter(vote.decision for vote in votes)
    if rules.rule == "any":
        return "reject" if counts["reject"] else "fix" if counts["fix"] else "accept"
    decision, most = counts.most_common(1)[0]
    return decision if 2 * most > len(votes) else None


def _compared(vote: Vote) -> Edits:
    """What must be alike for verdicts to agree: of a rejected sample the edits are of no interest."""
    return vote.edits if vote.decision == "fix" else Edits()


def _most_alike(fixes: Sequence[Vote]) -> Vote:
    alike = Counter(vote.edits for vote in fixes)
    return max(fixes, key=lambda vote: (alike[vote.edits], _order(vote.verdict)))


def _checked(sample: Sample, found: Ruling) -> Ruling:
    """A fix that can be applied, or the dispute that it is."""
    if found.deciding is None:
        return found
    if not found.deciding.edits:
        return found._replace(outcome="disputed", deciding=None, dispute=NOTHING_CHANGED)
    try:
        edited(sample, found.deciding.edits)
    except Inapplicable as error:
        return found._replace(outcome="disputed", deciding=None, dispute=error.slug)
    return found


def _order(verdict: Verdict) -> tuple[datetime, str, str]:
    return moment(verdict.updated_at) or _NEVER, verdict.updated_at, verdict.canonical()


_STATUS: dict[Ruled, Literal["unreviewed", "accepted", "fixed", "disputed"]] = {
    "unreviewed": "unreviewed",
    "accept": "accepted",
    "fix": "fixed",
    "disputed": "disputed",
}
_EDITS = ("captions_edited", "captions_withdrawn", "keyframes_added", "keyframes_dropped", "summary_edited")


def _all(found: Ruling) -> list[Vote]:
    return [*found.votes, *([found.adjudication] if found.adjudication else [])]


def _review(found: Ruling) -> Review:
    if found.outcome == "unreviewed":
        return Review()
    everyone = _all(found)
    counts = Counter(vote.decision for vote in everyone)
    ratings = [vote.verdict.rating for vote in everyone if vote.verdict.rating is not None]
    return Review(
        status=_STATUS[found.outcome],
        reviewers=tuple(sorted({vote.verdict.annotator for vote in everyone})),
        accept=counts["accept"],
        fix=counts["fix"],
        reject=counts["reject"],
        adjudicated=found.adjudication is not None,
        rating=round(fmean(ratings), 4) if ratings else None,
        dispute=found.dispute,
    )


def _rejection(sample: Sample, found: Ruling) -> Rejection:
    """The reason is the one that most rejecters gave; the evidence counts, and quotes no free text of theirs."""
    deciders = [found.adjudication] if found.adjudication else found.votes
    against = [vote for vote in deciders if vote.decision == "reject"]
    given = Counter(reason for vote in against for reason in dict.fromkeys(vote.verdict.reasons) if reason in REASONS)
    ordered = sorted(given, key=lambda reason: (-given[reason], REASONS.index(reason)))
    who = "an adjudicator" if found.adjudication else f"{len(against)} of {len(found.votes)} annotators"
    words = ", ".join(f"{reason} {given[reason]}" for reason in ordered) or "no reason given"
    return Rejection(
        id=sample.video.id,
        stage=STAGE,
        error_class="refused",
        reason=ordered[0] if ordered else "rejected",
        evidence=f"rejected by {who}: {words}",
    )
