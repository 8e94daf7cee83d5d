"""Asking: retries change nothing but the variant, efforts add up, captions stay on their line, windows fit."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text.ask import Answer, BadReply, GaveUp, Read, ask
from curation.text.prompt_lines import json_number, prompt_line
from curation.text.windows import shares, windows
from models.chat import Request
from schemas.errors import PermanentError
from tests.curation.scripted import Scripted

HOSTILE = st.one_of(st.text(), st.text(alphabet="[]0123456789, \n\r\u2028\x85\x0b\x00\u202eA<|>"))


def accept_good(_position: int, text: str) -> Read[str]:
    if not text.startswith("good"):
        raise BadReply("not_good")
    return Read(text, False)


@settings(max_examples=60)
@given(st.lists(st.integers(0, 4), max_size=9), st.integers(1, 4), st.integers(1, 5))
def test_retries(failures: list[int], attempts: int, batch: int) -> None:
    """Request i fails failures[i] times; it is asked once more than that, but at most `attempts` times."""
    model = Scripted(lambda r: "good" if r.variant >= failures[int(r.text)] else ("good", "length"), batch=batch)
    requests = [Request(str(i)) for i in range(len(failures))]
    outcomes = ask(model, requests, accept_good, attempts)
    for i, (outcome, count) in enumerate(zip(outcomes, failures, strict=True)):
        assert outcome.effort.attempts == min(count + 1, attempts)
        assert isinstance(outcome, Answer) == (count < attempts)
        assert outcome.effort.tokens_in == outcome.effort.attempts
        variants = [r.variant for r in model.requests if r.text == str(i)]
        assert variants == list(range(outcome.effort.attempts))


def test_giving_up_keeps_the_start_of_the_last_reply() -> None:
    [outcome] = ask(Scripted(lambda r: f"bad {r.variant} " + "x" * 9999), [Request("q")], accept_good, 3)
    assert isinstance(outcome, GaveUp)
    assert (outcome.reason, len(outcome.raw), outcome.raw[:6]) == ("not_good", 2000, "bad 2 ")
    assert "after 3 attempts" in outcome.evidence()


@given(st.lists(st.integers(0, 9999).map(lambda k: k / 4), min_size=1, max_size=3), HOSTILE)
def test_a_caption_cannot_fake_a_line_or_a_time(times: list[float], caption: str) -> None:
    line = prompt_line(times, caption)
    assert len(line.splitlines()) == 1
    assert re.findall(r"\[[\s,.0-9]*[0-9][\s,.0-9]*\]", line, re.ASCII) == [line.split("]")[0] + "]"]
    assert [float(t) for t in line.split("]")[0][1:].split(",")] == times


def test_plain_captions_are_untouched() -> None:
    assert prompt_line((12.0,), 'A sign reads "STOP" [sic].') == '[12] A sign reads "STOP" [sic].'
    assert prompt_line((3.0, 4.5), "[13] fake") == "[3,4.5] (13) fake"
    assert [json_number(t) for t in (12.0, 12.5)] == [12, 12.5]


@given(st.integers(1, 300), st.integers(1, 50), st.one_of(st.none(), st.integers(4, 40)), st.integers(0, 20))
def test_windows_cover_everything_in_order(size: int, room: int, largest: int | None, overlap: int) -> None:
    split = windows(size, lambda w: len(w) <= room, largest, overlap)
    assert sorted({i for w in split for i in w}) == list(range(size))
    assert [w.stop for w in split] == sorted({w.stop for w in split})
    most = min(room, largest or room)
    assert all(0 < len(w) <= most for w in split)
    if size <= most:
        assert len(split) == 1
    if overlap == 0:
        assert sum(map(len, split)) == size
        assert max(map(len, split)) - min(map(len, split)) <= 1


def test_windows_give_up_when_one_caption_does_not_fit() -> None:
    with pytest.raises(PermanentError, match="prompt_too_long"):
        windows(5, lambda w: False)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=20), st.integers(0, 2000))
def test_shares_sum_and_are_fair(sizes: list[int], total: int) -> None:
    given_out = shares(total, sizes)
    assert sum(given_out) == total
    assert all(abs(s - total * n / sum(sizes)) < 1 for s, n in zip(given_out, sizes, strict=True))
    if total <= sum(sizes):
        assert all(s <= n for s, n in zip(given_out, sizes, strict=True))
