"""From verdicts to the figures of the report: agreement, label errors, and what people changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from annotation.report.agreement import alpha, keyframe_f1, mean, paired, text_distance
from annotation.report.annotators import Unit, latest, when
from annotation.report.rates import corrected, share
from curation.review.content_hash import content_sha256
from curation.review.edits import Edits, edits_of
from curation.review.rules import Ruling, ruling
from schemas.records import Sample
from schemas.review import REASONS, Verdict
from schemas.review_config import ReviewConfig
from schemas.review_report import Agreement, Estimate, Fix, LabelErrors
from schemas.safe_text import clean_text
from schemas.temporal import format_seconds
from schemas.time import FrameIndex

DECISIONS = ("accept", "fix", "reject")
RATINGS = (1, 2, 3, 4, 5)


class Judged(NamedTuple):
    """What is kept of a sample that people judged: its content as shown, what they come to, and their edits of it."""

    content: str
    summary: str
    captions: Mapping[FrameIndex, str]
    ruling: Ruling
    edits: tuple[tuple[Verdict, Edits], ...]


class FinalTexts(NamedTuple):
    """A text per annotator that can be compared: captions by frame, or None for what is not known any more."""

    keyframes: frozenset[int]
    captions: tuple[tuple[int, str], ...]
    summary: str | None


def judged(sample: Sample, verdicts: Sequence[Verdict], rules: ReviewConfig) -> Judged:
    """Look at the verdicts on a sample as the models made it; edits are of the latest verdicts on its content."""
    content = content_sha256(sample)
    mine = [v for v in latest(verdicts).values() if v.content_sha256 == content and v.stratum != "gold"]
    return Judged(
        content,
        clean_text(format_seconds(sample.summary.v2vt)),
        {caption.index: clean_text(caption.text) for caption in sample.captions.captions},
        ruling(sample, verdicts, rules),
        tuple((verdict, edits_of(sample, verdict)) for verdict in sorted(mine, key=when)),
    )


def agreement(verdicts: Iterable[Verdict], known: Mapping[str, Judged], seed: int) -> Agreement:
    """How far people agree, over the latest verdicts of each on each content; gold and adjudications are left out.

    Keyframes and texts are compared where neither person rejects. A summary that was not touched is the models' text,
    which is known while the content is the sample's (`known`).
    """
    units: dict[Unit, dict[str, Verdict]] = {}
    for (name, unit, kind), verdict in latest(verdicts).items():
        if not kind:
            units.setdefault(unit, {})[name] = verdict
    everyone = [units[unit] for unit in sorted(units)]
    decisions = [{name: str(v.decision) for name, v in unit.items()} for unit in everyone]
    ratings = [{name: v.rating for name, v in unit.items() if v.rating is not None} for unit in everyone]
    left = [{name: _left(v, known) for name, v in unit.items() if v.decision != "reject"} for unit in everyone]
    told = [{name: one.summary for name, one in unit.items() if one.summary is not None} for unit in left]
    return Agreement(
        verdict_alpha=alpha(decisions, DECISIONS, "nominal", seed=seed),
        rating_alpha=alpha(ratings, RATINGS, "ordinal", seed=seed),
        keyframe_f1=paired(left, lambda a, b: keyframe_f1(a.keyframes, b.keyframes), seed=seed),
        caption_distance=paired(left, _captions_apart, seed=seed),
        summary_distance=paired(told, text_distance, seed=seed),
    )


def label_errors(
    known: Mapping[str, Judged],
    stratum: Sequence[str],
    population: int,
    verdicts: Iterable[Verdict],
    gold: Mapping[str, bool],
) -> LabelErrors:
    """The label-error rate of the models' output, from the samples of the random `stratum` that are judged.

    `gold`: sample id -> whether that gold question has an error. The corrected rate takes the first verdict that counts
    on each sample, since what is known of people is what a single one of them finds.
    """
    found = [known[name].ruling for name in stratum if name in known and known[name].ruling.outcome != "unreviewed"]
    outcomes = Counter(one.outcome for one in found)
    asked = [v for (_, _, kind), v in latest(verdicts).items() if kind == "gold" and v.sample_id in gold]
    wrong = [v.decision != "accept" for v in asked if gold[v.sample_id]]
    fine = [v.decision == "accept" for v in asked if not gold[v.sample_id]]
    singles = [min(one.votes, key=lambda vote: when(vote.verdict)).decision != "accept" for one in found if one.votes]
    return LabelErrors(
        population=population,
        drawn=len(stratum),
        judged=len(found),
        disputed=outcomes["disputed"],
        rate=share(len(found) - outcomes["accept"], len(found)),
        rejected=share(outcomes["reject"], len(found)),
        fixed=share(outcomes["fix"], len(found)),
        corrected=corrected(sum(singles), len(singles), (sum(wrong), len(wrong)), (sum(fine), len(fine))),
        sensitivity=share(sum(wrong), len(wrong)),
        specificity=share(sum(fine), len(fine)),
    )


def fixes(known: Mapping[str, Judged]) -> tuple[Fix, ...]:
    """What people changed or complained of, by the number of verdicts that do."""
    verdicts: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for verdict, edits in (pair for one in known.values() for pair in one.edits):
        counts = {
            "caption rewritten": sum(text is not None for _, text in edits.captions),
            "caption judged wrong": sum(text is None for _, text in edits.captions),
            "keyframe dropped": len(edits.dropped),
            "keyframe added": len(edits.added),
            "summary rewritten": int(edits.summary is not None),
        }
        counts |= {f"reason: {reason.replace('_', ' ')}": int(reason in verdict.reasons) for reason in REASONS}
        for what, count in counts.items():
            verdicts[what] += count > 0
            times[what] += count
    ordered = sorted((what for what in verdicts if verdicts[what]), key=lambda what: (-verdicts[what], what))
    return tuple(Fix(what=what, verdicts=verdicts[what], times=times[what]) for what in ordered)


def edit_distances(known: Mapping[str, Judged], seed: int) -> tuple[Estimate, Estimate]:
    """How far captions and summaries that people rewrote are from the models' (0..1)."""
    captions: list[float] = []
    summaries: list[float] = []
    for one in known.values():
        for _, edits in one.edits:
            pairs = [(one.captions.get(index, ""), text) for index, text in edits.captions if text is not None]
            captions += [text_distance(was, text) for was, text in pairs]
            if edits.summary is not None:
                summaries.append(text_distance(one.summary, clean_text(edits.summary)))
    return mean(captions, seed=seed), mean(summaries, seed=seed)


def _left(verdict: Verdict, known: Mapping[str, Judged]) -> FinalTexts:
    shown = [one for one in verdict.keyframes if one.judged != "drop"]
    keyframes = frozenset(one.index for one in shown) | {one.index for one in verdict.added}
    own = known.get(verdict.sample_id)
    untouched = own.summary if own is not None and own.content == verdict.content_sha256 else None
    summary = clean_text(verdict.summary) if verdict.summary is not None else untouched
    return FinalTexts(frozenset(keyframes), tuple((one.index, clean_text(one.caption)) for one in shown), summary)


def _captions_apart(first: FinalTexts, second: FinalTexts) -> float:
    """Mean distance over the keyframes that both kept; 0 where there is none."""
    one, other = dict(first.captions), dict(second.captions)
    both = sorted(one.keys() & other.keys())
    return sum(text_distance(one[index], other[index]) for index in both) / len(both) if both else 0.0
