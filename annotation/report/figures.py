"""Computes the review report's figures from verdicts: agreement, label errors, and what people changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from annotation.report.agreement import alpha, keyframe_f1, mean, paired, text_distance
from annotation.report.annotators import Unit, latest, when
from annotation.report.rates import corrected, share
from curation.review.content_hash import content_sha256
from curation.review.edits import Edits, edits_of
from curation.review.rules import Ruling, ruling, valid
from schemas.configuration.review_config import ReviewConfig
from schemas.documents.review_report import Agreement, Estimate, Fix, LabelErrors
from schemas.records import Sample
from schemas.review import REASONS, Verdict
from schemas.safe_text import clean_text
from schemas.temporal import format_seconds
from schemas.time import FrameIndex

DECISIONS = ("accept", "fix", "reject")
RATINGS = (1, 2, 3, 4, 5)


class Judged(NamedTuple):
    """A judged sample, as far as the figures need it.

    `content`: the content's hash; `summary`, `captions`: the models' texts as they were shown; `ruling`: the outcome of
    all verdicts; `edits`: the latest valid verdict of each person on this content, with its edits, by ascending time.
    """

    content: str
    summary: str
    captions: Mapping[FrameIndex, str]
    ruling: Ruling
    edits: tuple[tuple[Verdict, Edits], ...]


class FinalTexts(NamedTuple):
    """The keyframes and texts that one annotator left, to be compared with another annotator's.

    `captions`: (frame index, text); `summary`: None when the shown text is not known any more.
    """

    keyframes: frozenset[int]
    captions: tuple[tuple[int, str], ...]
    summary: str | None


def judged(sample: Sample, verdicts: Sequence[Verdict], rules: ReviewConfig) -> Judged:
    """Judge a sample, as the models made it, by all verdicts on it. Gold verdicts have no edits."""
    content = content_sha256(sample)
    mine = [v for v in latest(v for v in verdicts if valid(v, content, rules)).values() if v.stratum != "gold"]
    return Judged(
        content,
        clean_text(format_seconds(sample.summary.v2vt)),
        {caption.index: clean_text(caption.text) for caption in sample.captions.captions},
        ruling(sample, verdicts, rules),
        tuple((verdict, edits_of(sample, verdict)) for verdict in sorted(mine, key=when)),
    )


def agreement(verdicts: Iterable[Verdict], known: Mapping[str, Judged], seed: int) -> Agreement:
    """How far people agree, from each person's latest verdict on each content, without gold and adjudications.

    `known`: the judged samples by id; `seed`: the bootstrap's. Keyframes and texts are compared where neither person
    rejects. A summary that a person did not change is the models' text, which is known only while the verdict's content
    is still the sample's.
    """
    units: dict[Unit, dict[str, Verdict]] = {}
    for (name, unit, kind), verdict in latest(verdicts).items():
        if not kind:
            units.setdefault(unit, {})[name] = verdict
    ordered = [units[unit] for unit in sorted(units)]
    decisions = [{name: str(v.decision) for name, v in unit.items()} for unit in ordered]
    ratings = [{name: v.rating for name, v in unit.items() if v.rating is not None} for unit in ordered]
    texts = [{name: _final_texts(v, known) for name, v in unit.items() if v.decision != "reject"} for unit in ordered]
    summaries = [{name: text.summary for name, text in unit.items() if text.summary is not None} for unit in texts]
    return Agreement(
        verdict_alpha=alpha(decisions, DECISIONS, "nominal", seed=seed),
        rating_alpha=alpha(ratings, RATINGS, "ordinal", seed=seed),
        keyframe_f1=paired(texts, lambda a, b: keyframe_f1(a.keyframes, b.keyframes), seed=seed),
        caption_distance=paired(texts, _caption_distance, seed=seed),
        summary_distance=paired(summaries, text_distance, seed=seed),
    )


def label_errors(
    known: Mapping[str, Judged],
    stratum: Sequence[str],
    population: int,
    verdicts: Iterable[Verdict],
    gold: Mapping[str, bool],
) -> LabelErrors:
    """The label-error rate of the models' output, from the judged samples of the random stratum.

    `known`: the judged samples by id; `stratum`: ids of the random stratum; `population`: number of samples that it was
    drawn from; `gold`: sample id -> whether the gold question has an error. The corrected rate uses the first counting
    verdict on each sample, because gold questions tell how many errors a single person finds.
    """
    rulings = [known[name].ruling for name in stratum if name in known and known[name].ruling.outcome != "unreviewed"]
    outcomes = Counter(one.outcome for one in rulings)
    asked = [v for (_, _, kind), v in latest(verdicts).items() if kind == "gold" and v.sample_id in gold]
    wrong = [v.decision != "accept" for v in asked if gold[v.sample_id]]
    fine = [v.decision == "accept" for v in asked if not gold[v.sample_id]]
    singles = [min(one.votes, key=lambda vote: when(vote.verdict)).decision != "accept" for one in rulings if one.votes]
    return LabelErrors(
        population=population,
        drawn=len(stratum),
        judged=len(rulings),
        disputed=outcomes["disputed"],
        rate=share(len(rulings) - outcomes["accept"], len(rulings)),
        rejected=share(outcomes["reject"], len(rulings)),
        fixed=share(outcomes["fix"], len(rulings)),
        corrected=corrected(sum(singles), len(singles), (sum(wrong), len(wrong)), (sum(fine), len(fine))),
        sensitivity=share(sum(wrong), len(wrong)),
        specificity=share(sum(fine), len(fine)),
    )


def fixes(known: Mapping[str, Judged]) -> tuple[Fix, ...]:
    """The kinds of changes and complaints, those of most verdicts first."""
    verdicts: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for verdict, edits in (pair for one in known.values() for pair in one.edits):
        counts = {
            "caption rewritten": sum(text is not None for _, text in edits.captions),
            "caption judged wrong": sum(text is None for _, text in edits.captions),
            "keyframe dropped": len(edits.dropped),
            "keyframe added": len(edits.added),
            "summary rewritten": int(edits.summary is not None),
            "line of the transcript corrected": len(edits.lines),
        }
        counts |= {f"reason: {reason.replace('_', ' ')}": int(reason in verdict.reasons) for reason in REASONS}
        for what, count in counts.items():
            verdicts[what] += count > 0
            times[what] += count
    ordered = sorted((what for what in verdicts if verdicts[what]), key=lambda what: (-verdicts[what], what))
    return tuple(Fix(what=what, verdicts=verdicts[what], times=times[what]) for what in ordered)


def edit_distances(known: Mapping[str, Judged], seed: int) -> tuple[Estimate, Estimate]:
    """The mean text distances (0..1) of captions and of summaries that people rewrote from the models' texts."""
    captions: list[float] = []
    summaries: list[float] = []
    for one in known.values():
        for _, edits in one.edits:
            pairs = [(one.captions.get(index, ""), text) for index, text in edits.captions if text is not None]
            captions += [text_distance(was, text) for was, text in pairs]
            if edits.summary is not None:
                summaries.append(text_distance(one.summary, clean_text(edits.summary)))
    return mean(captions, seed=seed), mean(summaries, seed=seed)


def _final_texts(verdict: Verdict, known: Mapping[str, Judged]) -> FinalTexts:
    kept = [keyframe for keyframe in verdict.keyframes if keyframe.judged != "drop"]
    keyframes = frozenset(keyframe.index for keyframe in kept) | {keyframe.index for keyframe in verdict.added}
    own = known.get(verdict.sample_id)
    untouched = own.summary if own is not None and own.content == verdict.content_sha256 else None
    summary = clean_text(verdict.summary) if verdict.summary is not None else untouched
    captions = tuple((keyframe.index, clean_text(keyframe.caption)) for keyframe in kept)
    return FinalTexts(frozenset(keyframes), captions, summary)


def _caption_distance(first: FinalTexts, second: FinalTexts) -> float:
    """The mean distance of captions over the keyframes that both annotators kept; 0 without such keyframes."""
    a, b = dict(first.captions), dict(second.captions)
    both = sorted(a.keys() & b.keys())
    return sum(text_distance(a[index], b[index]) for index in both) / len(both) if both else 0.0
