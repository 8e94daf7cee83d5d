"""The models for which a format has a training configuration, and how such a file is written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

# Where the training configurations look, relative to the format's folder, in which they are run. Nothing is written
# into a release: `v2xum check` would name it.
MEDIA = "../../../../media"
OUTPUT = "../../../../training"


class VisionModel(NamedTuple):
    """A vision-language model: the name of its file, its name on the Hub, and its template in LLaMA-Factory."""

    file: str
    hub: str
    template: str


MODELS = (
    VisionModel("qwen3_vl", "Qwen/Qwen3-VL-4B-Instruct", "qwen3_vl_nothink"),
    VisionModel("qwen2_5_vl", "Qwen/Qwen2.5-VL-7B-Instruct", "qwen2_vl"),
)


def write_yaml(path: Path, comments: str, fields: Mapping[str, Any]) -> None:
    """Write a training configuration: comments of one or more lines, then its fields in their order."""
    head = "".join(f"# {line}\n" for line in comments.splitlines())
    path.write_text(head + yaml.safe_dump(dict(fields), sort_keys=False), encoding="utf-8", newline="\n")


def output_of(trainer: str, model: VisionModel) -> str:
    """The folder of a training's checkpoints."""
    return f"{OUTPUT}/{trainer}-{model.file}"
