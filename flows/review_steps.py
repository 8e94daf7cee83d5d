"""Push, pull and report of a workspace; the command line and the Prefect flows both call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from annotation.gold_answers import known_answers
from annotation.label_studio.access import find_access, review_folder
from annotation.pull import pull as pulling
from annotation.push import push as pushing
from annotation.push.strata import Candidate, candidates, choose, unwanted
from annotation.report.write import review_report, write_review
from curation.pipeline.open import open_ledger, open_view
from curation.pipeline.services import open_services
from curation.status.listing import list_videos
from curation.status.opt_outs import take_opt_outs
from curation.status.selection import ALL, Selection
from curation.status.view import LedgerView
from curation.workspace import Workspace
from flows.gold_questions import gold_questions, mixed
from schemas.configuration.config import CurateConfig
from schemas.configuration.review_config import ReviewConfig
from schemas.documents.review_report import ReviewReport
from schemas.errors import ConfigError, WorkspaceBusy

_LONGEST_TITLE = 50  # Label Studio's own limit


def project_title(config: CurateConfig, given: str | None) -> str:
    """The project's name in Label Studio: the given one, else one made of the run's name.

    Raises ConfigError for a name that Label Studio does not take.
    """
    title = f"Review of {config.name}"[:_LONGEST_TITLE].strip() if given is None else given.strip()
    if not 3 <= len(title) <= _LONGEST_TITLE:
        raise ConfigError(f"--project: the name must have 3 to {_LONGEST_TITLE} characters")
    return title


def push_workspace(
    place: Workspace,
    project: str | None,
    changes: Mapping[str, Any],
    selection: Selection = ALL,
    *,
    again: bool = False,
    check: bool = False,
    report_progress: Callable[[str], None] = lambda _: None,
) -> pushing.Result:
    """Choose samples and make gold questions by the configuration's section `review` with `changes`, and push them.

    A `selection` names samples instead: those of them that people may judge are pushed, in the active stratum, since a
    random stratum of chosen samples would not be an unbiased one. Who opted out, by the list too, is not pushed.
    `project`: the project's name, None for the run's. Raises WorkspaceBusy while another push of the workspace runs,
    ConfigError for wrong values and a wrong list of opt-outs, and what `push` raises.
    """
    config = place.config()
    title, access = project_title(config, project), find_access(place.root)
    lock = FileLock(review_folder(place.root) / "push.lock", timeout=0)
    try:
        rules = ReviewConfig.model_validate({**config.review.model_dump(), **changes})
    except ValidationError as error:
        raise ConfigError(f"review: {error.errors()[0]['msg']}") from error
    try:
        lock.acquire()
    except Timeout as error:
        raise WorkspaceBusy(f"{place.root}: another `v2xum review push` runs here") from error
    try:
        with open_services(place, config) as services:
            view = services.view
            # A run may hold the workspace, so what the list says is not stored; the next export or refresh does that.
            opted_out = take_opt_outs(place.root, config.refresh, services.ledger, write=False).videos
            pool = [one for one in candidates(view) if one.sample_id not in opted_out]
            if selection:
                pool, rules = _selected(view, pool, selection, rules, changes)
            gold = gold_questions(place.root, services, rules, pool, report_progress)
            chosen = mixed(choose([*pool, *(Candidate(name, gold=True) for name in gold)], rules))
            return pushing.push(
                place.root,
                services,
                access,
                chosen,
                title,
                extra=gold,
                again=again,
                check=check,
                unwanted=lambda ids: unwanted(view, ids) | opted_out.intersection(ids),
                report_progress=report_progress,
            )
    finally:
        lock.release()


def _selected(
    view: LedgerView, pool: list[Candidate], selection: Selection, rules: ReviewConfig, changes: Mapping[str, Any]
) -> tuple[list[Candidate], ReviewConfig]:
    """Those of the pool that a selection takes, and rules by which all of them are active. Raises ConfigError."""
    if wrong := {"random", "active", "gold"}.intersection(changes):
        raise ConfigError(f"--{min(wrong)} chooses samples, and so do ids, --state and so on: give one or the other")
    named = {row.id for row in list_videos(view, selection).listed}
    # As if they waited for people: the active stratum takes those first, also without scores.
    chosen = [one._replace(awaiting=True) for one in pool if one.sample_id in named]
    if not chosen:
        raise ConfigError(
            "no sample that people may judge matches; `v2xum list` with the same options shows the videos"
        )
    return chosen, rules.model_copy(update={"random": 0, "gold": 0, "active": len(chosen)})


def pull_workspace(
    place: Workspace,
    project: str | None,
    *,
    everything: bool = False,
    report_progress: Callable[[str], None] = lambda _: None,
) -> pulling.Result:
    """Store people's new verdicts in the ledger. Raises what `pull` raises."""
    title, access = project_title(place.config(), project), find_access(place.root)
    with open_ledger(place) as ledger:
        return pulling.pull(place.root, ledger, access, title, everything=everything, report_progress=report_progress)


def report_workspace(place: Workspace) -> tuple[ReviewReport, Path]:
    """Write WORKSPACE/report/review.json and review.html; returns the report and the page's path.

    Raises ConfigError when the answers to gold questions cannot be read.
    """
    config = place.config()
    with open_view(place) as view:
        gold = {name: answer.has_error for name, answer in known_answers(place.root).items()}
        report = review_report(view, config.name, gold=gold)
    return report, write_review(place.root / "report", report)
