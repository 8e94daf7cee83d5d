"""Subtitles beside local videos: found by their names, for the right video, and never outside of the folder."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from curation.sources.read import read_sources
from curation.sources.subtitle_files import SubtitleFiles, made_by_a_machine
from schemas.configuration.config import SourceSpec
from schemas.records import Rejection, Source


def names(folder: Path, video: str, *languages: str, spoken: str | None = None) -> list[tuple[str, str]]:
    found = SubtitleFiles(languages or ("en",)).beside(str(folder / video), spoken=spoken)
    assert all(Path(one.path).parent == folder.resolve() for one in found)
    return [(Path(one.path).name, one.language) for one in found]


def touch(folder: Path, *files: str) -> Path:
    for name in files:
        (folder / name).write_text("x")
    return folder


@pytest.mark.parametrize(
    ("file", "language"),
    [
        ("film.srt", "und"),
        ("film.VTT", "und"),
        ("film.en.srt", "en"),
        ("film.EN.vtt", "EN"),
        ("film.eng.json3", "eng"),
        ("film.en-US.vtt", "en-US"),
        ("film.en_US.vtt", "en-US"),
        ("film.en-orig.vtt", "en-orig"),
        ("film.en.sdh.srt", "en"),
        ("film.en.hi.srt", "en"),
        ("film.default.en.srt", "en"),
        ("film.mp4.srt", "und"),
        ("film.mp4.en.srt", "en"),
        ("film.und.srt", "und"),
    ],
)
def test_the_names_that_people_and_programs_give(tmp_path: Path, file: str, language: str) -> None:
    touch(tmp_path, "film.mp4", file)
    assert names(tmp_path, "film.mp4") == [(file, language)]


@pytest.mark.parametrize(
    "file",
    ["film.en.forced.srt", "film.forced.srt", "film.v2.srt", "film.de.srt", "film.hi.srt", "film.en.ass", "film.en.txt",
     "film2.en.srt", "films.srt", ".film.en.srt", "film.en.us.tv.new.cut.srt", "film.en.de.srt"],
)  # fmt: skip
def test_what_is_not_for_this_video_or_not_in_the_language(tmp_path: Path, file: str) -> None:
    touch(tmp_path, "film.mp4", file)
    assert names(tmp_path, "film.mp4") == []


def test_the_best_file_of_each_language_in_the_order_that_is_wanted(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "film.mkv",
        "film.srt",
        "film.en.sdh.vtt",
        "film.en-GB.vtt",
        "film.en.srt",
        "film.ger.vtt",
        "film.de.srt",
    )
    assert names(tmp_path, "film.mkv", "de", "en") == [("film.ger.vtt", "ger"), ("film.en.srt", "en")]
    assert names(tmp_path, "film.mkv", "en-GB", "fr") == [("film.en-GB.vtt", "en-GB")]
    assert names(tmp_path, "film.mkv", "en", "en") == [("film.en.srt", "en")]
    assert names(tmp_path, "film.mkv", "fr") == [("film.srt", "und")], "its language is not known"
    assert names(tmp_path, "film.mkv", "fr", spoken="fre") == [("film.srt", "fre")]
    assert names(tmp_path, "film.mkv", "fr", spoken="de") == [], "it is taken for German"
    assert names(tmp_path, "film.mkv", "fr", spoken="French") == [("film.srt", "und")], "that is no tag of a language"


def test_a_name_with_points_belongs_to_the_video_that_has_most_of_it(tmp_path: Path) -> None:
    touch(tmp_path, "talk.mp4", "talk.no.mp4", "talk.no.srt", "talk.no.en.srt", "talk.en.srt")
    assert names(tmp_path, "talk.mp4", "no", "en") == [("talk.en.srt", "en")]
    assert names(tmp_path, "talk.no.mp4", "no", "en") == [("talk.no.en.srt", "en")]
    (tmp_path / "talk.no.mp4").unlink()
    assert names(tmp_path, "talk.mp4", "no", "en") == [("talk.no.srt", "no"), ("talk.en.srt", "en")]


def test_what_is_no_file_is_left_out_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    touch(tmp_path, "film.mp4")
    (tmp_path / "film.en.srt").mkdir()
    (tmp_path / "film.de.srt").symlink_to(tmp_path / "gone")
    assert names(tmp_path, "film.mp4", "en", "de") == []
    assert "film.en.srt" in caplog.text and "film.de.srt" in caplog.text and caplog.text.count("left out") == 2
    assert SubtitleFiles(["en"]).beside(str(tmp_path / "no folder" / "film.mp4")) == ()


def read(at: Path, *languages: str, **spec: bool) -> dict[str, Source]:
    """The sources of a place by the names of their files."""
    found = [*read_sources(SourceSpec(at=str(at), **spec), base=at.parent, subtitles=languages)]  # type: ignore[arg-type]
    assert not any(isinstance(one, Rejection) for one in found)
    return {Path(one.uri).name: one for one in found if isinstance(one, Source)}


def paths(source: Source) -> list[str]:
    return [one.path for one in source.subtitles or ()]


def test_a_folder_a_list_and_a_single_file_bring_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    (folder / "inside").mkdir(parents=True)
    touch(folder, "a.mp4", "a.en.srt", "b.mp4", "b.de.srt", "inside/c.mp4", "inside/c.srt")
    found = read(folder, "en")
    assert {name: [Path(path).name for path in paths(one)] for name, one in found.items()} == {
        "a.mp4": ["a.en.srt"],
        "b.mp4": [],
        "c.mp4": ["c.srt"],
    }
    listed = tmp_path / "films.csv"
    listed.write_text("path,language\nfilms/inside/c.mp4,de\nfilms/b.mp4,de\nhttps://h.example/v.mp4,de\n")
    of_list = read(listed, "en", "de")
    assert paths(of_list["b.mp4"]) == [str(folder / "b.de.srt")]
    assert of_list["c.mp4"].subtitles is not None and of_list["c.mp4"].subtitles[0].language == "de"
    assert of_list["v.mp4"].subtitles is None
    assert paths(read(folder / "a.mp4", "en")["a.mp4"]) == [str(folder / "a.en.srt")]


def test_without_languages_nothing_is_looked_for_and_the_record_is_as_before(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "a.en.srt")
    source = read(tmp_path)["a.mp4"]
    assert source.subtitles is None and "subtitles" not in source.canonical()


def test_no_link_leads_out_of_a_folder_unless_links_are_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, elsewhere = tmp_path / "films", tmp_path / "elsewhere"
    folder.mkdir(), elsewhere.mkdir()
    touch(elsewhere, "secret", "real.mp4")
    touch(folder, "a.mp4")
    (folder / "a.en.srt").symlink_to(elsewhere / "secret")
    assert paths(read(folder, "en")["a.mp4"]) == [] and "follow_links" in caplog.text
    (folder / "real.mp4").symlink_to(elsewhere / "real.mp4")
    (folder / "real.en.vtt").symlink_to(elsewhere / "secret")
    followed = read(folder, "en", follow_links=True)
    assert paths(followed["a.mp4"]) == [str(elsewhere / "secret")]
    assert paths(followed["real.mp4"]) == [str(elsewhere / "secret")], "it lies beside the link, not beside the file"


def test_a_hostile_name_is_no_path_and_no_crash(tmp_path: Path) -> None:
    touch(tmp_path, "film.mp4")
    for name in (b"film.en.\xff.srt", b"film.en\n.srt", b"film..srt", b"film.%(ext)s.srt", b"\xff.en.srt"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text("x")
    assert names(tmp_path, "film.mp4") == [("film..srt", "und")]


def test_times_of_words_show_automatic_subtitles() -> None:
    assert made_by_a_machine(b"WEBVTT\n\n00:00.000 --> 00:01.000\na<00:00:00.500><c> b</c>", "vtt")
    assert made_by_a_machine(b"{}", "json3") and not made_by_a_machine(
        b"1\n00:00:00,000 --> 00:00:01,000\n<i>a</i>", "srt"
    )
