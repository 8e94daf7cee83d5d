"""The tasks of a real Label Studio after pushes that are repeated, interrupted, or follow changes."""

from __future__ import annotations

import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.interface import NAMES, interface
from annotation.push import push as pushing
from annotation.push.strata import Chosen
from annotation.push.task import task_key
from curation.ledger.samples import sample
from curation.review.content_hash import content_sha256
from curation.workspace import Workspace
from schemas.configuration.review_config import ReviewConfig
from schemas.errors import ConfigError, RunStopped
from tests.annotation import workspaces
from tests.annotation.people import Api, pull, push, signed_up
from tests.annotation.proxy import proxy
from tests.annotation.workspaces import Film, add_films, config, services_of

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
Make = Callable[..., Workspace]


def films(count: int, word: str = "first") -> list[Film]:
    return [Film(f"film-{n:03d}", {0: f"The {word} caption.", 2: "Another."}, seconds=4) for n in range(count)]


def test_a_second_push_adds_nothing(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(3)), Api(access)
    done = push(place, access, title, people=2)
    assert (done.added, done.unchanged, done.failed) == (3, 0, ())
    tasks = api.tasks(done.project)
    assert [task["data"]["sample_id"] for task in tasks] == ["film-000", "film-001", "film-002"]
    with services_of(place) as services, closing(services.ledger):
        whole = sample(services.ledger, "film-000")
        assert tasks[0]["data"]["content_sha256"] == content_sha256(whole)
    for task in tasks:
        assert task["overlap"] == 2
        (prediction,) = task["predictions"]
        assert prediction["model_version"] == "tiny" and len(prediction["result"]) == 8
    before = api.tasks(done.project)
    for check in (False, True):
        again = push(place, access, title, people=2, check=check)
        assert (again.added, again.unchanged, again.replaced) == (0, 3, 0)
    assert [task["id"] for task in api.tasks(done.project)] == [task["id"] for task in before]


def test_the_server_keeps_the_interface_as_it_was_given(workspace: Make, access: Access, title: str) -> None:
    done = push(workspace(films(1)), access, title)
    project = Api(access).call("GET", f"/api/projects/{done.project}/")
    assert project["label_config"] == interface() and project["show_collab_predictions"]
    assert "How to judge" in project["expert_instruction"]


def test_each_task_has_its_own_number_of_people(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(5)), Api(access)
    people = dict(zip((f"film-00{n}" for n in range(5)), (2, 1, 1, 2, 1), strict=True))

    def pushed(wanted: dict[str, int]) -> dict[str, int]:
        with services_of(place) as services, closing(services.ledger):
            chosen = [Chosen(name, "random", count) for name, count in wanted.items()]
            done = pushing.push(place.root, services, access, chosen, title)
        return {task["data"]["sample_id"]: task["overlap"] for task in api.tasks(done.project)}

    assert pushed(people) == people
    with services_of(place) as services, closing(services.ledger):
        add_films(services, [Film("one", {0: "One."}, seconds=4), Film("three", {1: "Three."}, seconds=4)])
    assert pushed(people | {"one": 1, "three": 3}) == people | {"one": 1, "three": 3}


def test_a_changed_sample_replaces_its_open_task_and_never_a_judged_one(
    workspace: Make, access: Access, title: str
) -> None:
    place, api = workspace(films(3)), Api(access)
    done = push(place, access, title)
    opened, judged, begun = api.tasks(done.project)
    api.judge(judged, "accept")
    draft = {"result": begun["predictions"][0]["result"], "lead_time": 3}
    api.call("POST", f"/api/tasks/{begun['id']}/drafts", json=draft)
    with services_of(place) as services, closing(services.ledger):
        add_films(services, films(3, "second"))
    changed = push(place, access, title)
    assert (changed.added, changed.unchanged, changed.replaced) == (3, 0, 1)
    held = Counter((t["data"]["sample_id"], t["data"]["frames"][0]["caption"]) for t in api.tasks(done.project))
    old, new = "The first caption.", "The second caption."
    assert held == Counter(
        [("film-000", new), ("film-001", old), ("film-001", new), ("film-002", old), ("film-002", new)]
    )
    assert opened["id"] not in [t["id"] for t in api.tasks(done.project) if t["data"]["frames"][0]["caption"] == old]
    _, (verdict,) = pull(place, access, title)
    assert verdict.sample_id == "film-001" and verdict.keyframes[0].caption == old


def test_duplicates_that_nobody_touched_are_removed(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(2)), Api(access)
    done = push(place, access, title)
    first, second = api.tasks(done.project)
    for task in (first, first, second):
        api.call("POST", f"/api/projects/{done.project}/import", json=[{"data": task["data"]}])
    twin = api.tasks(done.project)[2]
    api.call("POST", f"/api/tasks/{twin['id']}/annotations/", json={"result": [], "lead_time": 1})
    again = push(place, access, title)
    assert again.added == 0
    assert [task["id"] for task in api.tasks(done.project)] == [second["id"], twin["id"]]


def test_tasks_of_other_people_stay_as_they_are(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(1)), Api(access)
    done = push(place, access, title)
    stranger = {"video": "x", "fps": 1, "captions": [], "frames": [], "pictures": "", "summary": "hand made"}
    api.call("POST", f"/api/projects/{done.project}/import", json=[{"data": stranger}])
    assert push(place, access, title).unchanged == 1
    tasks = api.tasks(done.project)
    assert len(tasks) == 2 and task_key(tasks[1]["data"]) is None
    api.call("POST", f"/api/tasks/{tasks[1]['id']}/annotations/", json={"result": [], "lead_time": 1})
    result, verdicts = pull(place, access, title)
    assert verdicts == [] and "did not make its task" in result.problems[0]
    assert len(list((place.root / "review" / "unclear").iterdir())) == 1


def test_a_deleted_project_is_made_again_without_judged_samples(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(2)), Api(access)
    done = push(place, access, title)
    api.judge(api.tasks(done.project)[0], "accept")
    _, before = pull(place, access, title)
    api.call("DELETE", f"/api/projects/{done.project}/")
    with pytest.raises(ConfigError, match="the 1 verdicts that were pulled before are kept"):
        pull(place, access, title)
    anew = push(place, access, title)
    assert (anew.added, anew.judged) == (1, 1)
    assert [task["data"]["sample_id"] for task in api.tasks(anew.project)] == ["film-001"]
    assert pull(place, access, title)[1] == before
    whole = push(place, access, title, again=True)
    assert (whole.added, whole.unchanged, whole.judged) == (1, 1, 0)


def test_a_verdict_that_was_too_quick_lets_the_sample_be_pushed_again(
    workspace: Make, access: Access, title: str
) -> None:
    """Such a verdict does not count by the rules, so somebody else must judge the sample."""
    place, api = workspace(films(2)), Api(access)
    place.save_config(config(name="films", review=ReviewConfig(min_seconds=5)))
    done = push(place, access, title)
    quick, slow = api.tasks(done.project)
    api.judge(quick, "accept", lead_time=1)
    api.judge(slow, "accept", lead_time=6)
    assert pull(place, access, title)[0].new == 2
    api.call("DELETE", f"/api/projects/{done.project}/")
    anew = push(place, access, title)
    assert (anew.added, anew.judged) == (1, 1)
    assert [task["data"]["sample_id"] for task in api.tasks(anew.project)] == ["film-000"]


def test_a_task_whose_only_verdict_was_too_quick_waits_for_another_person(
    workspace: Make, access: Access, title: str
) -> None:
    """Label Studio counts that verdict and the rules do not: without a word to it, nobody would be asked again."""
    place, api = workspace(films(2)), Api(access)
    place.save_config(config(name="films", review=ReviewConfig(min_seconds=5)))
    done = push(place, access, title)
    quick, slow = api.tasks(done.project)
    mine = api.judge(quick, "accept", lead_time=1)
    api.judge(slow, "accept", lead_time=6)
    assert pull(place, access, title)[0].open == 0
    before = [task["annotations"] for task in api.tasks(done.project)]
    push(place, access, title)
    assert [(task["overlap"], task["is_labeled"]) for task in api.tasks(done.project)] == [(2, False), (1, True)]
    assert [task["annotations"] for task in api.tasks(done.project)] == before, "what people did stays as it was"
    with signed_up(access, f"{uuid.uuid4().hex}@annotators.example", uuid.uuid4().hex) as person:
        asked = person.get(f"/api/projects/{done.project}/next").json()
        assert asked["id"] == quick["id"]
    assert pull(place, access, title)[0].open == 1
    assert push(place, access, title).unchanged == 2, "and it stays so"
    api.call("PATCH", f"/api/annotations/{mine['id']}/", json={"result": mine["result"], "lead_time": 9})
    pull(place, access, title)
    push(place, access, title)
    assert [(task["overlap"], task["is_labeled"]) for task in api.tasks(done.project)] == [(1, True)] * 2


def test_content_that_comes_back_finds_its_former_task(
    workspace: Make, access: Access, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The texts of a sample change and change back; its first task was skipped, so it stayed."""
    place, api = workspace(films(1)), Api(access)
    done = push(place, access, title)
    (task,) = api.tasks(done.project)
    api.judge(task, None, was_cancelled=True)
    with services_of(place) as services, closing(services.ledger):
        video = sample(services.ledger, "film-000").video
    monkeypatch.setattr(workspaces, "stored_video", lambda services, film: video)  # an encoder may give other bytes
    for word, added in (("second", 1), ("first", 0), ("first", 0)):
        with services_of(place) as services, closing(services.ledger):
            add_films(services, films(1, word))
        again = push(place, access, title)
        assert again.added == added
    assert [left["id"] for left in api.tasks(done.project)] == [task["id"]]


def test_a_server_that_gives_short_pages_is_read_to_the_end(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(5)), Api(access)
    with proxy(access.url) as before:
        before.longest_page = 2
        through = access.model_copy(update={"url": before.url})
        done = push(place, through, title)
        again = push(place, through, title, check=True)
        assert (again.added, again.unchanged) == (0, 5)
        for task in api.tasks(done.project):
            api.judge(task, "accept")
        assert pull(place, through, title)[0].new == 5


def test_a_task_without_its_prediction_is_made_anew(workspace: Make, access: Access, title: str) -> None:
    """When several imports run at once, the server makes tasks without predictions at times."""
    place, api = workspace(films(3)), Api(access)
    done = push(place, access, title)
    whole, broken, judged = api.tasks(done.project)
    for task in (broken, judged):
        api.call("DELETE", f"/api/tasks/{task['id']}/")
        api.call("POST", f"/api/projects/{done.project}/import", json=[{"data": task["data"]}])
    _, _, twin = api.tasks(done.project)
    api.call("POST", f"/api/tasks/{twin['id']}/annotations/", json={"result": [], "lead_time": 1})
    again = push(place, access, title)
    assert (again.added, again.unchanged) == (1, 2)
    tasks = {task["data"]["sample_id"]: task for task in api.tasks(done.project)}
    assert len(tasks["film-001"]["predictions"]) == 1 and tasks["film-002"]["id"] == twin["id"]
    assert len(api.tasks(done.project)) == 3 and tasks["film-000"]["id"] == whole["id"]


def test_two_pushes_at_once_leave_one_whole_task_of_each_sample(workspace: Make, access: Access, title: str) -> None:
    """Two machines with a copy of the workspace each push at once: the lock of one folder keeps neither out."""
    places = [workspace(films(12), "one"), workspace([], "two")]
    shutil.rmtree(places[1].root)
    shutil.copytree(places[0].root, places[1].root, symlinks=True)
    done = push(workspace([], "none"), access, title)  # the project exists

    def pushed(place: Workspace) -> None:
        with suppress(RunStopped):  # the server can make tasks without predictions; then a push says: push again
            push(place, access, title)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(pushed, places))
    for place in places:
        again = push(place, access, title)
        assert again.added + again.unchanged == 12
    assert again.added == 0
    tasks = Api(access).tasks(done.project)
    assert Counter(task["data"]["sample_id"] for task in tasks) == Counter(film.name for film in films(12))
    assert {len(task["predictions"]) for task in tasks} == {1}


def test_an_interface_that_was_changed_by_hand_stays(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(1)), Api(access)
    done = push(place, access, title)
    theirs = interface().replace(
        f'<TextArea name="{NAMES.comment}"', f'<TextArea name="mood" toName="video"/><TextArea name="{NAMES.comment}"'
    )
    api.call("PATCH", f"/api/projects/{done.project}/", json={"label_config": theirs})
    again = push(place, access, title)
    assert "changed by hand" in again.notes[0]
    assert api.call("GET", f"/api/projects/{done.project}/")["label_config"] == theirs
    (task,) = api.tasks(done.project)
    mood = {"from_name": "mood", "to_name": "video", "type": "textarea", "value": {"text": ["happy"]}}
    api.judge(task, "accept", mood)
    result, (verdict,) = pull(place, access, title)
    assert verdict.decision == "accept" and verdict.problems == ('unknown field mood: {"text": ["happy"]}',)
    assert "changed by hand" in result.notes[0]
    (kept,) = (place.root / "review" / "unclear").iterdir()
    assert '"happy"' in kept.read_text(encoding="utf-8")


def test_a_project_of_somebody_else_is_not_taken(workspace: Make, access: Access, title: str) -> None:
    Api(access).call("POST", "/api/projects/", json={"title": title})
    with pytest.raises(ConfigError, match="choose another --project"):
        push(workspace(films(1)), access, title)


def test_a_sample_whose_video_is_gone_stops_no_other(workspace: Make, access: Access, title: str) -> None:
    place = workspace([*films(1), Film("gone", {0: "Gone."}, seconds=5, seed=9)])
    with services_of(place) as services, closing(services.ledger):
        video = sample(services.ledger, "gone").video
        services.store.path("videos", video.sha256, video.extension).unlink()
    done = push(place, access, title)
    assert done.added == 1 and [name for name, _ in done.failed] == ["gone"]
