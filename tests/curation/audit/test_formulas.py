"""The formulas of the audit against brute force, and their properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.audit import formulas as scores
from curation.frames.similarity import distance
from schemas.kit.content_words import content_words

HASHES = st.lists(st.integers(0, 2**64 - 1).map(lambda n: f"{n:016x}"), max_size=8)


@st.composite
def vectors(draw: st.DrawFn, least: int = 0) -> np.ndarray:
    """Up to 7 rows of unit norm in 5 dimensions, some of them zero and some equal."""
    numbers = st.floats(-1, 1, width=32).map(lambda x: round(x, 3))
    rows = draw(st.lists(st.lists(numbers, min_size=5, max_size=5), min_size=least, max_size=7))
    array = np.array(rows, np.float32).reshape(len(rows), 5)
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    return np.divide(array, norms, out=np.zeros_like(array), where=norms > 0)


@given(vectors(), vectors(), st.data())
def test_representation_is_the_mean_of_the_nearest(items, chosen, data) -> None:
    counts = data.draw(st.lists(st.integers(1, 5), min_size=len(items), max_size=len(items)))
    found = scores.represented(items, chosen, counts)
    near = [max((max(0.0, float(i @ c)) for c in chosen), default=0.0) for i in items]
    expected = sum(n * c for n, c in zip(near, counts, strict=True)) / sum(counts) if len(items) else 0.0
    assert 0 <= found <= 1 and found == pytest.approx(min(1, expected), abs=1e-4)
    repeated_items = np.repeat(items, counts, axis=0) if len(items) else items
    assert scores.represented(repeated_items, chosen) == pytest.approx(found, abs=1e-4)


@given(vectors(1), vectors(1), vectors(1))
def test_more_keyframes_never_represent_less_and_all_of_them_represent_all(items, chosen, more) -> None:
    both = np.concatenate([chosen, more])
    assert scores.represented(items, both) >= scores.represented(items, chosen) - 1e-4
    if items.any(axis=1).all():
        assert scores.represented(items, items) == pytest.approx(1, abs=1e-4)


@given(vectors(2), st.data())
def test_a_copy_never_lowers_repetition_and_the_order_does_not_matter(rows, data) -> None:
    found = scores.repeated(rows)
    near = [max(max(0.0, float(a @ b)) for j, b in enumerate(rows) if i != j) for i, a in enumerate(rows)]
    assert found == pytest.approx(min(1, sum(near) / len(near)), abs=1e-4)
    order = data.draw(st.permutations(range(len(rows))))
    assert scores.repeated(rows[order]) == pytest.approx(found, abs=1e-4)
    copied = data.draw(st.sampled_from(range(len(rows))))
    if rows[copied].any():
        assert scores.repeated(np.concatenate([rows, rows[copied : copied + 1]])) >= found - 1e-4


@given(HASHES)
def test_pictures_repeat_by_the_bits_that_differ(hashes) -> None:
    near = [
        max((max(0.0, 1 - distance(a, b) / 32) for j, b in enumerate(hashes) if i != j), default=0.0)
        for i, a in enumerate(hashes)
    ]
    expected = sum(near) / len(near) if len(hashes) > 1 else 0.0
    assert scores.repeated_pictures(hashes) == pytest.approx(expected, abs=1e-4)


def test_large_matrices_are_computed_in_pieces(monkeypatch) -> None:
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(23, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    hashes = [f"{n:016x}" for n in rng.integers(0, 2**63, 23)]
    whole = scores.repeated(rows), scores.represented(rows, rows[:3]), scores.repeated_pictures(hashes)
    monkeypatch.setattr(scores, "_ROWS", 4)
    pieces = scores.repeated(rows), scores.represented(rows, rows[:3]), scores.repeated_pictures(hashes)
    assert pieces == pytest.approx(whole, abs=1e-4)


@given(st.lists(st.integers(-3, 3), max_size=6), st.lists(st.integers(-3, 3), max_size=6))
def test_wins_are_the_share_of_won_pairs(own, others) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in own for b in others]
    found = scores.wins(own, others)
    assert found == (pytest.approx(sum(pairs) / len(pairs), abs=1e-4) if pairs else None)
    if found is not None:
        assert scores.wins(others, own) == pytest.approx(1 - found, abs=1e-4)
        assert scores.wins([3.0 * a + 7 for a in own], [3.0 * b + 7 for b in others]) == found


def test_shots_shown() -> None:
    shots = ((0, 3), (4, 4), (5, 9))
    assert scores.shots_shown(shots, []) == 0
    assert scores.shots_shown(shots, [0, 3]) == pytest.approx(1 / 3, abs=1e-4)
    assert scores.shots_shown(shots, [9, 4, 1]) == 1
    assert scores.shots_shown((), [1]) == 1


@given(st.text(), st.lists(st.text(), max_size=3))
def test_words_held_is_a_share_of_the_sentences_words(sentence, captions) -> None:
    found = scores.words_held(sentence, captions)
    assert (found is None) == (not content_words(sentence))
    if found is not None:
        assert 0 <= found <= 1
        assert scores.words_held(sentence, [*captions, sentence]) == 1
        assert scores.words_held(sentence, [*captions, "more words"]) >= found
        assert scores.words_held(sentence, captions[::-1]) == found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A man chops the onions", "the man is chopping an onion"),
        ("She moves left.", "moving LEFT"),
        ("A dog carries two boxes", "dogs carried two boxes"),
        ("He stopped and tried", "stops; tries"),
        ("ﬁsh", "FISH"),
        ("一个男人切洋葱", "男人切一个洋葱"),
    ],
)
def test_forms_of_a_word_are_one_word(one, other) -> None:
    assert content_words(one) == content_words(other) != frozenset()


@pytest.mark.parametrize(
    ("one", "other"),
    [("moves left", "moves right"), ("a red ball", "a ball"), ("not open", "open"), ("3 cups", "4 cups"), ("红", "蓝")],
)
def test_words_that_change_a_claim_stay_different(one, other) -> None:
    assert content_words(one) != content_words(other)


def test_function_words_are_not_content_words() -> None:
    assert content_words("It is what it was, and he has been there with them.") == frozenset()
    assert scores.words_held("It is there.", ["a dog"]) is None


@given(st.floats(-2, 2))
def test_rounding_stays_in_range(value) -> None:
    assert 0 <= scores.share(value) <= 1 and -1 <= scores.cosine(value) <= 1
    assert math.copysign(1, scores.share(-value * 0)) == 1, "no negative zero in a record"
