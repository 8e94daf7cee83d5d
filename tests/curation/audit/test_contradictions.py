"""Colours that the captions contradict: found where a thing has other colours only, and never otherwise."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.audit.contradictions import contradicted
from demo.world import COLOURS, make_script
from tests.curation.audited import measure, true_sentences


@pytest.mark.parametrize(
    ("sentence", "captions", "found"),
    [
        ("A man in a black shirt waves.", ["A man in a green shirt."], ("black shirt",)),
        ("A man in a black shirt waves.", ["A man in a green shirt.", "A black shirt hangs there."], ()),
        ("A man in a black shirt waves.", ["A man in a shirt, beside a green car."], ()),
        ("Blue circle, red square.", ["A red circle rests.", "A blue square rests."], ("blue circle", "red square")),
        ("Two Grey cats sleep.", ["A gray cat sleeps."], ()),
        ("A red and white flag.", ["A white flag.", "A blue flag."], ("red flag",)),
        ("A purple scarf.", ["Violet scarves."], ()),
        ("The red", ["A blue"], ()),
        ("", [], ()),
    ],
)  # fmt: skip
def test_what_is_contradicted(sentence: str, captions: list[str], found: tuple[str, ...]) -> None:
    assert contradicted(sentence, captions) == found


@given(st.text(), st.lists(st.text()))
def test_any_text_has_an_answer_and_no_text_contradicts_itself(sentence: str, captions: list[str]) -> None:
    assert contradicted(sentence, [*captions, sentence]) == ()
    assert contradicted(sentence, []) == ()


def test_exchanged_colours_of_the_demo_are_found_and_true_sentences_are_not() -> None:
    planted = found = 0
    for seed in range(60):
        script = make_script(seed)
        assert all(not one.contradicted for one in measure(seed).support.sentences)
        changed = []
        for number, sentence in enumerate(true_sentences(script)):
            other = COLOURS[(number + 1) % len(COLOURS)]
            said = re.sub("|".join(COLOURS), other, sentence.text, count=1, flags=re.IGNORECASE)
            planted += said.casefold() != sentence.text.casefold()
            changed.append(sentence.model_copy(update={"text": said}))
        result = measure(seed, sentences=tuple(changed)).support
        found += sum(bool(one.contradicted) for one in result.sentences)
        assert all(not one.supported for one in result.sentences if one.contradicted)
    assert planted > 200 and found >= 0.95 * planted
