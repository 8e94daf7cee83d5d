"""Short films with a narrator, and their web site: a page for each film, with subtitles that tell what is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from curation.store.files import write_whole
from demo.films import Film, build
from demo.site import video_page
from demo.spoken import webvtt, with_narrator
from demo.world import Script, SpokenLine, make_script

FIRST_SEED = 90_000_001  # no checkpoint was trained on or chosen by scripts near it
SHORTEST, LONGEST = 60, 90  # seconds
PAGES, EXCHANGED = ("", "exchanged/")  # folders of a site: pages with a film's own lines, and with another film's


def narrated_films(count: int) -> list[Film]:
    """The first `count` films. Raises ValueError for fewer than two: each gets the lines of another one too."""
    if count < 2:
        raise ValueError(f"{count} films: there must be two or more")
    lengths = LONGEST - SHORTEST + 1
    return [
        Film(f"told-{number:04d}", with_narrator(make_script(FIRST_SEED + number, SHORTEST + number * 8 % lengths)))
        for number in range(count)
    ]


def build_site(folder: Path, films: Sequence[Film], workers: int = 2) -> None:
    """Render the films that `folder` does not have yet, and write the pages and subtitles of all."""
    build(folder, films, workers)
    (folder / EXCHANGED).mkdir(exist_ok=True)
    for film, other in zip(films, [*films[1:], films[0]], strict=True):
        for place, lines in ((PAGES, film.script.lines), (EXCHANGED, exchanged(film.script, other.script))):
            video = "../" * place.count("/") + film.file
            write_whole(folder / f"{place}{film.id}.vtt", webvtt(lines))
            write_whole(folder / f"{place}{film.id}.html", video_page(f"Demo {film.id}", video, f"{film.id}.vtt"))


def exchanged(script: Script, other: Script) -> tuple[SpokenLine, ...]:
    """The lines of another script at the times of this one: as much is said, at the same times, and nothing is true."""
    texts = cycle(line.text for line in other.lines)
    return tuple(replace(line, text=text) for line, text in zip(script.lines, texts, strict=False))
