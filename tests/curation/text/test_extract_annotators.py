"""Several annotators: what each is asked, what is kept of each, what fails, and what one annotator leaves as it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.ledger.stages import STAGES
from curation.pipeline.settings import settings_of
from curation.text.extract import bounds, extract
from models.chat import Reply, Request
from models.reply_cache import CachedModel
from schemas.configuration.loading import load_config
from schemas.configuration.text_config import VARIANTS, ExtractConfig
from schemas.errors import ConfigError, PermanentError
from schemas.records import Extract
from schemas.repository import ROOT
from schemas.saliency import votes
from tests.curation.scripted import EXTRACT_PROMPT, Rule, Scripted, arbitrary, choosing, make_captions, stingy

TEXTS = [f"event {i}" for i in range(30)]
MARKED = ["a dog runs" if i in (3, 17) else "grass" for i in range(30)]


class Store:
    """Replies in memory."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}

    def get_replies(self, keys: list[str]) -> dict[str, Reply]:
        return {key: self.replies[key] for key in keys if key in self.replies}

    def put_replies(self, replies: dict[str, Reply], _model: str) -> None:
        self.replies |= replies


def made(model: object, annotators: int, texts: list[str] = TEXTS, **settings: object) -> Extract:
    config = ExtractConfig(annotators=annotators, **settings)
    return extract(make_captions(texts), len(texts), 1.0, model, EXTRACT_PROMPT, config)


@given(st.integers(1, 4), st.integers(0, 6))
def test_models_take_turns_and_each_choice_says_whose_it_is(count: int, more: int) -> None:
    models = [Scripted(arbitrary) for _ in range(count)]
    for place, model in enumerate(models):
        model.name = f"model {place}"
    texts, annotators, alone = TEXTS, count + more, Scripted(arbitrary)
    config = ExtractConfig(annotators=annotators)
    found = extract(make_captions(texts), len(texts), 1.0, models[0], EXTRACT_PROMPT, config, others=models[1:])
    one = made(alone, 1)
    for place, model in enumerate(models):
        turns = len(range(place, annotators, count))
        assert [request.variant for request in model.requests] == [turn * VARIANTS for turn in range(turns)]
        assert all(request._replace(variant=0) == alone.requests[0] for request in model.requests), "all read the same"
    assert found.choices == () or found.choices[0].keyframes == one.keyframes
    if count > 1:
        names = [choice.maker.model for choice in found.choices if choice.maker is not None]
        assert names == [f"model {place % count}" for place in range(annotators)] and found.maker.model == "model 0"
    else:
        assert '"maker":{' not in json.dumps([json.loads(choice.canonical()) for choice in found.choices])
    assert found.effort.attempts == annotators and Extract.model_validate_json(found.canonical()) == found


def test_a_model_that_answers_nonsense_is_named_and_counts_nowhere() -> None:
    good, bad = Scripted(choosing("dog")), Scripted(lambda _: "no JSON")
    bad.name = "bad"
    config = ExtractConfig(annotators=3, attempts=2)
    found = extract(make_captions(MARKED), len(MARKED), 1.0, good, EXTRACT_PROMPT, config, others=[bad])
    told = [(choice.maker.model, choice.fault) for choice in found.choices if choice.maker is not None]
    assert told == [("scripted", None), ("bad", "extract_failed"), ("scripted", None)]
    assert found.keyframes == (3, 17)


def annotator(request: Request) -> int:
    return request.variant // VARIANTS


def failing(which: set[int], rule: Rule) -> Rule:
    return lambda request: "no JSON" if annotator(request) in which else rule(request)


@given(st.integers(2, 7), st.one_of(st.none(), st.integers(5, 20)))
def test_every_annotator_is_asked_the_same_and_its_choice_is_kept(annotators: int, window: int | None) -> None:
    alone, several = Scripted(arbitrary), Scripted(arbitrary)
    one, found = (made(m, n, window_frames=window) for m, n in ((alone, 1), (several, annotators)))
    assert several.requests[: len(alone.requests)] == alone.requests, "the first is asked what a single one is asked"
    assert found.choices[0].keyframes == one.keyframes and one.choices == ()
    assert len(found.choices) == annotators and {annotator(r) for r in several.requests} == set(range(annotators))
    first_round = [r for r in several.requests if annotator(r) == 1][: one.windows]
    assert [r._replace(variant=0) for r in first_round] == alone.requests[: one.windows], "equal texts: one prefix"
    low, _, high = bounds(len(TEXTS), len(TEXTS), ExtractConfig())
    assert all(low <= len(choice.keyframes) <= high for choice in found.choices)
    assert low <= len(found.keyframes) <= high and set(found.keyframes) <= votes(found.choices).keys()
    assert found.effort.attempts == len(several.requests) and found.ratio == len(found.keyframes) / len(TEXTS)


def test_one_annotator_leaves_every_byte_as_it_was() -> None:
    found = made(Scripted(choosing("dog")), 1, MARKED)
    assert "choices" not in found.canonical() and Extract.model_validate_json(found.canonical()) == found
    config = load_config(ROOT / "configs" / "demo.yaml", [])
    assert "extract.annotators" not in settings_of(STAGES["extract"], config)
    several = load_config(ROOT / "configs" / "demo.yaml", ["extract.annotators=5"])
    assert settings_of(STAGES["extract"], several)["extract.annotators"] == 5


def test_more_annotators_pay_only_for_those_that_were_not_asked() -> None:
    model, store = Scripted(arbitrary), Store()
    cached = CachedModel(model, store)
    for annotators, asked in ((1, 1), (3, 3), (5, 5), (5, 5), (2, 5)):
        made(cached, annotators)
        assert len(model.requests) == len(store.replies) == asked


def test_an_annotator_without_a_usable_reply_is_kept_and_counts_nowhere() -> None:
    model = Scripted(failing({0, 3}, choosing("dog")))
    found = made(model, 5, MARKED, attempts=2)
    assert [choice.fault for choice in found.choices] == ["extract_failed", None, None, "extract_failed", None]
    assert found.keyframes == (3, 17) and found.choices[0].keyframes == ()
    assert found.effort.attempts == len(model.requests) == 7
    assert Extract.model_validate_json(found.canonical()) == found


def test_half_of_the_annotators_are_not_enough_and_no_more_are_asked() -> None:
    model = Scripted(failing({0, 1, 2}, choosing("dog")))
    with pytest.raises(PermanentError) as raised:
        made(model, 6, MARKED, attempts=1)
    assert raised.value.reason == "extract_failed"
    assert raised.value.evidence.startswith("3 of 6 annotators, the first: seconds 0 to 29: not_the_schema")
    assert {annotator(r) for r in model.requests} == {0, 1, 2}


def test_annotators_that_differ_agree_on_what_most_chose() -> None:
    def rule(request: Request) -> str:
        return json.dumps({"keyframes": [[3, 17], [3, 20], [3, 17]][annotator(request)]})

    found = made(Scripted(rule), 3)
    assert found.keyframes == (3, 17) and found.times == (3.0, 17.0)
    assert [choice.keyframes for choice in found.choices] == [(3, 17), (3, 20), (3, 17)]


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="attempts must not exceed"):
        ExtractConfig(annotators=2, attempts=VARIANTS + 1)
    with pytest.raises(ConfigError, match=r"extract\.annotators must be 1 with models\.extractor"):
        load_config(ROOT / "configs" / "demo.yaml", ["extract.annotators=2", "models.extractor.model=trained"])


def test_rounds_are_those_of_the_annotator_that_needed_most() -> None:
    texts = ["a dog runs" if i % 8 == 3 else "grass" for i in range(40)]
    found = made(
        Scripted(lambda r: (stingy if annotator(r) else choosing("dog"))(r)), 2, texts, window_frames=20, ratio_min=0.1
    )
    assert (found.windows, found.rounds) == (2, 2)
    assert made(Scripted(choosing("dog")), 2, texts, window_frames=20, ratio_min=0.1).rounds == 1
