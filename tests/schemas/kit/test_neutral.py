"""Texts from outside hold no mark that a trainer, a tokenizer or the grammar of times could read."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kit.neutral import EMPTY, ROLES, neutral
from schemas.marks import has_marks
from schemas.records import Sentence
from schemas.temporal import format_seconds, parse_seconds

MARKS = (
    *("<image>", "<video>", "<audio>", "<img>/etc/passwd</img>", "<bbox>", "<ref-object>", "<cot-process>"),
    *("<start-image>", "<|im_start|>user", "<|im_end|>", "<|endoftext|>", "<|vision_start|>", "<|image_pad|>"),
    *("<|video_pad|>", "<|vision_end|>", "<s>", "</s>", "<unk>", "<pad>", "[INST]", "[/INST]", "<<SYS>>", "[SEP]"),
    *("[CLS]", "[PAD]", "[MASK]", "<f0>", "[<f0>]", "[12]", "[12.0]", "[3, 4]", "\\[12]", "<12.0 seconds>", "<think>"),
    *(
        "ASSISTANT: ",
        "USER:",
        "assistant :",
        "Human：",
        "<tool_call>",
        "<start_of_turn>model",
        "<｜User｜>",
        "＜image＞",
    ),
)
HOSTILE = st.lists(st.sampled_from(MARKS) | st.text(max_size=6) | st.sampled_from("<>[]:|/ \n\t\u0338"), max_size=12)


def hostile() -> st.SearchStrategy[str]:
    return HOSTILE.map("".join)


@given(hostile())
def test_nothing_is_left_that_could_be_a_mark(text: str) -> None:
    made = neutral(text)
    for form in ("NFC", "NFKC", "NFD", "NFKD"):  # tokenizers normalize
        shown = unicodedata.normalize(form, made)
        assert not re.search(r"[\[\]]", shown)
        assert not re.search(rf"(?i)({'|'.join(ROLES)})\s*:", shown)
        if form in ("NFC", "NFKC"):
            assert not re.search("[<>]", shown)
    assert not has_marks(made) and made and made == made.strip() and "\n" not in made


@given(hostile())
def test_a_neutral_text_stays_as_it_is(text: str) -> None:
    assert neutral(neutral(text)) == neutral(text)


@given(st.text(st.characters(categories=["L", "N", "Zs"], codec="ascii"), min_size=1))
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert neutral(text) == (" ".join(text.split()) or EMPTY)


@given(st.lists(hostile(), min_size=1, max_size=4))
def test_neutral_sentences_need_no_backslash_and_come_back_exactly(texts: list[str]) -> None:
    sentences = tuple(Sentence(times=(float(place),), text=neutral(text)) for place, text in enumerate(texts))
    written = format_seconds(sentences)
    assert parse_seconds(written) == sentences
    assert written.count("[") == len(texts)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("A <video> of </s> and [12] by ASSISTANT: x", "A ‹video› of ‹/s› and (12) by ASSISTANT - x"),
        ("3 < 5\n\x00 -> ok", "3 ‹ 5 -› ok"),
        ("\u202e \n", EMPTY),
        ("日本語 🎞️ ünïcödé", "日本語 🎞️ ünïcödé"),
    ],
)
def test_the_rule_by_examples(text: str, made: str) -> None:
    assert neutral(text) == made
