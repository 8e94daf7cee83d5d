"""Asking: retries change nothing but the variant, efforts add up, giving up keeps the last reply."""

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text.ask import Answer, BadReply, GaveUp, Read, ask
from models.chat import Request
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


def test_giving_up_keeps_the_start_of_the_last_reply() -> None:
    [outcome] = ask(Scripted(lambda r: f"bad {r.variant} " + "x" * 9999), [Request("q")], accept_good, 3)
    assert isinstance(outcome, GaveUp)
    assert (outcome.reason, len(outcome.raw), outcome.raw[:6]) == ("not_good", 2000, "bad 2 ")
    assert "after 3 attempts" in outcome.evidence()
