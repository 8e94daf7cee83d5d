"""The films of the study: known, the same every time, and asked by the real stage."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.saliency_study.films import MOST_LOST, chosen, films, without_words
from benchmarks.saliency_study.prefix_cache import PrefixCache
from schemas.configuration.config import ExtractConfig
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
    model, cache = Scripted(arbitrary), PrefixCache(lambda text: list(text.encode()))
    found = chosen(film, model, EXTRACT_PROMPT, ExtractConfig(annotators=3), cache)
    assert len(found["choices"]) == 3 and found["fault"] is None and found["consensus"]
    assert found["tokens_in"][1] == 3 * found["tokens_in"][0] == 3 * model.count_tokens(model.requests[0].text)
    size = len(model.requests[0].text.encode())
    assert found["computed"][0] == size and size < found["computed"][1] < 1.1 * size, "the captions are read once"
    refused = chosen(film, Scripted(lambda _: "no"), EXTRACT_PROMPT, ExtractConfig(annotators=3, attempts=1), cache)
    assert refused["fault"] == "extract_failed" and refused["choices"] == [] and refused["tokens_in"][1] > 0
