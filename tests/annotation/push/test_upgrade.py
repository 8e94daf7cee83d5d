"""A project of the first version of the screen gets this version's at the next push, and loses no verdict."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.interface import NAMES, VERSION, interface
from annotation.push.keyframes import keyframe_region
from annotation.push.upgrade import new_data, new_result
from curation.workspace import Workspace
from schemas.errors import ConfigError
from tests.annotation.people import Api, choices, pull, push, textarea
from tests.annotation.workspaces import Film

Make = Callable[..., Workspace]
FIRST = """<View>
  <Video name="video" value="$video" frameRate="$fps" sync="player"/>
  <TimelineLabels name="segments" toName="video">
    <Label value="Keyframe"/><Label value="Missed keyframe"/></TimelineLabels>
  <Paragraphs name="script" value="$captions" audioUrl="$video" layout="dialogue" nameKey="t" textKey="text"/>
  <Choices name="decision" toName="video">
    <Choice value="accept"/><Choice value="fix"/><Choice value="reject"/></Choices>
  <Choices name="reasons" toName="video" choice="multiple"><Choice value="hallucinated"/></Choices>
  <Rating name="rating" toName="video"/><TextArea name="summary" toName="video"/>
  <Repeater on="$frames" indexFlag="{{idx}}">
    <View><HyperText name="frame_{{idx}}" value="$frames[{{idx}}].html" inline="true"/>
      <TextArea name="caption_{{idx}}" toName="frame_{{idx}}" editable="true" maxSubmissions="1"/>
      <Choices name="judged_{{idx}}" toName="frame_{{idx}}"><Choice value="ok"/><Choice value="drop"/></Choices></View>
  </Repeater>
  <TextArea name="missed" toName="video"/><TextArea name="comment" toName="video"/>
</View>"""


def earlier(task: dict[str, Any]) -> dict[str, Any]:
    """A task of this version as the first version made it."""
    data, (prediction,) = task["data"], task["predictions"]
    kept = {name: value for name, value in data.items() if name not in ("title", "pictures")}
    pictures = [f"{part}</figure>" for part in data["pictures"].split("</figure>")[:-1]]
    frames = [frame | {"html": html} for frame, html in zip(data["frames"], pictures, strict=True)]
    lines = [line | {"start": frame["time"]} for line, frame in zip(data["captions"], frames, strict=True)]
    result = [item for item in prediction["result"] if item["from_name"] not in (NAMES.marks, NAMES.captions)]
    result += [textarea(f"caption_{n}", f"frame_{n}", frame["caption"]) for n, frame in enumerate(frames)]
    old = kept | {"interface": 1, "frames": frames, "captions": lines}
    return {"data": old, "predictions": [{"model_version": prediction["model_version"], "result": result}]}


def first_version(api: Api, title: str, tasks: list[dict[str, Any]], screen: str = FIRST) -> int:
    """Make a project as the first version of this program left it; returns its number."""
    digest = hashlib.sha256(" ".join(FIRST.split()).encode()).hexdigest()[:16]
    fields = {
        "title": title,
        "label_config": screen,
        "description": f"v2xum review {uuid.uuid4().hex} interface {digest}",
        "show_instruction": True,
    }
    number = int(api.call("POST", "/api/projects/", json=fields)["id"])
    api.call("POST", f"/api/projects/{number}/import", json=[earlier(task) for task in tasks])
    return number


@pytest.mark.slow
@pytest.mark.labelstudio
def test_a_project_of_the_first_version_goes_on(workspace: Make, access: Access, title: str) -> None:
    place, api = (
        workspace([Film("a", {0: "One.", 2: "Two."}, seconds=4), Film("b", {1: "Three."}, seconds=4)]),
        Api(access),
    )
    made = api.tasks(push(place, access, f"{title} new").project)
    number = first_version(api, title, made)
    judged, _ = api.tasks(number)
    dropped = choices(f"{NAMES.judged}1", f"{NAMES.frame}1", "drop")
    api.judge(judged, "fix", dropped)

    done = push(place, access, title)
    assert (done.project, done.added, done.unchanged) == (number, 0, 2)
    assert "2 tasks of an earlier version" in done.notes[0]
    project = api.call("GET", f"/api/projects/{number}/")
    assert project["label_config"] == interface() and not project["show_instruction"]
    for before, after in zip(made, api.tasks(number), strict=True):
        assert after["data"] == before["data"] | {"title": before["data"]["sample_id"]}
        (prediction,) = after["predictions"]
        regions = [part for part in prediction["result"] if part["to_name"] == NAMES.script]
        captions = [frame["caption"] for frame in before["data"]["frames"]]
        assert regions == [part for n, caption in enumerate(captions) for part in keyframe_region(n, caption)]
        assert not any(part["from_name"].startswith(NAMES.caption) for part in prediction["result"])

    _, (verdict,) = pull(place, access, title)
    assert (verdict.decision, verdict.problems) == ("fix", ())
    assert [(one.judged, one.changed) for one in verdict.keyframes] == [(None, False), ("drop", False)]
    again = push(place, access, title)
    assert (again.added, again.unchanged, again.notes) == (0, 2, ())


@pytest.mark.slow
@pytest.mark.labelstudio
def test_an_earlier_screen_that_was_changed_by_hand_is_refused(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace([Film("a", {0: "One."}, seconds=4)]), Api(access)
    made = api.tasks(push(place, access, f"{title} new").project)
    theirs = FIRST.replace('name="comment"', 'name="mood"')
    number = first_version(api, title, made, theirs)
    with pytest.raises(ConfigError, match=r"changed by hand.*another --project"):
        push(place, access, title)
    assert api.call("GET", f"/api/projects/{number}/")["label_config"] == theirs


@pytest.mark.slow
@pytest.mark.labelstudio
def test_an_interrupted_upgrade_is_finished(workspace: Make, access: Access, title: str) -> None:
    """The screen was changed, one task too, and then the push was killed."""
    place, api = workspace([Film("a", {0: "One."}, seconds=4), Film("b", {1: "Two."}, seconds=4)]), Api(access)
    made = api.tasks(push(place, access, f"{title} new").project)
    number = first_version(api, title, made)
    api.call("PATCH", f"/api/projects/{number}/", json={"label_config": interface()})
    first, _ = api.tasks(number)
    api.call("PATCH", f"/api/tasks/{first['id']}/", json={"data": made[0]["data"]})
    done = push(place, access, title)
    assert "1 tasks of an earlier version" in done.notes[0]
    assert [task["data"]["interface"] for task in api.tasks(number)] == [VERSION, VERSION]
    assert push(place, access, title).notes == ()


@pytest.mark.parametrize(
    "data",
    [
        None,
        {},
        {"sample_id": "a", "content_sha256": "b", "stratum": "random"},
        {"sample_id": "a", "content_sha256": "b", "stratum": "random", "interface": 1, "fps": 0, "frames": [3]},
        {"sample_id": "a", "content_sha256": "b", "stratum": "random", "interface": VERSION},
    ],
)
def test_what_this_program_did_not_make_stays(data: object) -> None:
    assert new_data(data) is None


def test_a_second_upgrade_of_a_prediction_changes_nothing() -> None:
    data = {"frames": [{"caption": "One."}, {"caption": ""}]}
    once = new_result(data, [textarea("summary", "video", "x"), textarea("caption_0", "frame_0", "One.")])
    assert new_result(data, once) == once and len(once) == 6
