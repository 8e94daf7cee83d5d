"""Prompts and answers of V2Xum: upstream's instructions, slots of one length, and answers that are read back."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.tiny_models.tokenizer import build_tokenizer
from models.summarizers.slots import SlotMap
from models.summarizers.v2xum_tokens import FRAME, V2XumTokens, slot_table
from schemas.errors import ConfigError
from schemas.instructions import ASK
from tests.models.summarizers.tiny_language_model import tokenizer


@pytest.mark.parametrize("slots", [10, 50, 100, 250, 1000])
def test_every_slot_is_its_own_tokens_and_comes_back_as_its_text(slots: int) -> None:
    table = slot_table(tokenizer(), SlotMap(slots))
    assert table.shape[0] == slots
    assert tokenizer().batch_decode(table.tolist()) == list(SlotMap(slots).texts())


def test_slots_that_split_unevenly_are_told() -> None:
    """The demo's summarizer has one token for `10` and two for `07`."""
    with pytest.raises(ConfigError, match=r"split unevenly: \[00\] is \d tokens and \[10\] \d"):
        slot_table(build_tokenizer(images=False), SlotMap(100))


def test_a_tokenizer_that_cannot_end_or_chat_is_told() -> None:
    mute = copy.deepcopy(tokenizer())
    mute.chat_template = None
    with pytest.raises(ConfigError, match="no chat template"):
        V2XumTokens(mute, SlotMap())
    mute.chat_template = "{{ messages[0]['role'] }}"
    with pytest.raises(ConfigError, match="does not keep <video>"):
        V2XumTokens(mute, SlotMap())
    mute.eos_token = None
    with pytest.raises(ConfigError, match="no end token"):
        V2XumTokens(mute, SlotMap())


@pytest.mark.parametrize("question", ["v2v", "v2t", "v2vt"])
@pytest.mark.parametrize("temporal_prompts", [True, False])
def test_a_prompt_is_the_chat_template_with_slots_and_frames_at_the_video(
    question: str, temporal_prompts: bool
) -> None:
    tokens = V2XumTokens(tokenizer(), SlotMap(50), temporal_prompts=temporal_prompts)
    ids = tokens.prompt(question)  # type: ignore[arg-type]
    assert (ids == FRAME).sum() == 50
    frame = tokenizer().convert_tokens_to_ids("<image>")
    shown = tokenizer().decode(np.where(ids == FRAME, frame, ids))
    asked = [{"role": "user", "content": ASK[question]}]  # type: ignore[index]
    template = tokenizer().apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
    texts = SlotMap(50).texts() if temporal_prompts else [""] * 50
    assert shown == template.replace("<video>", "".join(f"{text}<image>" for text in texts))


SENTENCE = (
    st.text("ab .,[]07\\<f>", min_size=1, max_size=20)
    .map(str.strip)
    .filter(lambda text: text != "" and not text.endswith("\\") and not text.startswith((".", "!", "?")))
)


@given(st.data(), st.sampled_from([10, 50, 100, 250, 1000]), st.integers(1, 2000))
@settings(deadline=None)
def test_an_answer_comes_back_as_the_sentences_and_frames_that_it_was_made_of(
    data: st.DataObject, slots: int, frames: int
) -> None:
    tokens = _tokens(slots)
    usable = np.flatnonzero(tokens.slots.needed(frames)).tolist()
    lines = data.draw(
        st.lists(
            st.tuples(st.lists(st.sampled_from(usable), min_size=1, max_size=3, unique=True), SENTENCE), max_size=4
        )
        .filter(bool)
        .map(lambda drawn: [(sorted(cited), text) for cited, text in drawn])
    )
    read = tokens.read("v2vt", tokens.answer(lines).tolist() + [tokens.pad] * 3, frames)
    shows = [tuple(sorted({tokens.slots.frame(slot, frames) for slot in cited})) for cited, _ in lines]
    assert read.interleaved == tuple(zip(shows, [text for _, text in lines], strict=True))
    assert read.keyframes == tuple(sorted({frame for cited in shows for frame in cited}))
    assert tokens.read("v2v", tokens.answer([(lines[0][0], "")]).tolist(), frames).keyframes == shows[0]
    text = " ".join(sentence for _, sentence in lines)
    assert tokens.read("v2t", tokens.answer([((), text)]).tolist(), frames).text == text


def test_an_answer_that_was_cut_off_keeps_its_whole_slots() -> None:
    tokens = _tokens(100)
    whole = tokens.answer([((3, 20), "A man."), ((50,), "A cat.")]).tolist()
    first = tokens.table.shape[1]
    assert tokens.read("v2vt", whole[:first], 100).keyframes == (3,)
    assert tokens.read("v2vt", whole[: first + 2], 100).keyframes == (3,)
    assert tokens.read("v2vt", whole[: 2 * first], 100).keyframes == (3, 20)
    assert tokens.read("v2vt", whole[: 2 * first], 100).interleaved == ()
    assert tokens.read("v2vt", whole[:-2], 100).keyframes == (3, 20, 50)


_TOKENS: dict[int, V2XumTokens] = {}


def _tokens(slots: int) -> V2XumTokens:
    return _TOKENS.setdefault(slots, V2XumTokens(tokenizer(), SlotMap(slots)))
