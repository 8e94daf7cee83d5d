"""Processors of Qwen2.5-VL and Qwen3-VL without the Hub: transformers' own classes, with a small tokenizer.

Stood in: the vocabulary (bytes without merges; special tokens have Qwen's own numbers, on which ms-swift relies) and
the chat template, which is stated here anew. Image and video processors are transformers' own, with the sizes of Qwen's
published `preprocessor_config.json`. This module runs in the trainers' environments and imports nothing of the project.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>"),
    *("<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
FIRST_SPECIAL = 151643
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif part.type == 'video' %}<|vision_start|><|video_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PATCH = {"qwen2_5_vl": 14, "qwen3_vl": 16}
_KEPT: list[Any] = []  # libraries of operators live as long as their objects


def tokenizer(first_special: int = FIRST_SPECIAL) -> Any:
    """A byte-level tokenizer whose special tokens are Qwen's; `first_special`: the number of the first one."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    vocabulary |= {f"unused{number}": number for number in range(len(letters), first_special)}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens(list(SPECIAL))
    kind: Any = PreTrainedTokenizerFast  # it is not typed
    fast = kind(
        tokenizer_object=made,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[each for each in SPECIAL if each not in ("<|im_end|>", "<|endoftext|>")],
        chat_template=TEMPLATE,
        model_max_length=262144,
    )
    assert fast.convert_tokens_to_ids("<|image_pad|>") == first_special + 12
    return fast


def save(model: str, folder: Path, *, first_special: int = FIRST_SPECIAL, pixels: int | None = None) -> None:
    """Save the files of a processor and a configuration as a checkpoint's folder has them; there are no weights.

    For small checkpoints `first_special` makes the vocabulary smaller, and `pixels` the largest picture.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer(first_special).save_pretrained(folder)
    name = {"qwen2_5_vl": "Qwen2_5_VLProcessor", "qwen3_vl": "Qwen3VLProcessor"}[model]
    qwen3 = model == "qwen3_vl"
    mean = [0.5] * 3 if qwen3 else [0.48145466, 0.4578275, 0.40821073]
    std = [0.5] * 3 if qwen3 else [0.26862954, 0.26130258, 0.27577711]
    shared = {
        "patch_size": PATCH[model],
        "merge_size": 2,
        "temporal_patch_size": 2,
        "image_mean": mean,
        "image_std": std,
    }
    sizes = (
        {"shortest_edge": 65536, "longest_edge": 16777216}
        if qwen3
        else {"shortest_edge": 3136, "longest_edge": 12845056}
    )
    if pixels is not None:
        sizes = {"shortest_edge": min(pixels, sizes["shortest_edge"]), "longest_edge": pixels}
    image = {**shared, "image_processor_type": "Qwen2VLImageProcessor", "processor_class": name, "size": sizes}
    video_sizes = (
        {"shortest_edge": 4096, "longest_edge": 25165824}
        if qwen3
        else {"shortest_edge": 3136, "longest_edge": 12845056}
    )
    kind = "Qwen3VLVideoProcessor" if qwen3 else "Qwen2VLVideoProcessor"
    video = {**shared, "video_processor_type": kind, "processor_class": name, "size": video_sizes}
    (folder / "preprocessor_config.json").write_text(json.dumps(image))
    (folder / "video_preprocessor_config.json").write_text(json.dumps(video))
    architecture = "Qwen3VLForConditionalGeneration" if qwen3 else "Qwen2_5_VLForConditionalGeneration"
    config = {
        "architectures": [architecture], "model_type": model, "torch_dtype": "bfloat16",
        **token_ids(first_special),
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


def token_ids(first_special: int = FIRST_SPECIAL) -> dict[str, int]:
    """The numbers of the tokens of pictures and videos, by their keys in a configuration."""
    names = {
        "image_token_id": "<|image_pad|>",
        "video_token_id": "<|video_pad|>",
        "vision_start_token_id": "<|vision_start|>",
        "vision_end_token_id": "<|vision_end|>",
    }
    return {key: first_special + SPECIAL.index(token) for key, token in names.items()}


def pictures(patches: Any, grid: Any, patch: int, merge: int = 2, temporal: int = 2) -> Any:
    """The pictures of a processor's flat patches: (frames, height, width, 3), the inverse of Qwen2-VL's flattening."""
    import numpy as np

    times, rows, columns = (int(number) for number in grid)
    flat = np.asarray(patches, dtype=np.float32)
    shaped = flat.reshape(times, rows // merge, columns // merge, merge, merge, 3, temporal, patch, patch)
    moved = shaped.transpose(0, 6, 1, 3, 7, 2, 4, 8, 5)
    return moved.reshape(times * temporal, rows * patch, columns * patch, 3)


def allow_torchvision() -> None:
    """Let a torchvision that was built for another torch import: its Python code is all that these processors need."""
    import torch

    try:
        import torchvision
    except (RuntimeError, ImportError):
        kind: Any = torch.library.Library  # it is not typed
        library = kind("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _KEPT.append(library)
        import sys

        for name in [each for each in sys.modules if each.startswith("torchvision")]:
            del sys.modules[name]
        import torchvision  # noqa: F401
