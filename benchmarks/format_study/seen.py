"""What a model sees of a record: the times in its tokens, beside the times that its pictures show.

This module runs in the trainers' environments and imports nothing of the project but its neighbours.
"""

from __future__ import annotations

import re
from typing import Any

from benchmarks.format_study.films import ends_of, shown_time
from benchmarks.format_study.processors import PATCH, pictures

_BLOCK = re.compile(r"(?:<([0-9.]+) seconds>)?<\|vision_start\|>((?:<\|(?:image|video)_pad\|>)+)<\|vision_end\|>")


def seen(model: str, name: str, text: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """Compare the times of a rendered record with its pictures.

    `name` is that of the film, `text` are the decoded tokens with special tokens; `inputs` has `pixel_values` and
    `image_grid_thw`, or those of videos, and for Qwen2.5-VL's videos `second_per_grid_ts`. `error` is the largest
    distance in seconds between a time and the seconds in which the film shows the picture beside it, None where no
    time is said; `implied` is that of the positions of Qwen2.5-VL.
    """
    blocks = [(time, tokens.count("<|")) for time, tokens in _BLOCK.findall(text)]
    shown: list[list[float]] = []
    wanted: list[int] = []
    for kind in ("image", "video"):
        patches = inputs.get("pixel_values" if kind == "image" else "pixel_values_videos")
        if patches is None:
            continue
        start = 0
        for grid in inputs[f"{kind}_grid_thw"].tolist():
            count = grid[0] * grid[1] * grid[2]
            images = pictures(patches[start : start + count], grid, PATCH[model])
            start += count
            pairs = [[shown_time(image) for image in images[2 * step : 2 * step + 2]] for step in range(grid[0])]
            single = kind == "video" and model == "qwen2_5_vl"  # one block a video, without times
            shown += [[each for pair in pairs for each in pair]] if single else pairs
            wanted += [count // 4] if single else [count // grid[0] // 4] * grid[0]
        assert start == len(patches), "every patch belongs to a picture"
    assert [tokens for _, tokens in blocks] == wanted, "every picture has its tokens, and no other token is one"
    ends = ends_of(name)
    errors = [
        max(0.0, each - float(time), float(time) - ends.get(each, each))
        for (time, _), those in zip(blocks, shown, strict=True)
        if time
        for each in those
    ]
    found: dict[str, Any] = {
        "blocks": len(blocks),
        "timed": sum(bool(time) for time, _ in blocks),
        "tokens": sum(wanted),
    }
    found["error"] = round(max(errors), 3) if errors else None
    if "second_per_grid_ts" in inputs and model == "qwen2_5_vl":
        step = float(inputs["second_per_grid_ts"][0])
        flat = shown[0]
        stated = [place // 2 * step for place in range(len(flat))]
        off = [max(0.0, each - time, time - ends.get(each, each)) for time, each in zip(stated, flat, strict=True)]
        found["implied"] = round(max(off), 3)
    return found


def roles(text: str) -> list[str]:
    """The roles of a rendered conversation, and how often a turn ends."""
    return [*re.findall(r"<\|im_start\|>([a-z]*)\n", text), str(text.count("<|im_end|>"))]
