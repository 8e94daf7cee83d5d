"""Transcripts with gaps: found by their reason, forgotten by `v2xum retry`, and due again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation.report.overview import Overview
from curation.report.summary import sum_up
from curation.status.lost_speech import CLASSES, lost_speech
from curation.status.standings import Standings
from schemas.meanings.stage_reasons import TRANSCRIPTS
from schemas.parts.transcript import DroppedSegment, SpokenSegment, Transcript
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.release.diff.test_causes import opened
from tests.curation.samples import make_sample
from tests.runs import in_process

ON = ("download.subtitles=[en]", "transcribe.mode=publisher")
LINE = SpokenSegment(start=Seconds(1.0), end=Seconds(2.0), text='He said "not_recognised".')
GAP = DroppedSegment(start=Seconds(3.0), end=Seconds(9.0), text="", reason="piece_unanswered")
HEARD = {
    "a": Transcript(source="recognised", segments=(LINE,)),
    "b": Transcript(source="recognised", segments=(LINE,), dropped=(GAP,)),
    "c": Transcript(reason="not_recognised"),
    "d": Transcript(reason="unreadable_sound"),
    "e": Transcript(reason="no_subtitles"),
    "f": Transcript(reason="subtitles_missed"),
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    samples = [make_sample(name).model_copy(update={"transcript": heard}) for name, heard in HEARD.items()]
    with finished(tmp_path / "w", samples, *ON) as (workspace, services):
        found = {place.id: (place.reason, place.error_class) for place in lost_speech(services.ledger)}
        assert found == {
            "b": ("piece_unanswered", "transient"),
            "c": ("not_recognised", "transient"),
            "d": ("unreadable_sound", "permanent"),
            "f": ("subtitles_missed", "transient"),
        }
    return workspace.root


def due(place: Path) -> dict[str, str]:
    with opened(place, *ON) as (_, services):
        walk = Standings(services.view).walk()
        return {one.source.id: one.where.stage for one in walk if one.where.stage is not None}


@pytest.mark.parametrize(
    ("words", "told", "again"),
    [
        ((), "0 rejections and 3 transcripts forgotten", {"b": "transcribe", "c": "transcribe", "f": "download"}),
        (("--reason", "unreadable_sound"), "0 rejections and 1 transcript forgotten", {"d": "transcribe"}),
        (("--reason", "subtitles_missed"), "0 rejections and 1 transcript forgotten", {"f": "download"}),
        (
            ("--stage", "transcribe"),
            "0 rejections and 4 transcripts forgotten",
            {**dict.fromkeys("bcd", "transcribe"), "f": "download"},
        ),
        (("c",), "0 rejections and 1 transcript forgotten", {"c": "transcribe"}),
        (("--stage", "caption"), "0 rejections forgotten; nothing that is meant can be tried again\n", {}),
        (("--state", "rejected"), "0 rejections forgotten", {}),
    ],
)
def test_retry_makes_them_due_again(place: Path, words: tuple[str, ...], told: str, again: dict[str, str]) -> None:
    assert due(place) == {}
    done = in_process("retry", place, *words)
    assert done.returncode == 0 and told in done.stdout, done.stderr
    assert due(place) == again


def test_list_finds_them_by_their_reason(place: Path) -> None:
    done = in_process("list", place, "--reason", "not_recognised", "--reason", "piece_unanswered", "--json")
    assert done.returncode == 0, done.stderr
    listed = {row["id"]: (row["state"], row["stage"], row["reason"]) for row in json.loads(done.stdout)["listed"]}
    assert listed == {
        "b": ("sample", "transcribe", "piece_unanswered"),
        "c": ("sample", "transcribe", "not_recognised"),
    }
    assert in_process("list", place, "--reason", "unreadable_subtitles").returncode == 2, "no video has it"
    off = in_process("retry", place, "c")
    assert off.returncode == 0
    assert in_process("list", place, "--reason", "not_recognised").returncode == 2, "it is forgotten"


def test_the_report_counts_them_and_says_what_to_do(place: Path) -> None:
    with opened(place, *ON) as (_, services):
        summary = sum_up(services, Overview(Standings(services.view), services.config.extract), None, None)
    assert summary.transcripts == {
        "recognised": 2,
        **dict.fromkeys(("no_subtitles", "not_recognised", "subtitles_missed", "unreadable_sound"), 1),
    }
    assert summary.transcripts_lost == dict.fromkeys(
        ("not_recognised", "piece_unanswered", "subtitles_missed", "unreadable_sound"), 1
    )
    (found,) = (finding for finding in summary.findings if finding.key == "transcripts")
    assert (found.value, found.state) == (
        "4 of 6 (67%)",
        "look",
    ) and "`v2xum retry WORKSPACE --reason NAME`" in found.why


def test_a_run_without_transcripts_says_nothing_of_them(tmp_path: Path) -> None:
    with finished(tmp_path / "w", [make_sample("a")]) as (_, services):
        summary = sum_up(services, Overview(Standings(services.view), services.config.extract), None, None)
    assert not {"transcripts", "transcripts_lost"} & json.loads(summary.model_dump_json()).keys()


def test_every_reason_is_one_of_a_transcript_and_names_the_command() -> None:
    ways = {reason.slug: reason.do for reason in TRANSCRIPTS.reasons}
    assert all(f"--reason {name}`" in ways[name] for name in CLASSES)
