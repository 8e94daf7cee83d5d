"""A person's fix on the demo, from the annotation on the screen to two releases."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from annotation.label_studio.interface import NAMES
from annotation.pull.read_annotation import read_annotation
from annotation.push.media import Shown
from annotation.push.task import build_task
from curation.pipeline.services import open_services
from curation.review.content_hash import content_sha256
from curation.review.verdict_store import Reviews
from curation.status.standings import samples
from curation.workspace import Workspace
from prompts import load
from schemas.records import Sample
from schemas.temporal import format_seconds
from tests.runs import in_process

pytestmark = [pytest.mark.slow, pytest.mark.prefect]
PERSON, CAPTION, ENDING = "annotator-7f3a", "A person saw this and wrote it down.", " A person added this."


def annotated(sample: Sample) -> dict[str, Any]:
    """A task of the sample, and what the screen sends when its first caption and its summary were corrected."""
    pictures = {index: f"/frames/{index}.jpg" for index in sample.extract.keyframes}
    task = build_task(sample, content_sha256(sample), "random", Shown("/video.mp4", pictures), None) | {"id": 1}
    result = json.loads(json.dumps(task["predictions"][0]["result"]))
    first = next(item for item in result if item["from_name"] == NAMES.captions and item["value"]["start"] == "0")
    first["value"]["text"] = [CAPTION]
    summary = next(item for item in result if item["from_name"] == NAMES.summary)
    summary["value"]["text"] = [summary["value"]["text"][0] + ENDING]
    decision = {"from_name": NAMES.decision, "to_name": NAMES.video, "type": "choices", "value": {"choices": ["fix"]}}
    annotation = {
        "id": 2,
        "unique_id": "d4",
        "result": [*result, decision],
        "lead_time": 40.5,
        "updated_at": "2026-11-02T03:04:05.678901Z",
    }
    return {"task": task, "annotation": annotation}


def rows(root: Path, version: str, configuration: str) -> list[dict[str, Any]]:
    paths = sorted((root / "releases" / version / configuration).glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.fixture(scope="module")
def released(undisturbed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sample]:
    """The demo's workspace, released before and after somebody corrected a sample; and that sample as it was."""
    root = tmp_path_factory.mktemp("fixed") / "w"
    shutil.copytree(undisturbed, root)
    before = in_process("release", root, "0.1.0")
    assert before.returncode == 0, before.stderr
    with open_services(Workspace(root)) as services:
        sample = next(samples(services.view))
        verdict = read_annotation(**annotated(sample), project="p" * 32, annotator=PERSON)
        assert verdict.problems == ()
        assert Reviews(services.ledger).store([verdict]) == 1
    after = in_process("release", root, "0.2.0")
    assert after.returncode == 0, after.stderr
    return root, sample


def test_a_fix_is_a_preference_with_its_person_and_its_prompt(released: tuple[Path, Sample]) -> None:
    root, sample = released
    assert rows(root, "0.1.0", "preferences") == [], "nobody had said anything"
    caption, summary = rows(root, "0.2.0", "preferences")
    index = sample.extract.keyframes[0]
    made = next(one for one in sample.captions.captions if one.index == index)
    assert (caption["id"], caption["kind"], caption["index"]) == (sample.video.id, "caption", index)
    assert caption["prompt"] == [{"role": "user", "content": load("caption-tiny.v1").render()}]
    assert caption["chosen"] == [{"role": "assistant", "content": CAPTION}]
    assert caption["rejected"] == [{"role": "assistant", "content": made.text}]
    assert caption["prompt_asked"] == (made.reused_from is None) and len(caption["images"]) == 1
    assert (summary["kind"], summary["model"]) == ("summary", sample.summary.maker.model)
    for row in (caption, summary):
        assert (row["annotator"], row["verdict"], row["applied"], row["review_status"]) == (
            PERSON,
            "fix",
            True,
            "fixed",
        )
    texts = {name: json.loads(summary[name][0]["content"])["sentences"] for name in ("chosen", "rejected")}
    assert [one["text"] for one in texts["rejected"]] == [one.text for one in sample.summary.v2vt]
    assert texts["chosen"][-1]["text"] == texts["rejected"][-1]["text"] + ENDING


def test_a_fix_is_in_the_row_that_is_published_and_in_no_other(released: tuple[Path, Sample]) -> None:
    root, sample = released
    before, after = ({row["id"]: row for row in rows(root, version, "full")} for version in ("0.1.0", "0.2.0"))
    assert before.keys() == after.keys() and len(after) > 1
    assert [name for name in after if after[name] != before[name]] == [sample.video.id]
    row, index = after[sample.video.id], sample.extract.keyframes[0]
    assert before[sample.video.id]["review"]["status"] == "unreviewed"
    assert (row["review"]["status"], row["review"]["editor"]) == ("fixed", PERSON)
    assert row["review"]["captions_edited"] == [index] and row["review"]["summary_edited"]
    assert row["keyframes"][0]["caption"] == CAPTION
    assert row["summary"]["v2vt_seconds"] == format_seconds(sample.summary.v2vt) + ENDING
    assert row["split"] == before[sample.video.id]["split"], "splits are frozen"


def test_a_fix_is_the_only_difference_of_the_two_releases_and_a_person_its_cause(released: tuple[Path, Sample]) -> None:
    root, sample = released
    done = in_process("diff", root, "0.1.0", "0.2.0", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["added"], found["removed"]) == ([], [])
    (changed,) = found["changed"]
    assert (changed["id"], changed["cause"]) == (sample.video.id, "person")
    assert {name.split(".")[0] for name in changed["fields"]} >= {"captions", "keyframes", "review", "summary"}
    assert [one["cause"] for one in changed["causes"]] == ["person"] * len(changed["causes"])
    assert "person" in (root / "releases" / "0.2.0" / "CHANGES.md").read_text()
