"""Trains the tiny captioner, an Idefics3 of about a million parameters, from scratch on drawn frames.

Stage one trains only the vision side, on the slots (which object, where, which action); stage two trains everything on
the captions and keeps the slot loss. Without the slot loss the same budget does not get near.
"""

import logging
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
)
from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig

from demo.tiny_models.caption_data import SIDE, SLOT_SIZES, Shard, make_shard
from demo.tiny_models.tokenizer import CHAT_TEMPLATE, IMAGE, build_tokenizer, check_vocabulary, prompt_text

log = logging.getLogger(__name__)

SEED = 20_261_120
STAGE_ONE_STEPS, STAGE_TWO_STEPS = 2400, 3200
BATCH = 64
SHARD_FRAMES, SHARD_PASSES = 4096, 4
_PATCH, _SCALE = 8, 2
IMAGE_TOKENS = (SIDE // _PATCH // _SCALE) ** 2
_TEXT_WIDTH = 128
_LEARNING_RATE = 2e-3
_SLOT_WEIGHT = 0.3
_REPORT_EVERY, _CHECK_EVERY = 100, 800


@dataclass(frozen=True)
class Batch:
    """Pixels (b, 1, 3, 64, 64) in -1..1, slot classes (b, 10) and captions."""

    pixels: Tensor
    slots: Tensor
    captions: list[str]


class Captioner:
    """The model, its processor and the head of the slot loss, which is dropped after training."""

    def __init__(self) -> None:
        """Build the model with fresh weights."""
        self.processor: Any = build_processor()
        self.tokenizer: Any = self.processor.tokenizer
        self.model: Any = build_model(self.tokenizer)
        self.slot_head = nn.Linear(IMAGE_TOKENS * _TEXT_WIDTH, sum(SLOT_SIZES))
        content = [{"type": "text", "text": prompt_text("caption-tiny.v1")}, {"type": "image"}]
        messages: Any = [{"role": "user", "content": content}]
        prompt = self.processor.apply_chat_template(messages, add_generation_prompt=True)
        blank = np.zeros((3, SIDE, SIDE), dtype=np.uint8)
        self.prompt_ids: list[int] = self.processor(text=prompt, images=[blank])["input_ids"][0]

    def slot_loss(self, batch: Batch, features: Tensor | None = None) -> Tensor:
        """Return the mean cross-entropy over the slots; `features` (b * 16, 128) of the pictures, where known."""
        if features is None:
            mask = torch.ones(len(batch.captions), 1, SIDE, SIDE, dtype=torch.bool)
            features = torch.cat(list(self.model.model.get_image_features(batch.pixels, mask).pooler_output))
        logits = self.slot_head(features.reshape(len(batch.captions), -1)).split(SLOT_SIZES, dim=1)
        losses = [nn.functional.cross_entropy(part, batch.slots[:, slot]) for slot, part in enumerate(logits)]
        return torch.stack(losses).mean()

    def joint_loss(self, batch: Batch) -> Tensor:
        """Return caption loss (over the answer only) plus the weighted slot loss."""
        answers = [self.tokenizer(caption)["input_ids"] + [self.tokenizer.eos_token_id] for caption in batch.captions]
        longest = max(map(len, answers))
        count, start = len(answers), len(self.prompt_ids)
        ids = torch.full((count, start + longest), self.tokenizer.pad_token_id)
        labels = torch.full_like(ids, -100)
        for row, answer in enumerate(answers):
            ids[row, : start + len(answer)] = torch.tensor(self.prompt_ids + answer)
            labels[row, start : start + len(answer)] = torch.tensor(answer)
        output = self.model(
            pixel_values=batch.pixels,
            pixel_attention_mask=torch.ones(count, 1, SIDE, SIDE, dtype=torch.bool),
            input_ids=ids,
            attention_mask=torch.ones_like(ids),  # padding is on the right and has no labels: causal attention suffices
            labels=labels,
        )
        loss: Tensor = output.loss + _SLOT_WEIGHT * self.slot_loss(batch, output.image_hidden_states)
        return loss

    @torch.no_grad()
    def exact(self, shard: Shard) -> float:
        """Return the share of a shard's captions that greedy decoding gets exactly right."""
        self.model.eval()
        right = 0
        for first in range(0, len(shard.captions), BATCH):
            pixels = _normalized(shard.pixels[first : first + BATCH])
            ids = torch.tensor([self.prompt_ids] * len(pixels))
            output = self.model.generate(
                pixel_values=pixels,
                pixel_attention_mask=torch.ones(len(pixels), 1, SIDE, SIDE, dtype=torch.bool),
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=40,
                do_sample=False,
            )
            said = self.tokenizer.batch_decode(output[:, ids.shape[1] :], skip_special_tokens=True)
            right += sum(one == other for one, other in zip(said, shard.captions[first:], strict=False))
        self.model.train()
        return right / len(shard.captions)

    def save(self, out: Path) -> None:
        """Write the checkpoint, processor and tokenizer in the layout of transformers."""
        self.model.save_pretrained(out)
        self.processor.save_pretrained(out)


def build_processor() -> Idefics3Processor:
    """Make the processor: one 64x64 picture, no splitting, 16 image tokens."""
    tokenizer = build_tokenizer(images=True)
    check_vocabulary(tokenizer)
    edge = {"longest_edge": SIDE}
    pictures = Idefics3ImageProcessorPil(do_image_splitting=False, size=edge, max_image_size=edge)
    return Idefics3Processor(pictures, tokenizer, image_seq_len=IMAGE_TOKENS, chat_template=CHAT_TEMPLATE)


def build_model(tokenizer: Any) -> Any:
    """Make the Idefics3ForConditionalGeneration with fresh weights and its generation settings."""
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=_TEXT_WIDTH,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    vision = Idefics3VisionConfig(
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=_PATCH,
    )
    config = Idefics3Config(
        vision_config=vision,
        text_config=text,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        scale_factor=_SCALE,
        tie_word_embeddings=True,
    )
    config.pad_token_id = tokenizer.pad_token_id
    model: Any = Idefics3ForConditionalGeneration(config)
    model.generation_config.bos_token_id = None
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model


def train(out: Path) -> None:
    """Train with the fixed seed and step counts, and write the checkpoint to `out`."""
    torch.manual_seed(SEED)
    captioner = Captioner()
    log.info("%d parameters", sum(weights.numel() for weights in captioner.model.parameters()))
    held_out = make_shard(0, 512, held_out=True)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        batches = _batches(pool)
        _stage(captioner, batches, STAGE_ONE_STEPS, None, out, vision_only=True)
        _stage(captioner, batches, STAGE_TWO_STEPS, held_out, out, vision_only=False)
        batches.close()  # type: ignore[attr-defined]
    captioner.save(out)


def _stage(
    captioner: Captioner, batches: Iterator[Batch], steps: int, check: Shard | None, out: Path, *, vision_only: bool
) -> None:
    parameters = [*captioner.model.parameters(), *captioner.slot_head.parameters()]
    groups = [
        {"params": [weights for weights in parameters if weights.ndim >= 2], "weight_decay": 0.01},
        {"params": [weights for weights in parameters if weights.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=_LEARNING_RATE, betas=(0.9, 0.98))
    total = 0.0
    captioner.model.train()
    for step in range(steps):
        # The vision side goes on learning in stage two, so stage one does not cool down fully.
        floor = 0.2 if vision_only else 0.02
        pace = min(1.0, (step + 1) / 100) * (floor + (1 - floor) * (1 + math.cos(math.pi * step / steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * pace
        batch = next(batches)
        loss = captioner.slot_loss(batch) if vision_only else captioner.joint_loss(batch)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        total += loss.item()
        if (step + 1) % _REPORT_EVERY == 0:
            log.info("%s step %d loss %.4f", "vision" if vision_only else "joint", step + 1, total / _REPORT_EVERY)
            total = 0.0
        if check is not None and (step + 1) % _CHECK_EVERY == 0:
            log.info("captions exactly right: %.4f", captioner.exact(check))
            captioner.save(out)


def _batches(pool: ProcessPoolExecutor) -> Iterator[Batch]:
    """Yield batches for ever; while one shard is in use the next is drawn in the other process."""
    rng = np.random.default_rng(SEED)
    coming = pool.submit(make_shard, 0, SHARD_FRAMES)
    index = 0
    while True:
        shard = coming.result()
        index += 1
        coming = pool.submit(make_shard, index, SHARD_FRAMES)
        for _ in range(SHARD_PASSES):
            order = rng.permutation(SHARD_FRAMES)
            for first in range(0, SHARD_FRAMES, BATCH):
                chosen = order[first : first + BATCH]
                pixels = _jittered(_normalized(shard.pixels[chosen]), rng)
                yield Batch(pixels, torch.from_numpy(shard.slots[chosen]), [shard.captions[i] for i in chosen])


def _normalized(pixels: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(pixels.astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1.0)[:, None]


def _jittered(pixels: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift the batch by up to two pixels and change brightness a little, so that repeated frames differ."""
    down, right = (int(value) for value in rng.integers(-2, 3, 2))
    padded = nn.functional.pad(pixels[:, 0], (2, 2, 2, 2), mode="replicate")
    shifted = padded[:, :, 2 + down : 2 + down + SIDE, 2 + right : 2 + right + SIDE][:, None]
    gain = torch.from_numpy(rng.uniform(0.94, 1.06, (len(pixels), 1, 1, 1, 1)).astype(np.float32))
    return ((shifted + 1) * gain - 1).clamp(-1, 1)
