"""The models for which a format has a training configuration, and how such a file is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from schemas.release import ReleaseManifest

# Where the training configurations look, relative to the format's folder, in which they are run. Nothing is written
# into a release: `v2xum check` would name it.
MEDIA = "../../../../media"
OUTPUT = "../../../../training"
TRAIN = "train"


class VisionModel(NamedTuple):
    """A vision-language model: the name of its file, its name on the Hub, and its template in LLaMA-Factory."""

    file: str
    hub: str
    template: str


MODELS = (
    VisionModel("qwen3_vl", "Qwen/Qwen3-VL-4B-Instruct", "qwen3_vl_nothink"),
    VisionModel("qwen2_5_vl", "Qwen/Qwen2.5-VL-7B-Instruct", "qwen2_vl"),
)


def write_trainings(
    folder: Path, manifest: ReleaseManifest, comments: str, fields: Callable[[VisionModel], Mapping[str, Any]]
) -> None:
    """Write a training configuration a model into a format's folder; none where no row of the release is for training.

    `comments`: one or more lines, with `{file}` for the name of the file; `fields`: the keys of a model, in order.
    """
    if all(each.split != TRAIN for each in manifest.splits):
        return
    for model in MODELS:
        head = "".join(f"# {line}\n" for line in comments.format(file=model.file).splitlines())
        text = head + yaml.safe_dump(dict(fields(model)), sort_keys=False)
        (folder / f"{model.file}.yaml").write_text(text, encoding="utf-8", newline="\n")


def output_of(trainer: str, model: VisionModel) -> str:
    """The folder of a training's checkpoints."""
    return f"{OUTPUT}/{trainer}-{model.file}"
