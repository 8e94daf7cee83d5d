"""The narrated films and their site: the real downloader brings the subtitles, and the transcript is what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.pipeline.services import open_services
from curation.text.transcribe.subtitles import transcript_of
from curation.workspace import Workspace
from demo.films import Film
from demo.narrated_films import EXCHANGED, PAGES, build_site, exchanged, narrated_films
from demo.site import serve, video_page
from demo.spoken import with_narrator
from demo.world import make_script
from schemas.configuration.loading import load_config
from schemas.records import Origin, Source
from schemas.repository import ROOT


def test_every_film_has_a_narrator_and_a_script_of_its_own() -> None:
    films = narrated_films(40)
    assert films[:3] == narrated_films(3)
    assert len({film.script.seed for film in films}) == len({film.id for film in films}) == 40
    assert {film.script.duration for film in films} <= set(range(60, 91))
    assert all(len(film.script.lines) >= 4 for film in films)
    with pytest.raises(ValueError, match="two or more"):
        narrated_films(1)


def test_lines_of_another_film_keep_the_times_of_its_own() -> None:
    one, other = (film.script for film in narrated_films(2))
    made = exchanged(one, other)
    assert [(line.start, line.end) for line in made] == [(line.start, line.end) for line in one.lines]
    assert {line.text for line in made} <= {line.text for line in other.lines}
    assert exchanged(one, make_script(1)) == ()


def test_a_page_without_subtitles_is_that_of_the_demo() -> None:
    page = '<!doctype html><title>Demo video 2</title><video controls src="demo-02.mp4"></video>\n'
    assert video_page("Demo video 2", "demo-02.mp4") == page
    hostile = video_page("<b>", '"><script>', '"><script>')
    assert "<b>" not in hostile and "<script>" not in hostile


@pytest.mark.slow
def test_the_transcript_of_a_downloaded_film_is_what_its_narrator_says(tmp_path: Path) -> None:
    films = [Film(f"told-{number}", with_narrator(make_script(number, 40))) for number in range(2)]
    build_site(tmp_path / "site", films, workers=1)
    config = load_config(ROOT / "configs" / "demo.yaml", ["download.subtitles=[en]", "transcribe.mode=publisher"])
    lines = {PAGES: films[0].script.lines, EXCHANGED: exchanged(films[0].script, films[1].script)}
    with serve(tmp_path / "site") as base, open_services(Workspace(tmp_path / "w"), config) as services:
        for place, said in lines.items():
            origin = Origin(list_name="site", row=0)
            video = services.fetch(Source(id="a", kind="url", uri=f"{base}/{place}told-0.html", origin=origin))
            assert [(track.language, track.automatic, track.format) for track in video.subtitles] == [
                ("en", False, "vtt")
            ]
            found = transcript_of(
                video, lambda one: services.store.path("subtitles", one.sha256, "vtt").read_bytes(), config.transcribe
            )
            assert [(one.start, one.end, one.text) for one in found.segments] == [
                (line.start, line.end, line.text) for line in said
            ]
            assert found.reason is None and not found.dropped
