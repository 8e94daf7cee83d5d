"""Subtitles of one's own films, as their users have them: a file beside one, a track in another, changed later."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from demo.render import frames
from demo.world import make_script
from tests.curation.subtitled import TextTrack, subtitled
from tests.runs import CONFIG, command_line

SRT = "1\n00:00:01,000 --> 00:00:02,500\nBeside the film.\n"


def pictures(seed: int) -> Iterator[NDArray[np.uint8]]:
    """Pictures of the demo's world: ten seconds."""
    return (np.asarray(image) for image in islice(frames(make_script(42_000_000 + seed, 40), 5), 50))


def said(workspace: Path) -> dict[str, list[str] | str]:
    """What is said in each film, by its title; the reason where there is nothing."""
    found: dict[str, list[str] | str] = {}
    for file in (workspace / "export").rglob("*.parquet"):
        table = pq.read_table(file)
        if "transcript" in table.column_names:
            for row in table.select(["title", "transcript"]).to_pylist():
                lines = [one["text"] for one in row["transcript"]["segments"]]
                found[row["title"]] = lines or row["transcript"]["reason"]
    return found


@pytest.mark.prefect
@pytest.mark.slow
def test_files_and_tracks_become_transcripts_and_a_changed_file_is_noticed(server: str, tmp_path: Path) -> None:
    films, workspace = tmp_path / "films", tmp_path / "workspace"
    films.mkdir()
    english, german = (
        TextTrack(tag, [(1.0, 2.0, text)]) for tag, text in (("eng", "In the film."), ("ger", "Im Film."))
    )
    subtitled(films / "track.mkv", english, pictures=pictures(1))
    subtitled(films / "file.mkv", german, pictures=pictures(2))
    subtitled(films / "none.mkv", pictures=pictures(3))
    beside = films / "file.en.srt"
    beside.write_text(SRT)

    def curate() -> None:
        settings = (
            *("binding.mode=disable", "filters.duration.mode=score-only", "audit.mode=disable"),
            *("download.subtitles=[en]", "transcribe.mode=publisher"),
        )
        options = [word for one in settings for word in ("--set", one)]
        done = command_line(
            server, "curate", CONFIG, "--source", films, "--workspace", workspace, *options, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr

    curate()
    assert said(workspace) == {"track": ["In the film."], "file": ["Beside the film."], "none": "no_subtitles"}
    beside.write_text(SRT.replace("Beside", "Later beside"))
    beside.replace(films / "file.eng.srt")
    (films / "none.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nNo name of a language.\n")
    curate()
    assert said(workspace) == {
        "track": ["In the film."],
        "file": ["Later beside the film."],
        "none": ["No name of a language."],
    }
