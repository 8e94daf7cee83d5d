"""Builds the tokenizer of the tiny checkpoints: byte-level BPE in which every phrase of the grammar is one token.

For the summarizer every number from 0 to 999 is one token too, so that it copies a second by copying one token. Any
other text works as well, in pieces of words or bytes.
"""

import itertools
import json
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from demo.world import COLOURS, COLUMNS, EMPTY, KINDS, PLACES, SHAPES, WORDS, make_script, refined
from schemas.repository import ROOT

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
IMAGE, AROUND_IMAGE, GLOBAL_IMAGE = "<image>", "<fake_token_around_image>", "<global-img>"
# Idefics3Processor looks up all these names, also those that are not used.
IMAGE_TOKENS = (IMAGE, AROUND_IMAGE, GLOBAL_IMAGE, "<end_of_utterance>", "<row_1_col_1>")
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for part in m['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}<image>{% elif 'text' in part %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PROMPTS = ROOT / "prompts"

_PHRASES = [
    *(f" rests {column}" for column in COLUMNS),
    *(f" {kind}" for kind in KINDS if " " in kind),
    *(f", {place}." for place in PLACES),
    *(f'", {place}.' for place in PLACES),  # after a sign's word
    EMPTY,
    f" {EMPTY}",
    " sign reads",
    ", a",
]
_OTHER = r" ?\p{L}+|{digits}| ?[^\s\p{L}\p{N}]+|\s"
_GRAMMAR_SIZE = 640
NUMBERS = 1000


def prompt_text(name: str) -> str:
    """Return the template of a prompt file such as `extract-tiny.v1`, stripped."""
    return (PROMPTS / f"{name}.md").read_text(encoding="utf-8").strip()


def build_tokenizer(*, images: bool) -> Any:
    """Train a PreTrainedTokenizerFast: with `images` the captioner's, otherwise the summarizer's, which has numbers."""
    special = [PAD, START, END, *(IMAGE_TOKENS if images else ())]
    phrases = "|".join(re.escape(phrase) + (r"\b" if phrase[-1].isalpha() else "") for phrase in _PHRASES)
    other = _OTHER.replace("{digits}", r"\d" if images else r"\d{1,3}")
    tokenizer = Tokenizer(models.BPE(byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(f"{phrases}|{other}"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_GRAMMAR_SIZE if images else _GRAMMAR_SIZE + NUMBERS,
        min_frequency=2,
        special_tokens=[AddedToken(name, special=True, normalized=False) for name in special],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(), trainer)
    names = {"image_token": IMAGE, "fake_image_token": AROUND_IMAGE, "global_image_token": GLOBAL_IMAGE}
    names |= {"boi_token": AROUND_IMAGE, "eoi_token": AROUND_IMAGE}
    make: Any = PreTrainedTokenizerFast  # its constructor is not typed
    built = make(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
        **({"extra_special_tokens": names} if images else {}),
    )
    built.chat_template = CHAT_TEMPLATE
    return built


def check_vocabulary(tokenizer: Any) -> None:
    """Raise ValueError unless every word and phrase of the grammar is one token."""
    words = [*_PHRASES, *(f" {word}" for word in (*COLOURS, *SHAPES, "appears", "leaves", "grows")), *WORDS, " A", "A"]
    split = [word for word in words if len(tokenizer(word)["input_ids"]) != 1]
    if split:
        raise ValueError(f"not single tokens: {split}")


def _corpus() -> Iterator[str]:
    # Often enough, so that numbers come before rare pieces of words.
    yield from [" ".join(map(str, range(NUMBERS)))] * 50
    for seed in range(300):
        yield from _texts(make_script(seed).captions)
    rng = random.Random(0)
    for _ in range(200):
        yield " ".join(rng.choice((*WORDS, *COLOURS, *SHAPES)) for _ in range(6))
    for word, place in itertools.product(WORDS, PLACES):
        yield from [f'A sign reads "{word}", {place}. {json.dumps(f"A sign reads {json.dumps(word)}.")}'] * 3
    for name in ("caption-tiny.v1", "extract-tiny.v1", "refine-tiny.v1"):
        yield from [f"user\n{prompt_text(name)}assistant\nsystem\n"] * 3


def _texts(captions: Sequence[str]) -> Iterator[str]:
    for second, caption in enumerate(captions):
        yield f"[{second},{second + 1}] {caption}\n"
    sentences = [{"keyframes": [1, 2], "text": refined(caption)} for caption in captions[:3]]
    yield json.dumps({"sentences": sentences}, separators=(",", ":"))
    yield json.dumps({"keyframes": [1, 2]}, separators=(",", ":"))
