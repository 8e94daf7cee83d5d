"""The format of LLaMA-Factory: `dataset_info.json`, records with `messages`, a training configuration a model.

dataset_info.json                          v2xum_train, v2xum_validation, v2xum_test
SPLIT.jsonl, or SPLIT/SPLIT-*.parquet      the records (curation/release/formats/messages.py)
qwen3_vl.yaml, qwen2_5_vl.yaml             LoRA on one GPU; where the release has rows for training
README.md                                  how to start it
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from curation.release.formats.files import write_json
from curation.release.formats.format import Format
from curation.release.formats.messages import check_split, write_splits
from curation.release.formats.models import MEDIA, TRAIN, VisionModel, output_of, write_trainings
from curation.release.formats.preferences import LLAMAFACTORY_PAIRS, check_pairs, llamafactory_pairs, pair_entries
from curation.release.formats.reading import inside, read_json
from curation.release.formats.readme import write_readme
from curation.release.formats.registration import Entry, dataset_name, llamafactory_entry
from curation.release.written import Written
from schemas.release import ReleaseManifest

INFO = "dataset_info.json"
# Qwen3-VL's text says one time for two frames, their mean: at two frames a second it is 0.25 s from each. The longest
# video of Instruct-V2Xum has 940 s.
VIDEO_FPS, VIDEO_FRAMES = 2.0, 2048
_COMMENTS = """\
LLaMA-Factory 0.9.5. Run it in this folder: llamafactory-cli train {file}.yaml
media_dir: the folder of the videos (`v2xum media WORKSPACE VERSION --out FOLDER`); records name files in it."""


def _sft(written: Written, folder: Path) -> dict[str, Entry]:
    media: Any = "videos" if written.manifest.formats.inputs == "videos" else "images"
    names = write_splits(written, folder)
    return {dataset_name(split): llamafactory_entry(name, media) for split, name in names.items()}


# Each writes files into the format's folder and gives their entries in dataset_info.json, by the dataset's name.
PARTS: tuple[Callable[[Written, Path], dict[str, Entry]], ...] = (_sft, llamafactory_pairs)


def write(written: Written, folder: Path) -> None:
    """Write the format's files."""
    entries: dict[str, Entry] = {}
    for part in PARTS:
        entries |= part(written, folder)
    write_json(folder / INFO, entries)
    write_trainings(folder, written.manifest, _COMMENTS, lambda model: _training(model, entries))
    write_readme(folder, "llamafactory", written.manifest)


def check(release: Path, folder: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """The faults of the format's files in words."""
    entries = read_json(folder / INFO)
    for split in (each.split for each in manifest.splits):
        name = entries[dataset_name(split)]["file_name"]
        yield from (
            f"{name}: {problem}" for problem in check_split(release, inside(folder, name), split, manifest.formats)
        )
    for name, entry in pair_entries(release, manifest).items():
        if entries.get(name) != entry:
            yield f"{INFO}: {name} is not registered as it is"
    yield from check_pairs(release, folder, manifest, LLAMAFACTORY_PAIRS)
    missing = [entry["file_name"] for entry in entries.values() if not inside(folder, entry["file_name"]).exists()]
    yield from (f"{INFO}: {name} is missing" for name in missing)


def _training(model: VisionModel, entries: dict[str, Entry]) -> dict[str, Any]:
    evaluated = dataset_name("validation")
    return {
        "model_name_or_path": model.hub,
        "image_max_pixels": 65536,
        "video_max_pixels": 16384,
        "video_fps": VIDEO_FPS,
        "video_maxlen": VIDEO_FRAMES,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": 64,
        "lora_alpha": 128,
        "lora_target": "all",
        "dataset": dataset_name(TRAIN),
        "dataset_dir": ".",
        "media_dir": MEDIA,
        "template": model.template,
        # A longer record is cut, and a cut video leaves fewer tokens than pictures.
        "cutoff_len": 32768,
        "preprocessing_num_workers": 4,
        "dataloader_num_workers": 4,
        "output_dir": output_of("llamafactory", model),
        "logging_steps": 10,
        "save_steps": 500,
        "report_to": "none",
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 16,
        "learning_rate": 1.0e-4,
        "num_train_epochs": 2.0,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.03,
        "bf16": True,
        **({"eval_dataset": evaluated, "eval_strategy": "epoch"} if evaluated in entries else {}),
    }


LLAMAFACTORY = Format(
    "llamafactory", "LLaMA-Factory: messages with videos or images, by dataset_info.json.", write, check
)
