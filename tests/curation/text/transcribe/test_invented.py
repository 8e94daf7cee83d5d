"""Signs of invention, by the thresholds that Whisper was published with."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st

from curation.text.transcribe.invented import compression_ratio, repeated, signs
from schemas.parts.heard import Heard, HeardSegment, HeardWord

TALK = (
    "the kite rises over the hill and then",
    "a girl in a yellow coat runs after it",
    "until the string breaks near the old mill",
)


def heard(*segments: HeardSegment) -> Heard:
    return Heard(segments=segments)


def one(text: str, start: float = 1.0, end: float = 2.0, **more: object) -> HeardSegment:
    return HeardSegment(start=start, end=end, text=text, **more)  # type: ignore[arg-type]


def test_the_ratio_is_whispers() -> None:
    text = "thank you " * 30
    assert compression_ratio(text) == len(text.encode()) / len(zlib.compress(text.encode())) > 2.4
    assert compression_ratio("") == 0.0
    assert max(map(compression_ratio, TALK)) < 2.4


def test_silence_needs_both_values_where_both_are_told() -> None:
    def sign(no_speech: float | None, log_probability: float | None) -> str | None:
        return signs(heard(one("Thanks.", no_speech=no_speech, mean_log_probability=log_probability)), 10)[0]

    assert sign(0.7, -1.2) == "no_speech" and sign(0.7, -1.0) == "no_speech"
    assert sign(0.7, -0.9) is None, "the model is sure of its words"
    assert sign(0.6, -3.0) is None and sign(None, -3.0) is None, "vLLM tells no chance of no speech"
    assert sign(0.7, None) == "no_speech"


def test_a_loop_is_a_sign_in_a_segment_and_over_the_segments_of_a_piece() -> None:
    assert signs(heard(one("no " * 60)), 10) == ["repetitive"]
    loop = [one("Like and subscribe to my channel.", n, n + 1) for n in range(12)]
    assert signs(heard(one(TALK[0], 0, 1), *loop), 20) == [None, None, *["repetitive"] * 11]
    assert signs(heard(*(one(text, n, n + 1) for n, text in enumerate((*TALK, TALK[0])))), 10) == [None] * 4


def test_what_is_said_outside_of_the_sound_is_a_sign() -> None:
    outside = HeardWord(start=25, end=26, text="kite")
    inside = HeardWord(start=1, end=1.5, text="the")
    found = signs(
        heard(one("a", 11, 12), one("b", -3, 1), one("c", 1, 29), one("d", words=(inside, outside, outside))), 10
    )
    assert found == ["outside_piece", "outside_piece", None, "outside_piece"], "an end that is too late is cut instead"
    assert signs(heard(one("d", words=(inside, outside))), 10) == [None]


def test_of_three_equal_segments_in_a_row_the_first_is_kept() -> None:
    assert [*repeated(["No.", "no", "NO!", "Yes.", "No."])] == [False, True, True, False, False]
    assert [*repeated(["No.", "No."])] == [False, False], "people say things twice"


@given(st.lists(st.sampled_from(["a", "A!", "b", "c"])))
def test_every_text_gets_an_answer_and_the_first_of_a_row_stays(texts: list[str]) -> None:
    found = [*repeated(texts)]
    assert len(found) == len(texts) and not any(found[:1])
    for place in range(1, len(texts)):
        assert not found[place] or texts[place].casefold().strip("!") == texts[place - 1].casefold().strip("!")
