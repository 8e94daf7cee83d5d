"""Trains the tiny captioner, an Idefics3 of about a million parameters, from scratch on drawn frames.

Stage one trains only the vision part, on the slots (which object, where, which action). Stage two trains all parts on
the captions and keeps the slot loss. Without the slot loss the same number of steps gives a much worse captioner.
"""

import logging
import math
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
)
from transformers.models.idefics3.configuration_idefics3 import Idefics3VisionConfig

from demo.tiny_models.batches import Batch, batches, normalized
from demo.tiny_models.caption_data import SIDE, SLOT_SIZES, Shard, make_shard
from demo.tiny_models.tokenizer import CHAT_TEMPLATE, IMAGE, build_tokenizer, check_vocabulary, prompt_text

log = logging.getLogger(__name__)

SEED = 20_261_120
STAGE_ONE_STEPS, STAGE_TWO_STEPS = 2400, 3200
BATCH = 64
_PATCH, _SCALE = 8, 2
IMAGE_TOKENS = (SIDE // _PATCH // _SCALE) ** 2
_TEXT_WIDTH = 128
_LEARNING_RATE = 2e-3
_SLOT_WEIGHT = 0.3
_REPORT_EVERY, _CHECK_EVERY = 100, 800


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
            features = torch.cat(list(self.model.model.get_image_features(batch.pixels[:, None], mask).pooler_output))
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
            pixel_values=batch.pixels[:, None],  # one picture a prompt
            pixel_attention_mask=torch.ones(count, 1, SIDE, SIDE, dtype=torch.bool),
            input_ids=ids,
            attention_mask=torch.ones_like(ids),  # padding is on the right, without labels: causal attention is enough
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
            pixels = normalized(shard.pixels[first : first + BATCH])[:, None]
            ids = torch.tensor([self.prompt_ids] * len(pixels))
            output = self.model.generate(
                pixel_values=pixels,
                pixel_attention_mask=torch.ones(len(pixels), 1, SIDE, SIDE, dtype=torch.bool),
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=40,
                do_sample=False,
            )
            texts = self.tokenizer.batch_decode(output[:, ids.shape[1] :], skip_special_tokens=True)
            right += sum(text == caption for text, caption in zip(texts, shard.captions[first:], strict=False))
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
        coming = batches(pool, SEED, BATCH)
        _stage(captioner, coming, STAGE_ONE_STEPS, None, out, vision_only=True)
        _stage(captioner, coming, STAGE_TWO_STEPS, held_out, out, vision_only=False)
        coming.close()  # type: ignore[attr-defined]
    captioner.save(out)


def _stage(
    captioner: Captioner, coming: Iterator[Batch], steps: int, check: Shard | None, out: Path, *, vision_only: bool
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
        # The vision part goes on learning in stage two, so the learning rate of stage one ends above zero.
        floor = 0.2 if vision_only else 0.02
        pace = min(1.0, (step + 1) / 100) * (floor + (1 - floor) * (1 + math.cos(math.pi * step / steps)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * pace
        batch = next(coming)
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
