"""The films of the study: known, the same every time, and asked by the real stage."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.saliency_study.films import MOST_LOST, chosen, films, without_words
from benchmarks.saliency_study.prefix_cache import PrefixCache
from schemas.configuration.text_config import VARIANTS, ExtractConfig
from tests.curation.scripted import EXTRACT_PROMPT, Scripted, arbitrary


def test_films_are_the_same_every_time_and_lose_more_and_less() -> None:
    first = list(films(8))
    assert first == list(films(8)) and first[:3] == list(films(3))
    assert all(0 <= film.lost <= MOST_LOST and len(film.captions) == 40 for film in first)
    assert len({film.lost for film in first}) == 8
    words = [sum(len(text.split()) for text in film.captions) for film in first]
    whole = [sum(len(text.split()) for text in film.script.captions) for film in first]
    for film, left, of in zip(first, words, whole, strict=True):
        assert abs(1 - left / of - film.lost) < 0.12


@given(st.text("ab ", min_size=1).filter(str.strip), st.floats(0, 1), st.integers(0, 9))
def test_a_caption_keeps_a_word(text: str, share: float, seed: int) -> None:
    kept = without_words(text, share, random.Random(seed)).split()
    assert kept and all(word in text.split() for word in kept)
    assert without_words(text, 0, random.Random(seed)).split() == text.split()


def test_choices_and_costs_are_those_of_the_stage() -> None:
    (film,) = films(1)
    model = Scripted(arbitrary)
    found = chosen(film, [model], EXTRACT_PROMPT, ExtractConfig(annotators=3), fresh)
    assert len(found["choices"]) == 3 and found["fault"] is None and found["consensus"]
    assert found["tokens_in"][1] == 3 * found["tokens_in"][0] == 3 * model.count_tokens(model.requests[0].text)
    size = len(model.requests[0].text.encode())
    assert found["computed"][0] == size and size < found["computed"][1] < 1.1 * size, "the captions are read once"
    refused = chosen(film, [Scripted(lambda _: "no")], EXTRACT_PROMPT, ExtractConfig(annotators=3, attempts=1), fresh)
    assert refused["fault"] == "extract_failed" and refused["choices"] == [] and refused["tokens_in"][1] > 0


def test_models_take_turns_and_each_server_reads_the_captions_once() -> None:
    (film,) = films(1)
    models = [Scripted(arbitrary), Scripted(arbitrary)]
    found = chosen(film, models, EXTRACT_PROMPT, ExtractConfig(annotators=3), fresh)
    assert [[request.variant for request in model.requests] for model in models] == [[0, VARIANTS], [0]]
    first, every = found["computed"]
    assert 2 * first < every < 2.1 * first and found["tokens_in"][1] == 3 * found["tokens_in"][0]


def fresh() -> PrefixCache:
    return PrefixCache(lambda text: list(text.encode()))
