"""A push to a real Label Studio of a workspace in which somebody opted out."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

import pytest

from annotation.label_studio.access import Access
from annotation.push.push import Result
from annotation.push.strata import unwanted
from curation.status.opt_outs import LIST, take_opt_outs
from curation.workspace import Workspace
from flows.review_steps import push_workspace
from schemas.errors import ConfigError
from tests.annotation.people import Api, pull
from tests.annotation.workspaces import Film, services_of

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
FILMS = [Film(f"film-{n}", {0: f"Caption {n}.", 2: "Another."}, seconds=4, seed=n) for n in range(4)]
Make = Callable[..., Workspace]


def opt_out(place: Workspace, *lines: dict[str, object]) -> None:
    (place.root / LIST).write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def test_tasks_of_who_opted_out_leave_unless_somebody_judged_them(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(FILMS), Api(access)

    def pushed() -> tuple[Result, list[str]]:
        done = push_workspace(place, title, {})
        return done, sorted(task["data"]["sample_id"] for task in api.tasks(done.project))

    done, names = pushed()
    assert (done.added, names) == (4, [film.name for film in FILMS])
    judged = next(task for task in api.tasks(done.project) if task["data"]["sample_id"] == "film-0")
    api.judge(judged, "accept")
    opt_out(place, {"id": "film-0"}, {"id": "film-1"})
    done, names = pushed()
    assert (done.added, done.unchanged, done.removed) == (0, 2, 1)
    assert names == ["film-0", "film-2", "film-3"], "what a person did stays"
    (note,) = done.notes
    assert f"task {judged['id']};" in note
    assert [verdict.sample_id for verdict in pull(place, access, title)[1]] == ["film-0"]

    with services_of(place) as services, closing(services.ledger):
        take_opt_outs(place.root, services.config.refresh, services.ledger)  # as the next export or refresh does
        assert unwanted(services.view, [film.name for film in FILMS] + ["stranger"]) == {"film-0", "film-1"}
    (place.root / LIST).unlink()
    done, names = pushed()
    assert (done.removed, names) == (0, ["film-0", "film-2", "film-3"]), "the ledger knows it without the list"
    api.call("DELETE", f"/api/tasks/{judged['id']}/")
    done, names = pushed()
    assert (done.notes, names) == ((), ["film-2", "film-3"])

    opt_out(place, {"id": "film-1", "lifted": True})
    with services_of(place) as services, closing(services.ledger):
        take_opt_outs(place.root, services.config.refresh, services.ledger)
    done, names = pushed()
    assert (done.added, names) == (1, ["film-1", "film-2", "film-3"]), "who came back is asked about again"


def test_a_wrong_list_of_opt_outs_stops_a_push(workspace: Make, access: Access, title: str) -> None:
    place = workspace(FILMS[:1])
    opt_out(place, {"idd": "film-0"})
    with pytest.raises(ConfigError, match="line 1"):
        push_workspace(place, title, {})
