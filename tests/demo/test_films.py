"""The short films of the training demo: each second of the truth is in the file, and a film that is there stays."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from curation.video.probe import probe
from demo.films import FIRST_SEED, LONGEST, build, films, write_list
from demo.world import MINIMUM_SECONDS


def test_films_are_short_and_each_has_a_script_of_its_own() -> None:
    made = films(40)
    assert {film.script.duration for film in made} == set(range(MINIMUM_SECONDS, LONGEST + 1))
    assert len({film.script.seed for film in made}) == len({film.id for film in made}) == 40
    assert films(3) == made[:3] and made[0].script.seed == FIRST_SEED
    for count in (0, 10_000):
        with pytest.raises(ValueError, match="films"):
            films(count)


@pytest.mark.slow
def test_a_film_is_as_long_as_its_script_and_is_rendered_once(tmp_path: Path) -> None:
    wanted = films(2)
    build(tmp_path, wanted[:1], workers=1)
    first = (tmp_path / wanted[0].file).stat()
    build(tmp_path, wanted, workers=1)
    assert (tmp_path / wanted[0].file).stat().st_mtime_ns == first.st_mtime_ns
    assert sorted(path.name for path in tmp_path.iterdir()) == [film.file for film in wanted]
    for film in wanted:
        found = probe(tmp_path / film.file)
        assert (found.width, found.height) == (160, 120)
        assert found.duration == pytest.approx(film.script.duration, abs=0.1)
    write_list(tmp_path / "films.csv", tmp_path, wanted)
    with (tmp_path / "films.csv").open(newline="") as stream:
        assert [Path(row["url"]).is_file() for row in csv.DictReader(stream)] == [True, True]


@pytest.mark.slow
def test_a_film_without_marks_is_another_film_of_the_same_length(tmp_path: Path) -> None:
    (film,) = films(1)
    for folder, marks in (("marked", True), ("plain", False)):
        build(tmp_path / folder, [film], workers=1, marks=marks)
    marked, plain = (probe(tmp_path / folder / film.file) for folder in ("marked", "plain"))
    assert marked.duration == plain.duration
    assert (tmp_path / "marked" / film.file).read_bytes() != (tmp_path / "plain" / film.file).read_bytes()


@pytest.mark.slow
def test_a_film_has_the_same_bytes_every_time(tmp_path: Path) -> None:
    """Splits follow from the hash of a file; x264 may decide otherwise for the second film of a process."""
    (film,) = films(1)
    build(tmp_path, [film._replace(id=f"copy {number}") for number in range(16)], workers=1)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
