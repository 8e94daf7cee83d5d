"""Teaches the tiny summarizer to read what is said: a few hundred steps that begin with its committed weights.

The text of each prompt of speech becomes one token, as every phrase of the demo's grammar is one. The model reads the
request of production; it need not learn English for it.
"""

from __future__ import annotations

import logging
import math
import random
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, AutoTokenizer

from demo.tiny_models.caption_data import FIRST_HELD_OUT_SEED
from demo.tiny_models.speech_data import EXTRACT, REFINE, told_extraction, told_refinement, told_scripts
from demo.tiny_models.summarizer import Summarizer
from demo.tiny_models.summary_data import LONGEST_EXTRACTION
from models.weights import load_weights, quiet_loading
from prompts import load

log = logging.getLogger(__name__)

SEED, STEPS = 1, 1000
_SCRIPTS = 1500
_TASKS = ((told_extraction, LONGEST_EXTRACTION, 96), (told_refinement, 1, 5))  # maker, longest window, lines a step
_GROWN_AT = 0.3  # the part of the steps after which windows have their full length
_LEARNING_RATE, _WARM_UP, _LEAST_PACE = 2e-3, 40, 0.02
_REPORT_EVERY, _CHECKED = 50, 200


def train(source: Path, out: Path, steps: int = STEPS) -> dict[str, float]:
    """Teach a copy of the summarizer `source`, and write it to `out`, as a whole.

    Returns the shares (0..1) of held-out extractions and refinements whose whole answer is the greedy choice.
    """
    torch.manual_seed(SEED)
    summarizer = with_speech_tokens(source)
    scripts = told_scripts(range(_SCRIPTS))
    rng = random.Random(SEED)
    parameters = list(summarizer.model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    totals = [0.0] * len(_TASKS)
    for step in range(steps):
        fading = _LEAST_PACE + (1 - _LEAST_PACE) * (1 + math.cos(math.pi * step / steps)) / 2
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * min(1.0, (step + 1) / _WARM_UP) * fading
        optimizer.zero_grad(set_to_none=True)
        for task, (maker, longest, lines) in enumerate(_TASKS):
            grown = min(longest, 1 + int(longest * step / (_GROWN_AT * steps)))
            count = rng.randint(max(1, grown - 1), grown)
            loss = summarizer.loss([maker(rng, scripts, count) for _ in range(lines // count)])
            torch.autograd.backward([loss])
            totals[task] += loss.item() / _REPORT_EVERY
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        if (step + 1) % _REPORT_EVERY == 0:
            log.info("step %d losses %s", step + 1, " ".join(f"{total:.3f}" for total in totals))
            totals = [0.0] * len(_TASKS)
    made = out.with_name(f".{out.name}")
    shutil.rmtree(made, ignore_errors=True)
    summarizer.save(made)
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    return exact(summarizer)


def with_speech_tokens(source: Path) -> Summarizer:
    """The summarizer `source` with a token for each prompt of speech; its other weights are as they were."""
    reader: Any = AutoTokenizer
    with quiet_loading(), torch.no_grad():
        tokenizer = reader.from_pretrained(source)
        model = load_weights(AutoModelForCausalLM, str(source))
        tokenizer.add_tokens([load(name).own.strip() for name in (EXTRACT, REFINE)])
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    return Summarizer(tokenizer, model.train())


def exact(summarizer: Summarizer) -> dict[str, float]:
    """The shares of held-out windows with speech of which the whole answer is right."""
    held_out = told_scripts(range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + 100))
    return {
        maker.__name__: summarizer.exact([maker(random.Random(i), held_out, longest) for i in range(_CHECKED)])
        for maker, longest, _ in _TASKS
    }
