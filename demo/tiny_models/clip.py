"""Trains the tiny CLIP, half a million parameters, from scratch on drawn frames and their captions.

The loss is CLIP's (Radford et al., 2021) with one change: equal captions in a batch count as equal partners, because
quiet seconds of a script share a caption. The slots (which object, where, which action) are a second task for the
picture's vector: without them the same number of steps learns colours and no shapes.
"""

import json
import logging
import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from tokenizers import processors
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPProcessor

from demo.tiny_models.batches import Batch, batches, normalized
from demo.tiny_models.caption_data import SIDE, SLOT_SIZES, Shard, make_shard
from demo.tiny_models.tokenizer import build_tokenizer, check_vocabulary

log = logging.getLogger(__name__)

SEED = 20_261_121
STEPS, BATCH = 1500, 128
CONTEXT = 48  # tokens; the captions of this world have about ten
# transformers treats an end mark with id 2 as that of old CLIP checkpoints and then pools at another place, so
# <|im_end|>, which has id 2, cannot end a text.
_END = "<end_of_utterance>"
_WIDTH, _WIDE, _HEADS, _SPACE = 96, 192, 4, 64
_VISION_LAYERS, _TEXT_LAYERS, _PATCH = 3, 2, 8
_LEARNING_RATE, _SLOT_WEIGHT = 2e-3, 0.5
_REPORT_EVERY, _CHECK_EVERY, _CHECKED, _OTHERS = 50, 250, 1024, 16


class Trainee:
    """The model, its processor, and the head of the slot loss, which is dropped after training."""

    def __init__(self) -> None:
        """Build the model with fresh weights."""
        self.processor: Any = build_processor()
        self.model: Any = build_model(self.processor.tokenizer)
        self.slot_head = nn.Linear(_WIDTH, sum(SLOT_SIZES))

    def loss(self, batch: Batch) -> Tensor:
        """Return the contrastive loss of both directions plus the weighted slot loss."""
        seen = self.model.vision_model(pixel_values=batch.pixels).pooler_output
        pictures = nn.functional.normalize(self.model.visual_projection(seen), dim=1)
        texts = self.texts(batch.captions)
        numbers = {caption: number for number, caption in enumerate(dict.fromkeys(batch.captions))}
        kind = torch.tensor([numbers[caption] for caption in batch.captions])
        same = (kind[:, None] == kind[None, :]).float()
        logits = self.model.logit_scale.exp().clamp(max=100) * pictures @ texts.T
        wanted = same / same.sum(dim=1, keepdim=True)  # symmetric groups: rows and columns have the same sums
        both = nn.functional.cross_entropy(logits, wanted) + nn.functional.cross_entropy(logits.T, wanted)
        parts = self.slot_head(seen).split(SLOT_SIZES, dim=1)
        slots = [nn.functional.cross_entropy(part, batch.slots[:, slot]) for slot, part in enumerate(parts)]
        result: Tensor = both / 2 + _SLOT_WEIGHT * torch.stack(slots).mean()
        return result

    def texts(self, captions: list[str]) -> Tensor:
        """Return unit vectors (n, 64) of captions."""
        options = {"padding": True, "truncation": True, "return_tensors": "pt"}
        vectors = self.model.get_text_features(**self.processor.tokenizer(captions, **options)).pooler_output
        return nn.functional.normalize(vectors, dim=1)

    @torch.no_grad()
    def vectors(self, shard: Shard) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return unit vectors (n, 64) of a shard's pictures and captions."""
        self.model.eval()
        pictures, texts = [], []
        for first in range(0, len(shard.captions), BATCH):
            pixels = normalized(shard.pixels[first : first + BATCH])
            pictures.append(nn.functional.normalize(self.model.get_image_features(pixels).pooler_output, dim=1))
            texts.append(self.texts(list(shard.captions[first : first + BATCH])))
        self.model.train()
        return torch.cat(pictures).numpy(), torch.cat(texts).numpy()

    def save(self, out: Path) -> None:
        """Write the checkpoint, processor and tokenizer in the layout of transformers."""
        self.model.save_pretrained(out)
        self.processor.save_pretrained(out)


def build_processor() -> Any:
    """Make the processor: pictures of 64x64 pixels; texts end with a mark and are cut at 48 tokens."""
    tokenizer = build_tokenizer(images=True)
    check_vocabulary(tokenizer)
    tokenizer.chat_template = None
    tokenizer.eos_token = _END
    tokenizer.model_max_length = CONTEXT
    end = (_END, tokenizer.convert_tokens_to_ids(_END))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {_END}", special_tokens=[end]
    )
    pictures = CLIPImageProcessorPil(
        size={"height": SIDE, "width": SIDE},
        do_center_crop=False,
        resample=Image.Resampling.LANCZOS,
        image_mean=[0.5, 0.5, 0.5],
        image_std=[0.5, 0.5, 0.5],
    )
    make: Any = CLIPProcessor  # its constructor is not typed
    return make(pictures, tokenizer)


def build_model(tokenizer: Any) -> Any:
    """Make the CLIPModel with fresh weights."""
    shared = {"hidden_size": _WIDTH, "intermediate_size": _WIDE, "num_attention_heads": _HEADS}
    text = {
        **shared,
        "num_hidden_layers": _TEXT_LAYERS,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": CONTEXT,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
    }
    vision = {**shared, "num_hidden_layers": _VISION_LAYERS, "image_size": SIDE, "patch_size": _PATCH}
    make: Any = CLIPModel  # its constructor is not typed
    return make(CLIPConfig(text_config=text, vision_config=vision, projection_dim=_SPACE))


def train(out: Path, steps: int = STEPS) -> None:
    """Train with the fixed seed, and write the checkpoint with its figures to `out`; fewer `steps` are for tests."""
    torch.manual_seed(SEED)
    trainee = Trainee()
    log.info("%d parameters", sum(weights.numel() for weights in trainee.model.parameters()))
    held_out = make_shard(0, _CHECKED, held_out=True)
    parameters = [*trainee.model.parameters(), *trainee.slot_head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    total = 0.0
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        coming = batches(pool, SEED, BATCH)
        for step in range(steps):
            pace = min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (1 + math.cos(math.pi * step / steps)) / 2)
            for group in optimizer.param_groups:
                group["lr"] = _LEARNING_RATE * pace
            loss = trainee.loss(next(coming))
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            total += loss.item()
            if (step + 1) % _REPORT_EVERY == 0:
                log.info("step %d loss %.4f", step + 1, total / _REPORT_EVERY)
                total = 0.0
            if (step + 1) % _CHECK_EVERY == 0:
                log.info("own frame wins: %s", merit(trainee, held_out))
                trainee.save(out)
        coming.close()  # type: ignore[attr-defined]
    trainee.save(out)
    figures = {"steps": steps, **merit(trainee, held_out)}
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def merit(trainee: Trainee, shard: Shard) -> dict[str, float]:
    """Return how often a caption is nearer to its own frame than to another one with another caption (0..1)."""
    pictures, texts = trainee.vectors(shard)
    return own_wins(pictures, texts, shard.captions)


def own_wins(pictures: NDArray[np.float32], texts: NDArray[np.float32], captions: tuple[str, ...]) -> dict[str, float]:
    """Compare each caption's own frame with 16 random frames; frames with the same caption are left out.

    `pictures` and `texts` are unit vectors (n, d). Only 8 of all frames come from the same script, so that nearly all
    random frames are of other videos.
    """
    rng = np.random.default_rng(0)
    similar = texts @ pictures.T
    wins, counted, same_caption = 0, 0, 0
    for row, caption in enumerate(captions):
        for other in rng.integers(0, len(captions), _OTHERS):
            if captions[other] == caption:
                same_caption += 1
                continue
            counted += 1
            wins += bool(similar[row, row] > similar[row, other])
    return {"comparisons": counted, "own_frame_wins": round(wins / counted, 4), "left_out_same_caption": same_caption}
