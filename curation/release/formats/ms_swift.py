"""The format of ms-swift: `dataset_info.json` (a list), records with `messages`, a training configuration a model.

dataset_info.json                          v2xum_train, v2xum_validation, v2xum_test
SPLIT.jsonl, or SPLIT/SPLIT-*.parquet      the records (curation/release/formats/messages.py)
qwen3_vl.yaml, qwen2_5_vl.yaml             LoRA on one GPU; where the release has rows for training
README.md                                  how to start it
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.release.formats.files import write_json
from curation.release.formats.format import Format
from curation.release.formats.messages import check_split, write_splits
from curation.release.formats.models import MEDIA, TRAIN, VisionModel, output_of, write_trainings
from curation.release.formats.reading import inside, read_json
from curation.release.formats.readme import write_readme
from curation.release.formats.registration import Entry, dataset_name, ms_swift_entry
from curation.release.written import Written
from schemas.release import ReleaseManifest

INFO = "dataset_info.json"
_COMMENTS = """\
ms-swift 4. Run it in this folder: swift sft {file}.yaml
ROOT_IMAGE_DIR: the folder of the videos (`v2xum media WORKSPACE VERSION --out FOLDER`); records name files in it.
FPS, FPS_MAX_FRAMES: Qwen3-VL's text says one time for two frames, their mean; at two frames a second it is right."""


def write(written: Written, folder: Path) -> None:
    """Write the format's files."""
    names = write_splits(written, folder)
    entries = {split: _entries(folder, split, name) for split, name in names.items()}
    write_json(folder / INFO, [entry for those in entries.values() for entry in those])
    write_trainings(folder, written.manifest, _COMMENTS, lambda model: _training(model, entries))
    write_readme(folder, "ms_swift", written.manifest)


def check(release: Path, folder: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """The faults of the format's files in words."""
    paths = [entry["dataset_path"] for entry in read_json(folder / INFO)]
    for split in (each.split for each in manifest.splits):
        name = split if manifest.formats.inputs == "frames" else f"{split}.jsonl"
        files = _files(folder, name)
        yield from (f"{INFO}: {file} is not registered" for file in files if file not in paths)
        yield from (
            f"{name}: {problem}" for problem in check_split(release, inside(folder, name), split, manifest.formats)
        )


def _files(folder: Path, name: str) -> list[str]:
    """The files of a split, relative to the folder: ms-swift registers files and no folders."""
    parts = sorted(path.relative_to(folder).as_posix() for path in (folder / name).glob("*.parquet"))
    return parts or [name]


def _entries(folder: Path, split: str, name: str) -> list[Entry]:
    files, label = _files(folder, name), dataset_name(split)
    if len(files) == 1:
        return [ms_swift_entry(label, files[0])]
    return [ms_swift_entry(f"{label}_{number:05d}", file) for number, file in enumerate(files)]


def _training(model: VisionModel, entries: dict[str, list[Entry]]) -> dict[str, Any]:
    names = {split: [entry["dataset_name"] for entry in those] for split, those in entries.items()}
    return {
        "ENV": {
            "ROOT_IMAGE_DIR": MEDIA,
            "FPS": 2,
            "FPS_MAX_FRAMES": 2048,
            "VIDEO_MIN_TOKEN_NUM": 4,
            "VIDEO_MAX_TOKEN_NUM": 16,
            "IMAGE_MIN_TOKEN_NUM": 4,
            "IMAGE_MAX_TOKEN_NUM": 64,
        },
        "model": model.hub,
        "tuner_type": "lora",
        "lora_rank": 64,
        "lora_alpha": 128,
        "target_modules": "all-linear",
        "custom_dataset_info": INFO,
        "dataset": names[TRAIN],
        **({"val_dataset": names["validation"]} if "validation" in names else {"split_dataset_ratio": 0}),
        "strict": True,
        "max_length": 32768,
        "truncation_strategy": "delete",
        "torch_dtype": "bfloat16",
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "learning_rate": 1.0e-4,
        "num_train_epochs": 2,
        "warmup_ratio": 0.03,
        "dataset_num_proc": 4,
        "dataloader_num_workers": 4,
        "output_dir": output_of("ms-swift", model),
    }


MS_SWIFT = Format("ms-swift", "ms-swift: messages with videos or images, by --custom_dataset_info.", write, check)
