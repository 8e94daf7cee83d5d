"""Brings a project that an earlier version made to this version's screen: the screen, the tasks, and the predictions.

Annotations stay as they are; `review pull` reads those of both versions. The project's description names the new screen
last, so after an interruption the next push does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from annotation.label_studio.client import LabelStudio
from annotation.label_studio.interface import NAMES, VERSION
from annotation.label_studio.project import OwnProject, finish_interface, update_interface
from annotation.label_studio.task_list import add_list
from annotation.push.keyframes import caption_lines, empty_texts, keyframe_region
from annotation.push.task import task_key

_UPGRADED = (
    "{} tasks of an earlier version have this version's screen now; annotations that were made before are read as "
    "before, but do not open them again: the new screen does not show their marks"
)


def upgrade(
    server: LabelStudio, own: OwnProject, report_progress: Callable[[str], None], *, spoken: bool = False
) -> tuple[OwnProject, str | None]:
    """Give the project this version's screen, unless somebody changed its screen by hand.

    `spoken`: the screen shows transcripts, though not in the tasks that are there. Returns the project as it is
    afterwards, and a text for the user when tasks were changed. Raises ConfigError when the screen is an earlier
    version's that was changed by hand.
    """
    if not update_interface(server, own, spoken=spoken):
        return own, None
    count = 0
    for task in server.tasks(own.project.id, whole=True):
        new = new_data(task.get("data"))
        if new is None:
            continue
        for prediction in task.get("predictions") or ():
            server.update_prediction(int(prediction["id"]), new_result(new, prediction.get("result") or []))
        server.update_task(int(task["id"]), new)  # last: it says that the task is finished
        count += 1
        if count % 100 == 0:
            report_progress(f"{count} tasks of an earlier version changed")
    add_list(server, own.project.id)
    return finish_interface(server, own, spoken=spoken), _UPGRADED.format(count) if count else None


def new_data(data: Any) -> dict[str, Any] | None:
    """A task's data for this version; None for those that have it already, or that this program did not make."""
    if task_key(data) is None:
        return None
    try:
        if int(data["interface"]) >= VERSION:
            return None
        fps = float(data["fps"])
        frames = [{name: frame[name] for name in ("index", "time", "caption")} for frame in data["frames"]]
        end = int(data["sampled_frames"]) / float(data["sampled_fps"])
        captions = caption_lines([(float(frame["time"]), frame["caption"]) for frame in frames], fps, end)
        pictures = "".join(str(frame["html"]) for frame in data["frames"])
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None
    named = {"title": data["sample_id"], **data}
    return {**named, "interface": VERSION, "captions": captions, "frames": frames, "pictures": pictures}


def new_result(data: Mapping[str, Any], result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A prediction's result for this version: regions over the captions instead of a text beside each picture."""
    ours = (NAMES.marks, NAMES.captions, NAMES.missed, NAMES.comment)
    kept = [item for item in result if not str(item.get("from_name")).startswith((NAMES.caption, NAMES.judged))]
    kept = [item for item in kept if item.get("from_name") not in ours] + empty_texts()
    for place, frame in enumerate(data["frames"]):
        kept += keyframe_region(place, frame["caption"])
    return kept
