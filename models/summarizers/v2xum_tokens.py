"""Prompts and answers of V2Xum as token ids, and answers read back.

A prompt is the tokenizer's chat template around upstream's instruction; at `<video>` stand the frames, each as one
place (FRAME) after the tokens of its slot's text. An answer is tokenized in pieces: slots are always the same tokens,
so that `][` or ` [` never becomes a token of its own.

    v2v   [05][09]                      v2t   Sentence. Sentence.
    v2vt  [05][09]Sentence. [15]Sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.summarizers.predicted import Predicted
from models.summarizers.slots import SlotMap
from schemas.errors import ConfigError
from schemas.instructions import ASK, VIDEO_MARK
from schemas.marks import escape_marks
from schemas.temporal import SlotLine
from schemas.temporal_lenient import lenient_slots
from schemas.time import Slot

Ids = NDArray[np.int64]
Question = Literal["v2v", "v2t", "v2vt", "caption"]
FRAME = -200  # the place of a frame's vector among token ids
IGNORED = -100  # the label of a token that the loss leaves out
_CUT_OFF = re.compile(r"\[[0-9]*$")
_ASK: dict[Question, str] = {"v2v": ASK["v2v"], "v2t": ASK["v2t"], "v2vt": ASK["v2vt"], "caption": VIDEO_MARK}


class V2XumTokens:
    """The tokenizer of a language model with N slots."""

    def __init__(self, tokenizer: Any, slots: SlotMap, *, temporal_prompts: bool = True) -> None:
        """Raises ConfigError for a tokenizer without chat template or end, or whose slots are not alike or get lost."""
        self.tokenizer, self.slots, self.temporal_prompts = tokenizer, slots, temporal_prompts
        if tokenizer.eos_token_id is None:
            raise ConfigError("the tokenizer has no end token (eos_token), so that an answer could not end")
        if not tokenizer.chat_template:
            raise ConfigError("the tokenizer has no chat template: take the instruct version of the language model")
        self.end = int(tokenizer.eos_token_id)
        self.pad = self.end if tokenizer.pad_token_id is None else int(tokenizer.pad_token_id)
        self.table = slot_table(tokenizer, slots)
        pieces = {ask: self._around(text) for ask, text in _ASK.items()}
        frame = np.full((slots.slots, 1), FRAME)
        frames = np.concatenate([self.table, frame], axis=1) if temporal_prompts else frame
        self._prompts: dict[Question, Ids] = {
            ask: np.concatenate([before, frame[:1].ravel() if ask == "caption" else frames.ravel(), after])
            for ask, (before, after) in pieces.items()
        }
        self._check_reading()

    def prompt(self, question: Question) -> Ids:
        """The ids of a prompt, with FRAME at the places of N vectors (`caption`: of one)."""
        return self._prompts[question]

    def answer(self, lines: Sequence[tuple[Sequence[int], str]]) -> Ids:
        """The ids of an answer with its end: sentences with their slots; `v2v`: [(slots, "")], `v2t`: [((), text)]."""
        parts: list[Ids] = []
        for place, (slots, text) in enumerate(lines):
            parts += [self.table[slot] for slot in slots]
            body = escape_marks(text) if slots else text
            parts.append(self.ids(body + (" " if body and place + 1 < len(lines) else "")))
        return np.concatenate([*parts, np.array([self.end])])

    def read(self, question: Question, ids: Sequence[int], frames: int) -> Predicted:
        """The summary that generated ids say, for a video of F sampled frames; without scores.

        What follows the end is left out, and so is a slot that was cut off.
        """
        kept = [int(token) for token in ids]
        whole = self.end in kept
        text = self._text(kept[: kept.index(self.end)] if whole else kept).strip()
        text = text if whole else _CUT_OFF.sub("", text)
        if question in ("v2t", "caption"):
            return Predicted(None, (), text=text)
        # A full stop: slots without a sentence (v2v, or an answer that was cut off) are chosen all the same.
        chosen = {slot for line in lenient_slots(text + ".", self.slots.slots).lines for slot in line.slots}
        keyframes = tuple(sorted({self.slots.frame(slot, frames) for slot in chosen}))
        if question == "v2v":
            return Predicted(None, keyframes)
        lines = lenient_slots(text, self.slots.slots).lines
        cited = tuple(
            (tuple(sorted({self.slots.frame(slot, frames) for slot in line.slots})), line.text) for line in lines
        )
        return Predicted(None, keyframes, " ".join(sentence for _, sentence in cited), cited)

    @cached_property
    def banned(self) -> NDArray[np.bool_]:
        """Which tokens [V] a sentence must not hold: those with `[` or a backslash, and special ones but the end."""
        banned = self.special.copy()
        for piece, token in self.tokenizer.get_vocab().items():
            banned[token] |= "[" in piece or "\\" in piece or piece in ("<0x5B>", "<0x5C>")
        banned[self.end] = False
        return banned

    @cached_property
    def special(self) -> NDArray[np.bool_]:
        """Which tokens [V] are not text, the end among them."""
        special = np.zeros(len(self.tokenizer), bool)
        special[[*self.tokenizer.all_special_ids, self.end]] = True
        return special

    @cached_property
    def blank(self) -> NDArray[np.bool_]:
        """Which tokens [V] write nothing but white space."""
        alone = [[token] for token in range(len(self.tokenizer))]
        return np.array([not text.strip() for text in self.tokenizer.batch_decode(alone)])

    def _around(self, ask: str) -> tuple[Ids, Ids]:
        asked = [{"role": "user", "content": ask}]
        text = self.tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True)
        if text.count(VIDEO_MARK) != 1:
            raise ConfigError(f"the tokenizer's chat template does not keep {VIDEO_MARK}: {text[:80]!r}")
        before, after = text.split(VIDEO_MARK)
        return self.ids(before), self.ids(after)

    def ids(self, text: str) -> Ids:
        """The ids of a text, without marks around it."""
        return np.array(self.tokenizer(text, add_special_tokens=False)["input_ids"] if text else [], np.int64)

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    def _check_reading(self) -> None:
        last = self.slots.slots - 1
        lines = [SlotLine((Slot(0), Slot(1)), "A man."), SlotLine((Slot(last),), "A sign reads 7.")]
        text = self._text(self.answer(lines).tolist())
        if lenient_slots(text, self.slots.slots).lines != tuple(lines):
            raise ConfigError(f"the tokenizer does not give back what it was given: {text!r}; take another one")


def slot_table(tokenizer: Any, slots: SlotMap) -> Ids:
    """The tokens of every slot's text, int64 [N, L]. Raises ConfigError where they are not alike in length or get lost.

    Slots have equally many digits, but a tokenizer may join some of them (`[100]`) to fewer tokens than others.
    """
    texts = slots.texts()
    ids = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    for text, tokens in zip(texts, ids, strict=True):
        if len(tokens) != len(ids[0]):
            raise ConfigError(
                f"the tokenizer's slots split unevenly: {texts[0]} is {len(ids[0])} tokens and {text} {len(tokens)}. "
                "Take another number of slots, or a tokenizer that splits numbers into digits"
            )
        if tokenizer.decode(tokens, clean_up_tokenization_spaces=False).strip() != text:
            raise ConfigError(f"the tokenizer loses the slot {text}: it cannot write all of `[0-9]`")
    table = np.array(ids, np.int64)
    if len(np.unique(table, axis=0)) != len(texts):
        raise ConfigError("the tokenizer writes several slots alike: it does not know all digits")
    return table
