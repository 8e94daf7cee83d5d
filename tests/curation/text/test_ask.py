"""Asking: retries change nothing but the variant, efforts add up, giving up keeps the last reply."""

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text.ask import Answer, BadReply, GaveUp, Read, ask
from models.chat import Request, longest_text
from tests.curation.scripted import Scripted


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


def test_a_reply_that_is_no_text_or_too_long_is_asked_again() -> None:
    longest = longest_text(Request("q", max_tokens=10))
    for bad, reason in (
        ("good \ufffd", "broken_characters"),
        ("good" + "x" * longest, f"too_long: more than {longest} characters for at most 10 tokens"),
        (("good" + "x" * longest, "length"), f"too_long: more than {longest} characters for at most 10 tokens"),
        (("good", "length"), "cut_off"),
    ):
        model = Scripted(lambda r, bad=bad: bad if r.variant == 0 else "good again")
        [outcome] = ask(model, [Request("q", max_tokens=10)], accept_good, 2)
        assert isinstance(outcome, Answer) and outcome.value == "good again" and outcome.effort.attempts == 2
        [outcome] = ask(Scripted(lambda r, bad=bad: bad), [Request("q", max_tokens=10)], accept_good, 2)
        assert isinstance(outcome, GaveUp) and outcome.reason == reason


def test_giving_up_keeps_the_start_of_the_last_reply() -> None:
    [outcome] = ask(Scripted(lambda r: f"bad {r.variant} " + "x" * 9999), [Request("q")], accept_good, 3)
    assert isinstance(outcome, GaveUp)
    assert (outcome.reason, len(outcome.raw), outcome.raw[:6]) == ("not_good", 2000, "bad 2 ")
    assert "after 3 attempts" in outcome.evidence()
