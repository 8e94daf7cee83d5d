"""The project's list of tasks: a tab that shows the columns which people read, and not the data of the screen."""

from __future__ import annotations

from typing import Any, Final

from annotation.label_studio.client import LabelStudio

TITLE: Final = "Samples"
_DATA: Final = ("video", "captions", "content_sha256", "interface", "fps", "sampled_fps", "sampled_frames", "frames")
_SERVER: Final = (
    "inner_id",
    "total_predictions",
    "annotations_results",
    "annotations_ids",
    "predictions_score",
    "predictions_model_versions",
    "predictions_results",
    "file_upload",
    "storage_filename",
    "created_at",
    "updated_at",
    "updated_by",
    "avg_lead_time",
    "draft_exists",
)
_HIDDEN: Final = [*(f"tasks:data.{name}" for name in (*_DATA, "pictures")), *(f"tasks:{name}" for name in _SERVER)]
_WIDTHS: Final = {"title": 220, "sample_id": 120, "stratum": 100, "summary": 420}
_BESIDE_A_TASK: Final = ("data.sample_id", "data.stratum", "data.summary", "completed_at", "cancelled_annotations")


def add_list(server: LabelStudio, project: int) -> None:
    """Give the project our tab of the list of tasks, unless it has one: people may then change or remove columns."""
    if TITLE not in server.tabs(project):
        server.add_tab(project, tab())


def tab() -> dict[str, Any]:
    """The tab as the server stores it."""
    return {
        "title": TITLE,
        "type": "list",
        "target": "tasks",
        "hiddenColumns": {
            "explore": _HIDDEN,
            "labeling": [*_HIDDEN, *(f"tasks:{name}" for name in (*_BESIDE_A_TASK, "annotators"))],
        },
        "columnsWidth": {f"tasks:data.{name}": width for name, width in _WIDTHS.items()},
        "columnsDisplayType": {},
        "gridWidth": 4,
    }
