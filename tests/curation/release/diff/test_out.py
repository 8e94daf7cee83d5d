"""Why a video is in one release and not in the other, from what the other one says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation.release.diff.compare import compare_folders
from curation.release.diff.out import Place, Published, causes_of_coming, causes_of_leaving
from curation.release.diff.states import Pair
from schemas.documents.release_diff import Cause
from tests.curation.release.diff.test_changed import states
from tests.curation.release.diff.written import line, out, row, write_release
from tests.curation.samples import sha

DONE = {"download": "d", "filter": "f", "frames": "p", "caption": "c", "extract": "e", "refine": "r"}


def leaving(place: Place, before: Any = None, after: Any = None, **digests: str) -> list[tuple[str, str | None]]:
    pair = Pair(before if before is not None else states(), after if after is not None else states())
    return names(causes_of_leaving(place, Published({**DONE, **digests}, "unreviewed"), pair))


def names(causes: tuple[Cause, ...]) -> list[tuple[str, str | None]]:
    return [(cause.cause, cause.stage) for cause in causes]


def place(stage: str, reason: str, kind: str = "permanent", due: str | None = None, **digests: str) -> Place:
    return Place(out("v", stage, reason, kind), None, line("v", due=due, **digests), knows_all=True)


@pytest.mark.parametrize(
    ("stage", "reason", "kind", "cause"),
    [
        ("review", "wrong_caption", "refused", "person"),
        ("filter", "too_short", "refused", "filter"),
        ("download", "blocked", "refused", "filter"),
        ("download", "duplicate", "permanent", "duplicate"),
        ("download", "private", "permanent", "source gone"),
        ("download", "timeout", "transient", "source unreachable"),
        ("download", "crashed", "poison", "unknown"),
        ("source", "unreadable_row", "permanent", "source gone"),
        ("filter", "opted_out", "refused", "opt-out"),
        ("export", "image_missing", "permanent", "files lost"),
        ("export", "inconsistent_sample", "permanent", "unknown"),
        ("audit", "unsupported", "refused", "filter"),
        ("caption", "too_many_failed", "permanent", "unknown"),
        ("toy", "anything", "permanent", "unknown"),
    ],
)
def test_the_reason_of_the_rejection_is_the_cause(stage: str, reason: str, kind: str, cause: str) -> None:
    assert leaving(place(stage, reason, kind)) == [(cause, stage)]


def test_what_differs_at_the_stage_that_failed_is_the_cause() -> None:
    failed = place("caption", "too_many_failed", download="d", filter="f", frames="p")
    assert leaving(failed, after=states(caption={"prompt": sha("p")})) == [("prompt", "caption")]
    assert leaving(failed, after=states(caption={"limits": {"caption.max_failed": "0.1"}})) == [("filter", "caption")]
    assert leaving(failed, after=states(refine={"prompt": sha("p")})) == [("unknown", "caption")], "a later stage"


def test_the_root_is_the_first_stage_at_which_it_took_another_way() -> None:
    unsupported = place("audit", "unsupported", "refused", **{**DONE, "refine": "other"})
    assert leaving(unsupported, after=states(refine={"prompt": sha("p")})) == [
        ("prompt", "refine"),
        ("filter", "audit"),
    ]
    licence = place("filter", "licence", "refused", download="other")
    assert leaving(licence) == [("source changed", "download"), ("filter", "filter")]


def test_unfinished_videos_and_videos_that_nobody_names() -> None:
    waits = Place(None, None, line("v", due="refine", **{**DONE, "refine": ""}), knows_all=True)
    assert leaving(waits._replace(lineage={**line("v", due="refine"), **DONE, "refine": None})) == [
        ("unfinished", "refine")
    ]
    due = waits._replace(lineage={**line("v", due="refine"), **DONE, "refine": None})
    assert leaving(due, after=states(refine={"version": 2})) == [("code", "refine"), ("unfinished", "refine")]
    assert leaving(Place(knows_all=True)) == leaving(Place()) == [("unknown", None)]


def test_tombstones_say_that_a_source_is_gone() -> None:
    assert leaving(Place(tombstone={"id": "v", "reason": "private", "date": "2026-11-30"})) == [
        ("source gone", "download")
    ]
    assert leaving(Place(tombstone={"id": "v", "reason": "opted_out"})) == [("opt-out", "download")]
    assert leaving(Place(tombstone={"id": "v", "reason": "licence_changed"})) == [("source changed", "download")]


def test_a_row_that_comes_has_the_cause_for_which_it_was_not_there() -> None:
    def coming(place: Place, status: str = "unreviewed", **after: Any) -> list[tuple[str, str | None]]:
        return names(causes_of_coming(place, Published(DONE, status), Pair(states(), states(**after))))

    assert coming(Place(knows_all=True)) == [("new source", None)]
    assert coming(Place()) == [("unknown", None)], "a release without lineage does not name unfinished videos"
    assert coming(place("download", "private")) == [("source back", "download")]
    assert coming(place("audit", "awaits_review", "refused", **DONE), "accepted") == [("person", "audit")]
    assert coming(place("audit", "awaits_review", "refused", **DONE)) == [("filter", "audit")]
    assert coming(place("caption", "too_many_failed"), caption={"models": sha("m")}) == [("model", "caption")]


def test_releases_of_before_lineage_are_read_with_what_they_have(tmp_path: Path) -> None:
    a = write_release(tmp_path / "a", [row("v1"), row("v2"), row("v3")])
    b = write_release(tmp_path / "b", [row("v3")], rejections=[out("v1", "filter", "too_long", "refused", "951 s")])
    found = compare_folders(a, b).diff
    assert names(found.causes["v1"]) == [("filter", "filter")] and found.causes["v1"][0].detail == "too_long: 951 s"
    assert names(found.causes["v2"]) == [("unknown", None)]
    back = compare_folders(b, a).diff
    assert (names(back.causes["v1"]), names(back.causes["v2"])) == ([("filter", "filter")], [("unknown", None)])


def test_lineage_tells_a_new_video_from_an_unfinished_one(tmp_path: Path) -> None:
    a = write_release(
        tmp_path / "a", [row("v1")], lineage=[line("v1", "train", **DONE), line("v2", due="refine", download="d")]
    )
    b = write_release(tmp_path / "b", [row("v1"), row("v2"), row("v3")])
    found = compare_folders(a, b).diff
    assert names(found.causes["v2"]) == [("unfinished", "refine")]
    assert names(found.causes["v3"]) == [("new source", None)]
