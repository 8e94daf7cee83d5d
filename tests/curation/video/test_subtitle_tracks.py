"""Tracks of subtitles in video files: the right lines at the right times, whatever form they have."""

from __future__ import annotations

from pathlib import Path

import pytest
from av.stream import Disposition

from curation.text.transcribe.cues import read_cues
from curation.video import subtitle_tracks
from curation.video.sandbox import Limits, Sandbox
from curation.video.subtitle_tracks import Tracks, read_tracks, write_tracks
from schemas.errors import NotStored
from tests.curation.sounding import film
from tests.curation.subtitled import TextTrack, subtitled

Lines = list[tuple[float, float, str]]
HELLO: Lines = [(0.5, 2.0, "Hello & you"), (3.0, 4.5, "{\\i1}two{\\i0}\\Nlines"), (6.0, 7.0, "00:01.000 --> 00:02.000")]
SEEN = [(0.5, 2.0, ["Hello & you"]), (3.0, 4.5, ["two", "lines"]), (6.0, 7.0, ["00:01.000 --> 00:02.000"])]


def cues(tracks: Tracks, place: int = 0) -> list[tuple[float, float, list[str]]]:
    found = read_cues(tracks.found[place].file.read_bytes(), subtitle_tracks.FORM)
    return [(cue.start, cue.end, [line.text for line in cue.lines]) for cue in found]


def said(tracks: Tracks) -> list[tuple[str, str]]:
    return [(one.language, cues(tracks, place)[0][2][0]) for place, one in enumerate(tracks.found)]


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mkv", "subrip"), ("a.mkv", "ass"), ("a.mkv", "webvtt"), ("a.mp4", "mov_text"), ("a.mov", "mov_text")],
)
def test_every_form_of_text_gives_its_lines_at_their_times(tmp_path: Path, name: str, codec: str) -> None:
    path = subtitled(tmp_path / name, TextTrack("eng", HELLO), codec=codec)
    found = write_tracks(path, tmp_path, ["en"])
    assert [one.language for one in found.found] == ["eng"] and found.notes == ()
    assert cues(found) == SEEN


@pytest.mark.parametrize("start", [0.0, 2.5])
def test_second_0_is_the_first_picture(tmp_path: Path, start: float) -> None:
    path = subtitled(tmp_path / "a.mkv", TextTrack("eng", HELLO[1:]), codec="ass", start=start)
    shifted = [(round(max(0.0, a - start), 3), round(b - start, 3), text) for a, b, text in SEEN[1:]]
    assert cues(write_tracks(path, tmp_path, ["en"])) == shifted


def track(language: str | None, said: str, disposition: int = 0) -> TextTrack:
    return TextTrack(language, [(1.0, 2.0, said)], disposition)


DEFAULT, FORCED, DEAF = (int(one) for one in (Disposition.default, Disposition.forced, Disposition.hearing_impaired))


@pytest.mark.parametrize(
    ("languages", "expected"),
    [
        (["en"], [("eng", "plain")]),
        (["de", "en"], [("ger", "deutsch"), ("eng", "plain")]),
        (["en-GB"], [("und", "nameless")]),
        (["fr"], [("und", "nameless")]),
        ([], [("und", "nameless")]),
    ],
)
def test_the_best_track_of_each_language_that_is_wanted(
    tmp_path: Path, languages: list[str], expected: list[tuple[str, str]]
) -> None:
    path = subtitled(
        tmp_path / "a.mkv",
        track("eng", "signs", FORCED),
        track("eng", "sounds", DEAF),
        track(None, "nameless"),
        track("eng", "plain"),
        track("ger", "andere"),
        track("ger", "deutsch", DEFAULT),
    )
    assert said(write_tracks(path, tmp_path, languages)) == expected


def test_tracks_of_pictures_are_told_and_damage_costs_no_video(tmp_path: Path) -> None:
    with Sandbox() as sandbox:
        limits = Limits(60, 2000)
        nothing = film(tmp_path / "silent.mkv")
        assert read_tracks(nothing, tmp_path, ["en"], sandbox, limits) == Tracks()
        text = tmp_path / "text.mkv"
        text.write_text("no film at all")
        broken = read_tracks(text, tmp_path, ["en"], sandbox, limits)
        assert broken.found == () and "not_a_video" in broken.missed[0]
        whole = subtitled(tmp_path / "a.mkv", TextTrack("eng", HELLO))
        cut = tmp_path / "cut.mkv"
        cut.write_bytes(whole.read_bytes()[:-60])
        assert cues(read_tracks(cut, tmp_path, ["en"], sandbox, limits)) == SEEN
        with pytest.raises(NotStored):
            read_tracks(tmp_path / "gone.mkv", tmp_path, ["en"], sandbox, limits)


def test_a_track_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = subtitled(tmp_path / "a.mkv", TextTrack("eng", HELLO), codec="ass")
    monkeypatch.setattr(subtitle_tracks, "_MOST_CUES", 2)
    assert cues(write_tracks(path, tmp_path, ["en"])) == SEEN[:2]
    monkeypatch.setattr(subtitle_tracks, "_LARGEST", len("Hello & you"))
    assert cues(write_tracks(path, tmp_path, ["en"])) == SEEN[:1]
