"""Makes the review report from the ledger as one frozen record, and writes it as JSON and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from annotation.push.strata import Chosen, candidates, choose, random_stratum
from annotation.report.annotators import annotators
from annotation.report.figures import Judged, agreement, edit_distances, fixes, judged, label_errors
from annotation.report.page import render_review
from curation.ledger.samples import sample
from curation.review.rules import too_quick
from curation.review.verdict_store import Reviews
from curation.status.standings import finished_ids
from curation.status.view import LedgerView
from curation.store.files import write_whole
from schemas.documents.review_report import PersonVerdicts, Progress, ReviewFindings, ReviewReport, StratumProgress
from schemas.kit.most_first import most_first
from schemas.review import Verdict
from schemas.safe_text import plain_line

JSON_NAME, HTML_NAME = "review.json", "review.html"
_MOST_PROBLEMS, _LONGEST = 30, 160


def review_report(
    view: LedgerView, name: str, *, gold: Mapping[str, bool] | None = None, at: str | None = None
) -> ReviewReport:
    """The report on all verdicts of the ledger, by the review rules of the run's settings.

    `name`: the run's name; `gold`: sample id -> whether the gold question has an error; `at`: the report's time
    (ISO 8601; None: now), the only part that does not follow from the other arguments.
    """
    ledger, rules = view.ledger, view.rules
    reviews = Reviews(ledger)
    ids = finished_ids(view)
    verdicts = list(reviews.verdicts())
    grouped: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.sample_id, []).append(verdict)
    known = _known(view, grouped, ids)
    stratum = random_stratum(ids, rules.random, rules.seed)
    pool = candidates(view, {name for name, one in known.items() if one.ruling.outcome == "disputed"})
    decided = [verdict for verdict in verdicts if verdict.decision is not None]
    counting = [verdict for verdict in decided if not too_quick(verdict, rules)]
    distances = edit_distances(known, rules.seed)
    seconds = [verdict.seconds for verdict in decided if verdict.seconds is not None and verdict.seconds >= 0]
    return ReviewReport(
        name=name,
        at=at or datetime.now(UTC).isoformat(timespec="seconds"),
        progress=_progress(verdicts, known, len(ids), len(reviews.pushed_ids() - (gold or {}).keys())).model_copy(
            update={"strata": tuple(_strata(choose(pool, rules), stratum, known))}
        ),
        agreement=agreement(counting, known, rules.seed),
        errors=label_errors(known, stratum, len(ids), counting, gold or {}),
        annotators=annotators(decided, gold, rules),
        fixes=fixes(known),
        judged_verdicts=sum(len(one.edits) for one in known.values()),
        edit_distance_captions=distances[0],
        edit_distance_summary=distances[1],
        seconds=tuple(round(float(s), 1) for s in np.quantile(seconds, np.linspace(0, 1, 11))) if seconds else (),
        problems=_problems(verdicts),
    )


def review_findings(view: LedgerView, gold: Mapping[str, bool]) -> ReviewFindings:
    """What a release says of the review, as `review_report` has it; `gold` as there."""
    rules, ids = view.rules, finished_ids(view)
    verdicts = list(Reviews(view.ledger).verdicts())
    decided = [verdict for verdict in verdicts if verdict.decision is not None]
    counting = [verdict for verdict in decided if not too_quick(verdict, rules)]
    grouped: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.sample_id, []).append(verdict)
    stratum = random_stratum(ids, rules.random, rules.seed)
    known = _known(view, grouped, ids)
    return ReviewFindings(
        errors=label_errors(known, stratum, len(ids), counting, gold),
        agreement=agreement(counting, known, rules.seed),
        people=tuple(
            PersonVerdicts(**one.model_dump(include=set(PersonVerdicts.model_fields)))
            for one in annotators(decided, gold, rules)
        ),
    )


def write_review(folder: Path, report: ReviewReport) -> Path:
    """Write review.json and review.html into a folder, which is made; returns the page's path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / JSON_NAME, report.model_dump_json(indent=2) + "\n")
    write_whole(folder / HTML_NAME, render_review(report))
    return folder / HTML_NAME


def _known(view: LedgerView, grouped: Mapping[str, Sequence[Verdict]], ids: Sequence[str]) -> dict[str, Judged]:
    """What the rules say of each of these samples that has verdicts, by id."""
    judgeable = sorted(grouped.keys() & set(ids))
    return {each: judged(sample(view.ledger, each, view.hashes.on), grouped[each], view.rules) for each in judgeable}


def _progress(verdicts: Sequence[Verdict], known: Mapping[str, Judged], samples: int, pushed: int) -> Progress:
    decided = [verdict for verdict in verdicts if verdict.decision is not None]
    outcomes = Counter(one.ruling.outcome for one in known.values())
    usual = [verdict for verdict in decided if verdict.stratum != "gold"]
    stale = sum(v.sample_id not in known or known[v.sample_id].content != v.content_sha256 for v in usual)
    return Progress(
        samples=samples,
        pushed=pushed,
        verdicts=len(verdicts),
        finished=len(decided),
        half_finished=len(verdicts) - len(decided),
        stale=stale,
        gold=len(decided) - len(usual),
        unreviewed=samples - sum(outcomes[o] for o in ("accept", "fix", "reject", "disputed")),
        accepted=outcomes["accept"],
        fixed=outcomes["fix"],
        rejected=outcomes["reject"],
        disputed=outcomes["disputed"],
    )


def _strata(chosen: Sequence[Chosen], drawn: Sequence[str], known: Mapping[str, Judged]) -> Iterator[StratumProgress]:
    """The progress of each stratum. Disputed samples of the random stratum are in `adjudication` too."""
    wanted = {one.sample_id: one.overlap for one in chosen}
    members = {
        "random": list(drawn),
        "active": [one.sample_id for one in chosen if one.stratum == "active"],
        "adjudication": [one.sample_id for one in chosen if one.stratum == "adjudication"],
    }
    for stratum, names in members.items():
        rulings = [(name, known[name].ruling) for name in names if name in known]
        waiting = stratum == "adjudication"  # once an adjudicator has judged a sample, it is in this stratum no more
        if names:
            yield StratumProgress(
                stratum=stratum,
                chosen=len(names),
                judged=0 if waiting else sum(bool(one.votes) for _, one in rulings),
                complete=0 if waiting else sum(len(one.votes) >= wanted[name] for name, one in rulings),
                disputed=sum(one.outcome == "disputed" for _, one in rulings),
            )


def _problems(verdicts: Sequence[Verdict]) -> dict[str, int]:
    counts = Counter(plain_line(problem)[:_LONGEST] for verdict in verdicts for problem in verdict.problems)
    return dict(islice(most_first(counts).items(), _MOST_PROBLEMS))
