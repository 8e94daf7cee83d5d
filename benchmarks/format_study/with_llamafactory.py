"""Loads the format of LLaMA-Factory by LLaMA-Factory: its configuration, its datasets, its template and its collator.

    python -m benchmarks.format_study.with_llamafactory FORMAT_FOLDER CHECKPOINTS MEDIA

Stood in: torchaudio, which LLaMA-Factory imports for sound and which has no build for the torch here.
"""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path
from typing import Any


def main() -> None:
    """Tokenize every record of all splits, and collate each; print one line of JSON."""
    folder, checkpoints, media = (Path(each).resolve() for each in sys.argv[1:4])
    from benchmarks.format_study.processors import allow_torchvision, save
    from benchmarks.format_study.seen import roles, seen

    sound = types.ModuleType("torchaudio")
    sound.__spec__ = types.SimpleNamespace(name="torchaudio")  # type: ignore[assignment]
    sys.modules["torchaudio"] = sound
    allow_torchvision()
    os.environ["DISABLE_VERSION_CHECK"] = "1"
    os.chdir(folder)
    import yaml
    from llamafactory.data import MultiModalDataCollatorForSeq2Seq, get_dataset, get_template_and_fix_tokenizer
    from llamafactory.extras.env import VERSION
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    info = json.loads(Path("dataset_info.json").read_text())
    found: dict[str, Any] = {"llamafactory": VERSION, "records": []}
    for model in ("qwen2_5_vl", "qwen3_vl"):
        save(model, checkpoints / model)
        values = yaml.safe_load(Path(f"{model}.yaml").read_text()) | {
            "model_name_or_path": str(checkpoints / model),
            "media_dir": str(media),
            "output_dir": str(checkpoints / "out"),
            "cache_dir": str(checkpoints / "cache"),
            "bf16": False,
            "use_cpu": True,
            "preprocessing_num_workers": None,
            "dataloader_num_workers": 0,
            "eval_dataset": None,
            "eval_strategy": "no",
            "dataset": ",".join(info),
        }
        model_args, data_args, training_args, _, _ = get_train_args(values)
        module = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(module["tokenizer"], data_args)
        rows = get_dataset(template, model_args, data_args, training_args, stage="sft", **module)["train_dataset"]
        collate = MultiModalDataCollatorForSeq2Seq(template=template, **module)
        names = [each for entry in info.values() for each in _records(folder / entry["file_name"])]
        assert len(names) == len(rows), "no record was left out"
        for (name, task, answer), row in zip(names, rows, strict=True):
            batch = collate([dict(row)])
            text = module["tokenizer"].decode(batch["input_ids"][0])
            learned = batch["labels"][0]
            said = module["tokenizer"].decode(learned[learned != -100])
            spoken = roles(text.removesuffix("<|endoftext|>"))
            assert answer in said and "seconds>" not in said and spoken[-3:-1] == ["user", "assistant"], said
            found["records"].append({"model": model, "id": name, "task": task, **seen(model, name, text, batch)})
    print(json.dumps(found))


def _records(path: Path) -> Any:
    if path.is_dir():
        import pyarrow.parquet as pq

        files = sorted(path.glob("*.parquet"))
        rows = [row for file in files for row in pq.read_table(file, columns=["id", "task", "messages"]).to_pylist()]
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    return ((row["id"], row["task"], row["messages"][1]["content"]) for row in rows)


if __name__ == "__main__":
    main()
