"""Figures of each annotator: decisions, speed, agreement with others, and drift over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from statistics import fmean, median

from annotation.report.rates import difference, share
from curation.review.rules import too_quick
from curation.review.verdict_store import given_at
from schemas.configuration.review_config import ReviewConfig
from schemas.documents.review_report import Annotator, Window
from schemas.review import Decision, Verdict

WINDOW = 20
_ANY = ReviewConfig()
_LEAST = 10  # verdicts in each half without which drift is not estimated
Unit = tuple[str, str]
"""A sample with one content: (sample id, content hash)."""


def annotators(
    verdicts: Iterable[Verdict],
    gold: Mapping[str, bool] | None = None,
    rules: ReviewConfig = _ANY,
    window: int = WINDOW,
) -> tuple[Annotator, ...]:
    """The figures of every person who decided anything, most verdicts first.

    Of each person, only the latest finished verdict on each sample and content counts. `gold`: sample id -> whether the
    gold question has an error; the right answer is to accept it exactly when it has none. `window`: verdicts in a
    window. Gold questions and adjudications are part of the counts and times, but not of agreement. Drift is measured
    in the random stratum. Verdicts that were too quick by the `rules` are counted, and play no part in agreement, gold
    questions and drift.
    """
    everything = list(verdicts)
    chosen = latest(everything)
    counting = latest(verdict for verdict in everything if not too_quick(verdict, rules))
    decided: dict[Unit, dict[str, Decision]] = {}
    for (name, unit, stratum), verdict in counting.items():
        if stratum == "" and verdict.decision is not None:
            decided.setdefault(unit, {})[name] = verdict.decision
    own: dict[str, list[Verdict]] = {}
    usable: dict[str, list[Verdict]] = {}
    for found, kept in ((chosen, own), (counting, usable)):
        for (name, _, _), verdict in found.items():
            kept.setdefault(name, []).append(verdict)
    people = [_annotator(name, given, usable.get(name, ()), decided, gold or {}, window) for name, given in own.items()]
    return tuple(sorted(people, key=lambda person: (-person.verdicts, person.annotator)))


def latest(verdicts: Iterable[Verdict]) -> dict[tuple[str, Unit, str], Verdict]:
    """The latest finished verdict by (annotator, unit, kind), kind being "gold", "adjudication" or ""."""
    newest: dict[tuple[str, Unit, str], Verdict] = {}
    for verdict in verdicts:
        if verdict.decision is None:
            continue
        kind = verdict.stratum if verdict.stratum in ("gold", "adjudication") else ""
        key = (verdict.annotator, (verdict.sample_id, verdict.content_sha256), kind)
        if key not in newest or when(verdict) >= when(newest[key]):
            newest[key] = verdict
    return newest


def when(verdict: Verdict) -> tuple[datetime, str]:
    """A key that sorts verdicts by time; a verdict without a readable time comes first."""
    return given_at(verdict), verdict.origin


def right(verdict: Verdict, gold: Mapping[str, bool]) -> bool:
    """Whether a verdict answers its gold question right: it accepts exactly when the question has no error."""
    return (verdict.decision == "accept") != gold[verdict.sample_id]


def _annotator(
    name: str,
    given: Sequence[Verdict],
    counting: Sequence[Verdict],
    decided: Mapping[Unit, Mapping[str, Decision]],
    gold: Mapping[str, bool],
    window: int,
) -> Annotator:
    ordered, usable = sorted(given, key=when), sorted(counting, key=when)
    counts = Counter(verdict.decision for verdict in ordered)
    ratings = [verdict.rating for verdict in ordered if verdict.rating is not None]
    times = _seconds(ordered)
    asked = [verdict for verdict in usable if verdict.stratum == "gold" and verdict.sample_id in gold]
    # In the active stratum the worst samples come first, so that later samples are better: that would look like drift.
    usual = [verdict for verdict in usable if verdict.stratum == "random"]
    others = [
        decision == mine
        for unit in decided.values()
        if (mine := unit.get(name)) is not None
        for other, decision in unit.items()
        if other != name
    ]
    early, late = usual[: len(usual) // 2], usual[len(usual) // 2 :]
    drift = difference(_accepts(early), _accepts(late)) if len(early) >= _LEAST else difference((0, 0), (0, len(usual)))
    before, after = _seconds(early), _seconds(late)
    quick = min(len(before), len(after)) >= _LEAST and median(after) > 0
    outside = drift.low is not None and drift.high is not None and not drift.low <= 0 <= drift.high
    return Annotator(
        annotator=name,
        verdicts=len(ordered),
        quick=len({_unit(one) for one in ordered} - {_unit(one) for one in usable}),
        accept=counts["accept"],
        fix=counts["fix"],
        reject=counts["reject"],
        seconds=round(median(times), 1) if times else None,
        total_seconds=round(sum(times), 1),
        rating=round(fmean(ratings), 2) if ratings else None,
        agrees=share(sum(others), len(others)),
        drift=drift,
        drifts=outside,
        speed_up=round(median(before) / median(after), 2) if quick else None,
        gold=share(sum(right(verdict, gold) for verdict in asked), len(asked)),
        windows=tuple(_window(usual[at : at + window]) for at in range(0, len(usual), window)),
    )


def _unit(verdict: Verdict) -> tuple[str, str, str]:
    return verdict.sample_id, verdict.content_sha256, verdict.stratum


def _accepts(verdicts: Sequence[Verdict]) -> tuple[int, int]:
    return sum(verdict.decision == "accept" for verdict in verdicts), len(verdicts)


def _seconds(verdicts: Sequence[Verdict]) -> list[float]:
    return [verdict.seconds for verdict in verdicts if verdict.seconds is not None and verdict.seconds >= 0]


def _window(verdicts: Sequence[Verdict]) -> Window:
    times = _seconds(verdicts)
    accepts, of = _accepts(verdicts)
    return Window(
        first=verdicts[0].updated_at,
        verdicts=of,
        accepted=round(accepts / of, 4),
        seconds=round(median(times), 1) if times else None,
    )
