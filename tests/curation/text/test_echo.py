"""Text that a model copied from its prompt, against a plain definition, on examples and on what people wrote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

import prompts
from curation.text.echo import LEAST, RUN, echoed_share, is_echo
from tests.places import GROUNDTRUTH

OWN = prompts.load("refine.v1").own
WORDS = st.lists(st.sampled_from(["a", "man", "cuts", "one", "red", "onion", "in", "the", "pan"]), max_size=14)


@given(WORDS, WORDS, WORDS)
def test_the_share_is_what_its_definition_says(text, own, given_words) -> None:
    size = min(RUN, len(text))
    copied = [False] * len(text)
    for i in range(len(text) - size + 1 if size >= LEAST else 0):
        run = text[i : i + size]
        inside = [any(other[j : j + size] == run for j in range(len(other) - size + 1)) for other in (own, given_words)]
        if inside == [True, False]:
            copied[i : i + size] = [True] * size
    expected = sum(copied) / len(text) if text else 0.0
    assert echoed_share(" ".join(text), " ".join(own), " ".join(given_words)) == pytest.approx(expected)


@given(WORDS, WORDS)
def test_what_the_captions_say_is_no_echo(text, own) -> None:
    assert echoed_share(" ".join(text), " ".join(own), " ".join([*own, ".", *text])) == 0


def test_the_examples_of_a_prompt() -> None:
    assert is_echo("A man chops onions.", OWN) and is_echo("He fries them in a pan!", OWN)
    assert is_echo("Every line must be covered by a sentence, in order of time.", OWN)
    assert not is_echo("A man chops onions.", OWN, "[3] a man chops onions on a board")
    assert not is_echo("A man chops carrots.", OWN)
    assert not is_echo("A man.", OWN)


def test_one_copied_sentence_among_others_is_an_echo() -> None:
    """As SmolLM2 wrote it, about a film without a pan."""
    text = "He fries them in a pan. She chops onions. He chops them over brown barn. He is green star, brown barn."
    assert echoed_share(text, OWN) < 0.5 and is_echo(text, OWN)
    assert not is_echo(text, OWN, "[3] He fries them in a pan, brown barn.")
    assert is_echo("A kite rises; a man chops onions! It falls.", OWN)
    assert not is_echo("A kite rises. A man. It falls.", OWN)


@pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="needs the annotations that people made")
def test_no_caption_of_a_person_is_an_echo_of_our_prompts() -> None:
    rows = (GROUNDTRUTH / "anet" / "activitynet_val_release.jsonl").read_text().splitlines()
    own = "\n".join(prompts.load(path.stem).own for path in prompts.FOLDER.glob("*.md"))
    assert not [row for row in rows[:4000] if is_echo(json.loads(row)["query"], own)]
