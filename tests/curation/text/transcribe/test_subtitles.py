"""The transcript of a video: which track, what is dropped and why, and never an error."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curation.text.transcribe.subtitles import transcript_of
from schemas.configuration.text_config import TranscribeConfig
from schemas.parts.transcript import Transcript
from schemas.records import Publication, Subtitle, Video
from schemas.safe_text import plain_line

CONFIG = TranscribeConfig(mode="publisher")


def video(*tracks: Subtitle, duration: float | None = 60.0) -> Video:
    return Video(
        id="v", sha256="a" * 64, bytes=1, extension="mp4", container="mp4", codec="h264", duration=duration, fps=25.0,
        width=64, height=64, rotation=0, has_audio=True, publication=Publication(), subtitles=tracks,
    )  # fmt: skip


def track(name: str, *, automatic: bool = False, form: str = "srt") -> Subtitle:
    return Subtitle(language=name, automatic=automatic, sha256="b" * 64, format=form)


def srt(*cues: tuple[float, float, str]) -> bytes:
    def clock(seconds: float) -> str:
        whole = int(seconds)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d},{round(seconds % 1 * 1000):03d}"

    return "".join(f"{clock(a)} --> {clock(b)}\n{text}\n\n" for a, b, text in cues).encode()


def made(
    files: dict[str, bytes], *tracks: Subtitle, config: TranscribeConfig = CONFIG, **of: float | None
) -> Transcript:
    return transcript_of(video(*tracks, **of), lambda one: files[one.language], config)


def test_what_people_wrote_comes_before_what_a_machine_heard() -> None:
    files = {"en": srt((1, 2, "heard")), "de": srt((1, 2, "geschrieben"))}
    found = made(files, track("en", automatic=True), track("de"))
    assert (found.source, found.language, [s.text for s in found.segments]) == ("manual", "de", ["geschrieben"])


def test_a_track_without_use_is_noted_and_the_next_one_is_read() -> None:
    found = made({"en": b"<html>", "de": srt((1, 2, "Hallo"))}, track("en"), track("de", automatic=True))
    assert (found.source, found.language, found.reason) == ("automatic", "de", None)
    assert found.notes == ("en (manual, srt): no cue in a file of 6 bytes",)


def test_without_a_usable_track_there_is_a_reason() -> None:
    assert made({}).reason == "no_subtitles"
    assert made({"en": b""}, track("en")).reason == "unreadable_subtitles"
    assert made({"en": b"<tt/>"}, track("en", form="ttml")).reason == "unreadable_subtitles"
    for automatic in (False, True):
        assert made({"en": srt((1, 2, "♪ ♪"))}, track("en", automatic=automatic)).reason == "nothing_said"
    late = made({"en": srt((1, 2, "a"), (70, 72, "b"), (80, 81, "c"))}, track("en"))
    assert late.reason == "wrong_clock" and not late.segments and len(late.dropped) == 2
    assert made({"en": srt((80, 81, "c"))}, track("en"), duration=None).segments


def test_each_segment_that_is_dropped_has_a_reason() -> None:
    cues = [(5, 6, "said"), (7, 7, "no time"), (1, 2, "first"), (90, 91, "late"), (9, 10, "x " * 600), (11, 12, "♪")]
    broken = srt(*cues) + b"00:00:13,000 --> 00:00:14,000\n\xff\xfe\n"
    found = made({"en": broken}, track("en"))
    assert [(s.start, s.text) for s in found.segments] == [(1, "first"), (5, "said")]
    assert [d.reason for d in found.dropped] == [
        "no_time",
        "too_long",
        "no_words",
        "broken_characters",
        "after_the_end",
    ]
    assert max(len(d.text) for d in found.dropped) <= 200


def test_a_transcript_has_limits() -> None:
    files = {"en": srt(*((i / 100, i / 100 + 1, f"line {i}") for i in range(3000)))}
    config = TranscribeConfig(mode="publisher", max_segments=10)
    found = made(files, track("en"), config=config)
    assert len(found.segments) == 10 and len(found.dropped) == 100 and found.more_dropped == 2890
    assert {d.reason for d in found.dropped} == {"over_limit"}
    short = made(files, track("en"), config=TranscribeConfig(mode="publisher", max_characters=20))
    assert [s.text for s in short.segments] == ["line 0", "line 1", "line 2"]


def test_automatic_segments_end_where_the_next_one_begins() -> None:
    files = {"en": srt((1, 5, "one"), (3, 7, "two"))}
    assert [(s.start, s.end) for s in made(files, track("en", automatic=True)).segments] == [(1, 3), (3, 7)]
    assert [(s.start, s.end) for s in made(files, track("en")).segments] == [(1, 5), (3, 7)]


@given(st.binary(max_size=300), st.sampled_from(["vtt", "srt", "json3", "ass", "\x1b["]), st.text(max_size=80))
def test_no_file_and_no_name_is_an_error(data: bytes, form: str, language: str) -> None:
    found = transcript_of(video(track(language, form=form)), lambda _: data, CONFIG)
    assert bool(found.segments) != bool(found.reason)
    assert all(text == plain_line(text) for text in found.notes)
