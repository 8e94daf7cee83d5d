"""The check of a release before it is published: everything that people read datasets with must find what it holds.

Each consumer works in a clean environment (run.py) on links to the files that the manifest names, at another place.
Row counts, ids in their order, columns with their types, and values of sampled rows, pictures decoded, are compared
with what pyarrow reads. The SHA-256 of files are not compared here: curation/dataset/check.py does that.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from curation.release.consumers.answers import kept
from curation.release.consumers.compare import differences, unlike_configurations
from curation.release.consumers.plan import ReadingPlan, count_problems, link_release, parts_of
from curation.release.consumers.registry import CONSUMERS, ORACLE
from curation.release.consumers.run import Consumer, Outcome, run_consumer
from curation.release.manifest import read_manifest
from schemas.documents.consumers import ConsumerReport, ConsumerResult
from schemas.safe_text import plain

EXTRA = "consumers"  # of pyproject.toml
_MOST_PROBLEMS = 50


def check_consumers(
    folder: Path,
    consumers: Sequence[Consumer] = CONSUMERS,
    raise_if_stopped: Callable[[], None] = lambda: None,
) -> ConsumerReport:
    """Read the release in `folder` with every consumer that is installed.

    `raise_if_stopped` is called several times a second. A release of 30,000 videos takes some minutes a consumer; a
    consumer that takes many times longer is ended, and has failed. Raises ConfigError for a folder that is no release,
    StorageFull and OSError where temporary files cannot be written.
    """
    manifest = read_manifest(folder)
    with tempfile.TemporaryDirectory(prefix="v2xum-consumers-") as name:
        place = Path(name)
        view = place / "release"
        view.mkdir()
        faults = count_problems(manifest) + link_release(folder, manifest, view)
        plan = ReadingPlan(release=str(view), origin=str(folder.resolve()), parts=parts_of(manifest))
        outcome = _run(ORACLE, plan, place / "oracle", raise_if_stopped)
        answers = place / "oracle" / "out"
        faults += outcome.faults
        faults += list(unlike_configurations(plan, answers))
        results = [_result(ORACLE, plan, outcome, faults)]
        for number, consumer in enumerate(consumers):
            if importlib.util.find_spec(consumer.imports) is None:
                results.append(_not_installed(consumer))
                continue
            own = place / str(number)
            outcome = _run(consumer, plan, own, raise_if_stopped)
            faults = [*outcome.faults, *_differences(consumer, plan, answers, own / "out", outcome)]
            results.append(_result(consumer, plan, outcome, faults))
    return ConsumerReport(
        folder=str(folder),
        version=manifest.version,
        sound=all(result.state != "failed" for result in results),
        consumers=tuple(results),
    )


def _run(consumer: Consumer, plan: ReadingPlan, folder: Path, raise_if_stopped: Callable[[], None]) -> Outcome:
    folder.mkdir()
    return run_consumer(consumer, plan, folder, raise_if_stopped)


def _differences(consumer: Consumer, plan: ReadingPlan, answers: Path, out: Path, outcome: Outcome) -> list[str]:
    """How the answers in `out` differ from the oracle's. A part that the oracle could not read is its problem."""
    told = []
    for number, part in enumerate(plan.parts):
        expected, found = kept(answers, number), kept(out, number)
        if expected is None or not consumer.reads(part) or number in outcome.failed or outcome.ended is not None:
            continue
        told += [f"{part.name}: was not read"] if found is None else list(differences(part, expected, found))
    return told


def _result(consumer: Consumer, plan: ReadingPlan, outcome: Outcome, faults: Sequence[str]) -> ConsumerResult:
    problems = [outcome.ended] if outcome.ended is not None else []
    problems += [f"{plan.parts[number].name}: cannot be read: {why}" for number, why in outcome.failed.items()]
    problems += faults
    shown = [plain(problem, 500) for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        shown.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    parts = [part for part in plan.parts if consumer.reads(part)]
    return ConsumerResult(
        name=consumer.name,
        version=outcome.version,
        state="failed" if problems else "read",
        parts=len(parts),
        rows=sum(part.rows for part in parts),
        problems=tuple(shown),
    )


def _not_installed(consumer: Consumer) -> ConsumerResult:
    return ConsumerResult(
        name=consumer.name,
        version="",
        state="not installed",
        way_out=f"pip install {consumer.package} (or the extra `{EXTRA}` of this project)",
    )
