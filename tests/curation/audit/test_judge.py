"""The judge: its prompt, its valid answers, and the treatment of answers that cannot be used."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from curation.audit.judge import CRITERIA, LONGEST_REASON, Judged, judge, schema_of
from models.chat import Reply
from schemas.configuration.config import AuditConfig
from schemas.errors import TransientError
from schemas.records import Sentence
from tests.curation.audited import rated
from tests.curation.scripted import Scripted, after, lines_of, valid

PROMPT = prompts.load("judge.v1")
CAPTIONS = [(0.0, "A man chops onions."), (2.0, "A pan stands on a stove.")]
SENTENCES = [Sentence(times=(0.0, 2.0), text="A man cooks.")]


def run(model, captions=None, sentences=None, **settings) -> Judged:
    return judge(captions or CAPTIONS, sentences or SENTENCES, model, PROMPT, AuditConfig(**settings))


def test_a_rating_with_its_maker_and_cost() -> None:
    model = Scripted(lambda r: rated(4))
    rating, reason, effort = run(model)
    assert reason == "" and rating.mean == 4 and [c.name for c in rating.criteria] == list(CRITERIA)
    assert (rating.maker.prompt, rating.maker.prompt_sha256) == ("judge.v1", PROMPT.sha256)
    assert rating.maker.model == "scripted" and effort.attempts == 1 and effort.tokens_in > 100
    (request,) = model.requests
    assert request.image is None and request.max_tokens == 512 and valid(request, rated(1))


@pytest.mark.parametrize("name", ["score", "reason", "other"])
def test_the_schema_refuses_the_same_replies_as_the_reader(name) -> None:
    reply = json.loads(rated(3))
    reply["placed"] |= {"score": 6} if name == "score" else {"reason": ""} if name == "reason" else {"more": 1}
    model = Scripted(lambda r: json.dumps(reply))
    assert run(model, attempts=1).rating is None
    assert not valid(model.requests[0], json.dumps(reply))
    assert list(schema_of()["properties"]["placed"]["properties"]) == ["reason", "score"], "reasons come first"


BAD = {
    "prose": ("I would give it 4 of 5.", "not_the_schema"),
    "a bool": (rated(True), "not_the_schema"),
    "zero": (rated(0), "score_out_of_range: faithful 0"),
    "six": (rated(6), "score_out_of_range: faithful 6"),
    "no reason": (rated(3, " \u202e\u0007 "), "empty_reason: faithful"),
    "a book": (rated(3, "word " * LONGEST_REASON), "long_reason: faithful"),
    "cut off": ((rated(3), "length"), "cut_off"),
    "truncated": (rated(3)[:40], "not_the_schema"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_replies_are_asked_again_and_then_give_no_rating(name) -> None:
    bad, slug = BAD[name]
    mended = run(Scripted(after([bad], lambda r: rated(5))))
    assert mended.rating is not None and mended.effort.attempts == 2
    rating, reason, effort = run(Scripted(lambda r: bad), attempts=3)
    assert rating is None and slug in reason and effort.attempts == 3 and effort.tokens_out > 0


def test_a_judge_that_refuses_or_is_too_small_gives_a_reason() -> None:
    rating, reason, effort = run(Scripted(lambda r: ("context exceeded", "refused")))
    assert rating is None and "refused" in reason and effort.attempts == 1
    rating, reason, effort = run(Scripted(lambda r: rated(3), context=600))
    assert rating is None and reason.startswith("prompt_too_long") and effort.attempts == 0


def test_a_judge_that_is_gone_raises() -> None:
    class Gone(Scripted):
        def complete(self, requests, arrived=None):
            return [Reply("connection lost", "failed", 0, 0) for _ in requests]

    with pytest.raises(TransientError, match="model_failed"):
        run(Gone(lambda r: ""))


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_each_text_stays_on_its_own_line(captions, told) -> None:
    model = Scripted(lambda r: rated(3, "It\tis so."))
    given_captions = [(float(i), f"{text}x") for i, text in enumerate(captions)]
    sentences = [Sentence(times=(float(i),), text=f"{text}x") for i, text in enumerate(told)]
    judged = run(model, given_captions, sentences)
    assert judged.rating.criteria[0].reason == "It is so." and judged.effort.repaired
    heading, shown = model.requests[0].text.split("\nCaptions:\n")[0], model.requests[0].text
    assert heading == run_heading()
    data = shown.removeprefix(heading).split("\n")
    assert data.count("Captions:") == data.count("Summary:") == 1
    assert [t for t, _ in lines_of(model.requests[0])] == [[i] for i in [*range(len(captions)), *range(len(told))]]


def run_heading() -> str:
    model = Scripted(lambda r: rated(3))
    run(model)
    return model.requests[0].text.split("\nCaptions:\n")[0]
