"""Teaches the tiny captioner films without marks: one copy reads frames, another reads clips, both in the same way.

Both begin with its committed weights, see the same windows and get as many captions in each step. Stage one trains the
vision part alone, on the slots; stage two trains all parts on the captions and keeps the slot loss, as the captioner
was trained. In clips the slots are told from a picture and the one before, since no single picture tells what is under
way. Clips begin with one caption a request and grow: to compare two pictures is what the model learns last.
"""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText, AutoProcessor

from demo.tiny_models.batches import jittered, normalized
from demo.tiny_models.caption_data import SIDE, SLOT_SIZES
from demo.tiny_models.captioner import IMAGE_TOKENS
from demo.tiny_models.motion_data import (
    CLIP_SIZES,
    SHARD_PASSES,
    SHARD_WINDOWS,
    WINDOW,
    Asked,
    Unit,
    Windows,
    asked,
    message,
    shards,
)
from demo.tiny_models.tokenizer import IMAGE
from models.weights import load_weights, quiet_loading

log = logging.getLogger(__name__)

SEED, STEPS = 1, 3000  # the steps of stage one come first
STEP_WINDOWS = 8  # of a step: 64 captions
_VISION_SHARE = 1 / 3  # of the steps, in stage one
_GROWN_AT = 0.7  # the part of stage two after which clips have every size
_LEARNING_RATE, _WARM_UP, _LEAST_PACE = 2e-3, 100, 0.02
_SLOT_WEIGHT = 0.3
_REPORT_EVERY = 50


class MotionReader:
    """A copy of the captioner that learns frames or clips, and the head of the slot loss, which is not kept."""

    def __init__(self, source: Path, unit: Unit) -> None:
        """Begin with the weights of the checkpoint `source`."""
        self.unit: Unit = unit
        reader: Any = AutoProcessor
        with quiet_loading():
            self.processor: Any = reader.from_pretrained(source)
            self.model: Any = load_weights(AutoModelForImageTextToText, str(source)).train()
        self.tokenizer: Any = self.processor.tokenizer
        blank = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
        (picture,) = self.processor(text=[IMAGE], images=[[blank]], add_special_tokens=False)["input_ids"]
        self._picture: str = self.tokenizer.decode(picture)
        width = self.model.config.text_config.hidden_size * IMAGE_TOKENS * (2 if unit == "clip" else 1)
        self.slot_head = nn.Linear(width, sum(SLOT_SIZES))

    def prompt_ids(self, one: Asked) -> list[int]:
        """The tokens of a request, as the processor would write them."""
        content = [{"role": "user", "content": message(one, self.unit)}]
        text: str = self.processor.apply_chat_template(content, add_generation_prompt=True, tokenize=False)
        ids: list[int] = self.tokenizer(text.replace(IMAGE, self._picture), add_special_tokens=False)["input_ids"]
        return ids

    def vision_loss(self, windows: Sequence[Sequence[Asked]], pixels: Tensor) -> Tensor:
        """The slot loss alone, without the language model; the arguments are those of `loss`."""
        shown = torch.cat([pixels[window, list(one.shown)] for window, of in enumerate(windows) for one in of])
        mask = torch.ones(len(shown), 1, SIDE, SIDE, dtype=torch.bool)
        features = torch.cat(list(self.model.model.get_image_features(shown[:, None], mask).pooler_output))
        return self._slot_loss([one for of in windows for one in of], features)

    def loss(self, windows: Sequence[Sequence[Asked]], pixels: Tensor) -> Tensor:
        """Caption loss (over the answers alone) plus the weighted slot loss.

        `windows` are the requests about each window, `pixels` (windows, WINDOW + 1, 3, 64, 64) its pictures.
        """
        requests = [one for of in windows for one in of]
        prompts = [self.prompt_ids(one) for one in requests]
        answers = [self.tokenizer(one.answer)["input_ids"] + [self.tokenizer.eos_token_id] for one in requests]
        longest = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
        ids = torch.full((len(requests), longest), self.tokenizer.pad_token_id)
        labels = torch.full_like(ids, -100)
        for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
            ids[row, : len(prompt) + len(answer)] = torch.tensor(prompt + answer)
            labels[row, len(prompt) : len(prompt) + len(answer)] = torch.tensor(answer)
        most = max(len(one.shown) for one in requests)
        shown = torch.zeros(len(requests), most, 3, SIDE, SIDE)  # the model leaves out pictures of zeros
        pictures = [pixels[window, list(one.shown)] for window, of in enumerate(windows) for one in of]
        for row, some in enumerate(pictures):
            shown[row, : len(some)] = some
        output = self.model(
            pixel_values=shown,
            pixel_attention_mask=torch.ones(len(requests), most, SIDE, SIDE, dtype=torch.bool),
            input_ids=ids,
            attention_mask=torch.ones_like(ids),  # padding is on the right, without labels: causal attention is enough
            labels=labels,
        )
        loss: Tensor = output.loss + _SLOT_WEIGHT * self._slot_loss(requests, output.image_hidden_states)
        return loss

    def _slot_loss(self, requests: Sequence[Asked], features: Tensor) -> Tensor:
        """The mean cross-entropy over the slots of every picture that gets a caption."""
        of = features.reshape(sum(len(one.shown) for one in requests), -1)
        rows: list[Tensor] = []
        first = 0
        for one in requests:
            own = of[first : first + len(one.shown)]
            first += len(one.shown)
            if self.unit == "clip":
                before = torch.cat([torch.zeros_like(own[:1]), own[:-1]])
                own = torch.cat([own, before], dim=1)
            rows.append(own[-len(one.slots) :])
        logits = self.slot_head(torch.cat(rows)).split(SLOT_SIZES, dim=1)
        known = torch.from_numpy(np.concatenate([one.slots for one in requests]))
        losses = [nn.functional.cross_entropy(part, known[:, slot]) for slot, part in enumerate(logits)]
        return torch.stack(losses).mean()


def train(source: Path, out: Path, unit: Unit, steps: int = STEPS) -> float:
    """Teach a copy of the captioner `source`, and write it to `out`, as a whole; returns its latest mean loss."""
    torch.manual_seed(SEED)
    reader = MotionReader(source, unit)
    rng = np.random.default_rng(SEED)
    parameters = [*reader.model.parameters(), *reader.slot_head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    totals: list[float] = []
    first = round(_VISION_SHARE * steps)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for step, (shard, chosen) in zip(range(steps), _batches(pool, rng), strict=False):
            stage, at, of = ("vision", step, first) if step < first else ("joint", step - first, steps - first)
            # The vision part goes on learning in stage two, so the learning rate of stage one ends above zero.
            least = 0.2 if stage == "vision" else _LEAST_PACE
            fading = least + (1 - least) * (1 + math.cos(math.pi * at / of)) / 2
            for group in optimizer.param_groups:
                group["lr"] = _LEARNING_RATE * min(1.0, (at + 1) / _WARM_UP) * fading
            windows, pixels = _drawn(reader.unit, shard, chosen, _size(at / of, stage, rng), rng)
            loss = reader.vision_loss(windows, pixels) if stage == "vision" else reader.loss(windows, pixels)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            totals = [*totals[1 - _REPORT_EVERY :], loss.item()]
            if (step + 1) % _REPORT_EVERY == 0:
                log.info("%s %s step %d loss %.4f", unit, stage, step + 1, sum(totals) / len(totals))
    made = out.with_name(f".{out.name}")
    shutil.rmtree(made, ignore_errors=True)
    reader.model.save_pretrained(made)
    reader.processor.save_pretrained(made)
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)
    return sum(totals) / max(1, len(totals))


def _batches(pool: ProcessPoolExecutor, rng: np.random.Generator) -> Iterator[tuple[Windows, list[int]]]:
    """Shards with the windows of a step, without end; each shard is passed several times."""
    for shard in shards(pool):
        for _ in range(SHARD_PASSES):
            for chosen in rng.permutation(SHARD_WINDOWS).reshape(-1, STEP_WINDOWS):
                yield shard, chosen.tolist()


def _size(progress: float, stage: str, rng: np.random.Generator) -> int:
    """How many pictures of a request get a caption at this part (0..1) of a stage."""
    if stage == "vision":
        return WINDOW
    grown = min(len(CLIP_SIZES), 1 + int(len(CLIP_SIZES) * progress / _GROWN_AT))
    return int(rng.choice(CLIP_SIZES[max(0, grown - 2) : grown] if progress < _GROWN_AT else CLIP_SIZES))


def _drawn(
    unit: Unit, shard: Windows, chosen: Sequence[int], size: int, rng: np.random.Generator
) -> tuple[list[list[Asked]], Tensor]:
    """The requests about the chosen windows, and their pictures (windows, WINDOW + 1, 3, 64, 64)."""
    pixels = jittered(normalized(shard.pixels[list(chosen)].reshape(-1, SIDE, SIDE, 3)), rng)
    windows = [asked(shard, window, unit, size) for window in chosen]
    return windows, pixels.reshape(len(chosen), WINDOW + 1, 3, SIDE, SIDE)
