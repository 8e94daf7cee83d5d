"""Gold questions in a real Label Studio look like all other tasks there, and are recognised when they are pulled."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest

from annotation.gold_answers import known_answers
from annotation.label_studio.access import Access
from curation.review.verdict_store import Reviews
from curation.status.counts import summarize
from curation.status.standings import sample_ids
from curation.workspace import Workspace
from flows.review_steps import pull_workspace, push_workspace, report_workspace
from models.identity import identify
from tests.annotation.people import Api
from tests.annotation.workspaces import Film, services_of

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
FILMS = [Film(f"film-{n}", {0: f"Caption {n}.", 2: "Another."}, seconds=4) for n in range(3)]
RULES = {"random": 3, "active": 0, "gold": 4, "annotators": 1}


def test_gold_questions_are_asked_and_answers_are_marked(
    workspace: Callable[..., Workspace], access: Access, title: str
) -> None:
    place, api = workspace(FILMS), Api(access)
    done = push_workspace(place, title, RULES)
    assert (done.added, done.failed) == (7, ())
    answers = known_answers(place.root)
    tasks = api.tasks(done.project)
    gold = [task for task in tasks if task["data"]["sample_id"] in answers]
    assert (len(gold), sum(answer.has_error for answer in answers.values())) == (4, 2)

    # Nothing on the server but the pictures tells a question from a sample.
    assert "gold" not in json.dumps(tasks) and "planted" not in json.dumps(tasks)
    assert {task["data"]["stratum"] for task in tasks} == {"random"}
    assert len({frozenset(task["data"]) for task in tasks}) == 1
    assert {task["overlap"] for task in tasks} == {1}
    (model,) = {task["predictions"][0]["model_version"] for task in gold}
    assert model == identify(place.config().models.summarizer)[0]
    for task in gold:
        for frame in task["data"]["frames"]:
            assert frame["caption"] and f"[{frame['time']}]" in task["data"]["summary"]

    # A second push adds nothing, with or without a check of every task; a larger number adds only the new questions.
    for check in (False, True):
        again = push_workspace(place, title, RULES, check=check)
        assert (again.added, again.unchanged, again.replaced) == (0, 7, 0)
    more = push_workspace(place, title, RULES | {"gold": 5})
    assert (more.added, more.unchanged) == (1, 7)
    answers = known_answers(place.root)
    assert push_workspace(place, title, RULES | {"gold": 0}).added == 0 and known_answers(place.root) == answers

    # A person finds one of the two errors of the first four questions and accepts everything else.
    seen = next(task for task in gold if answers[task["data"]["sample_id"]].has_error)
    for task in gold:
        api.judge(task, "reject" if task is seen else "accept", lead_time=20)
    (other,) = (task for task in tasks if task["data"]["sample_id"] == "film-1")
    api.judge(other, "accept")
    assert pull_workspace(place, title).new == 5
    assert pull_workspace(place, title, everything=True).new == 0
    with closing(place.ledger()) as ledger:
        verdicts = list(Reviews(ledger).verdicts())
    assert {v.sample_id: v.stratum for v in verdicts} == {
        "film-1": "random",
        **{task["data"]["sample_id"]: "gold" for task in gold},
    }

    found, _ = report_workspace(place)
    assert (found.errors.sensitivity.value, found.errors.sensitivity.of) == (0.5, 2)
    assert (found.errors.specificity.value, found.errors.specificity.of) == (1.0, 2)
    (person,) = found.annotators
    assert (person.gold.value, person.gold.of, person.verdicts) == (0.75, 4, 5)
    progress = found.progress
    assert (progress.samples, progress.pushed, progress.verdicts, progress.gold) == (3, 3, 5, 4)
    assert (progress.stale, progress.accepted, progress.rejected, progress.unreviewed) == (0, 1, 0, 2)
    assert found.errors.judged == 1 and found.errors.rate.value == 0
    with services_of(place) as services, closing(services.ledger):
        assert sample_ids(services.view) == ["film-0", "film-1", "film-2"]
        assert summarize(services.view).rejected == 0

    # Judged questions are not pushed again; another project gets the remaining ones.
    assert push_workspace(place, title, RULES).added == 0
    elsewhere = push_workspace(place, f"{title} 2", RULES)
    assert (elsewhere.added, elsewhere.judged) == (2, 5)
