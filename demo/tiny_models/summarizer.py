"""Trains the tiny summarizer from scratch: a Llama that extracts and refines, on windows that grow in length.

Such a model learns to copy last of all, so training begins with repeating random rows of tokens.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from demo.tiny_models.caption_data import FIRST_HELD_OUT_SEED
from demo.tiny_models.summary_data import (
    LONGEST_EXTRACTION,
    LONGEST_REFINEMENT,
    Example,
    ScriptTruth,
    extraction,
    refinement,
    script_truths,
)
from demo.tiny_models.tokenizer import END, build_tokenizer, check_vocabulary

log = logging.getLogger(__name__)

SEED = 1
COPY_STEPS, STEPS = 200, 1900  # the copying steps are the first of all steps
COPY_ROWS, COPY_LENGTH = 48, 20
SCRIPTS = 4000
_GROWN_AT = 0.4  # the part of the later steps after which windows have their full length
_LINES_A_BATCH = 300
_WIDTH, _LAYERS = 128, 4
_LEARNING_RATE = 3e-3
_IGNORED = -100
_REPORT_EVERY, _CHECK_EVERY, _CHECKED = 50, 300, 200

_Maker = Callable[[random.Random, Sequence[ScriptTruth], int], Example]
_TASKS: tuple[tuple[_Maker, int, int], ...] = (
    (extraction, LONGEST_EXTRACTION, _LINES_A_BATCH),
    (refinement, LONGEST_REFINEMENT, _LINES_A_BATCH // 2),
)


class Summarizer:
    """The model and its tokenizer."""

    def __init__(self, tokenizer: Any, model: Any) -> None:
        """Train this causal language model, and read texts by its tokenizer."""
        self.tokenizer = tokenizer
        self.model = model
        self.end: int = self.tokenizer.convert_tokens_to_ids(END)

    @classmethod
    def fresh(cls) -> Summarizer:
        """The model with fresh weights."""
        tokenizer = build_tokenizer(images=False)
        check_vocabulary(tokenizer)
        return cls(tokenizer, build_model(tokenizer))

    def encode(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        """Token ids (b, n) padded on the right, and labels (b, n) that ignore all but the answers."""
        prompts = [
            self.tokenizer.apply_chat_template(
                [{"role": "user", "content": example.prompt}], tokenize=False, add_generation_prompt=True
            )
            for example in examples
        ]
        prompt_ids = self.tokenizer(prompts)["input_ids"]
        answer_ids = self.tokenizer([example.answer for example in examples])["input_ids"]
        longest = max(len(prompt) + len(answer) for prompt, answer in zip(prompt_ids, answer_ids, strict=True)) + 1
        ids = torch.full((len(examples), longest), self.tokenizer.pad_token_id)
        labels = torch.full((len(examples), longest), _IGNORED)
        for row, (prompt, answer) in enumerate(zip(prompt_ids, answer_ids, strict=True)):
            whole = [*prompt, *answer, self.end]
            ids[row, : len(whole)] = torch.tensor(whole)
            labels[row, len(prompt) : len(whole)] = torch.tensor(whole[len(prompt) :])
        return ids, labels

    def logits(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (answer tokens, vocabulary), the right tokens, and the example that each belongs to."""
        ids, labels = self.encode(examples)
        # Padding is on the right and has no labels: causal attention without a mask is enough, and faster.
        states = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
        answers = labels[:, 1:] != _IGNORED
        return self.model.lm_head(states[:, :-1][answers]), labels[:, 1:][answers], answers.nonzero()[:, 0]

    def loss(self, examples: Sequence[Example]) -> Tensor:
        """Return the mean cross-entropy of the answers' tokens."""
        logits, right, _ = self.logits(examples)
        return nn.functional.cross_entropy(logits, right)

    def copy_loss(self, generator: torch.Generator) -> Tensor:
        """Return the loss of repeating a random row of tokens, for a batch of rows."""
        row = torch.randint(3, len(self.tokenizer), (COPY_ROWS, COPY_LENGTH), generator=generator)
        states = self.model.model(input_ids=torch.cat([row, row], dim=1), use_cache=False).last_hidden_state
        logits = self.model.lm_head(states[:, COPY_LENGTH:-1])
        return nn.functional.cross_entropy(logits.flatten(0, 1), row[:, 1:].flatten())

    @torch.no_grad()
    def exact(self, examples: Sequence[Example]) -> float:
        """Return the share of examples whose whole answer is the greedy choice, token by token."""
        self.model.eval()
        wrong: set[tuple[int, int]] = set()
        for first in range(0, len(examples), 50):
            logits, right, rows = self.logits(examples[first : first + 50])
            wrong |= {(first, row) for row in rows[logits.argmax(1) != right].tolist()}
        self.model.train()
        return 1 - len(wrong) / len(examples)

    def save(self, out: Path) -> None:
        """Write the checkpoint and tokenizer in the layout of transformers."""
        self.model.save_pretrained(out)
        self.tokenizer.save_pretrained(out)


def build_model(tokenizer: Any) -> Any:
    """Make the LlamaForCausalLM with fresh weights and its generation settings."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_WIDTH,
        intermediate_size=256,
        num_hidden_layers=_LAYERS,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model: Any = LlamaForCausalLM(config)
    model.generation_config.bos_token_id = None
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def train(out: Path, steps: int = STEPS, seed: int = SEED) -> None:
    """Train with the fixed step counts, and write the checkpoint to `out`; fewer `steps` are for tests.

    Another `seed` gives another model of the same kind: other first weights, and other windows in another order.
    """
    torch.manual_seed(seed)
    summarizer = Summarizer.fresh()
    scripts = script_truths(range(SCRIPTS))
    held_out = script_truths(range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + 100))
    parameters = list(summarizer.model.parameters())
    log.info("%d parameters", sum(weights.numel() for weights in parameters))
    rng = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    totals = [0.0] * len(_TASKS)
    for step in range(steps):
        pace = min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (1 + math.cos(math.pi * step / STEPS)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * pace
        optimizer.zero_grad(set_to_none=True)
        if step < COPY_STEPS:
            losses = [summarizer.copy_loss(generator)]
        else:
            losses = [summarizer.loss(_examples(rng, scripts, task, step)) for task in _TASKS]
        torch.autograd.backward(losses)
        for task, loss in enumerate(losses):
            totals[task] += loss.item() / _REPORT_EVERY
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if (step + 1) % _REPORT_EVERY == 0:
            log.info("step %d losses %s", step + 1, " ".join(f"{total:.3f}" for total in totals))
            totals = [0.0] * len(_TASKS)
        if step >= COPY_STEPS and (step + 1) % _CHECK_EVERY == 0:
            log.info("whole answers right: %s", _check(summarizer, held_out))
            summarizer.save(out)
    summarizer.save(out)


def _examples(
    rng: random.Random, scripts: Sequence[ScriptTruth], task: tuple[_Maker, int, int], step: int
) -> list[Example]:
    """Make a batch of windows of equal length; the greatest length grows with the steps."""
    maker, longest, lines_a_batch = task
    grown = (step - COPY_STEPS) / (STEPS - COPY_STEPS) / _GROWN_AT
    lines = rng.randint(1, max(1, min(longest, round(longest * grown + 0.5))))
    return [maker(rng, scripts, lines) for _ in range(max(12, lines_a_batch // (2 + lines)))]


def _check(summarizer: Summarizer, held_out: Sequence[ScriptTruth]) -> dict[str, float]:
    return {
        maker.__name__: summarizer.exact([maker(random.Random(i), held_out, longest) for i in range(_CHECKED)])
        for maker, longest, _ in _TASKS
    }
