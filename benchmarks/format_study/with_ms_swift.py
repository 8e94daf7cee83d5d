"""Loads the format of ms-swift by ms-swift: its registration, its datasets, and its templates in training mode.

python -m benchmarks.format_study.with_ms_swift FORMAT_FOLDER CHECKPOINTS MEDIA
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Encode every record of all splits with the model that MODEL names; print one line of JSON."""
    folder, checkpoints, media = (Path(each).resolve() for each in sys.argv[1:4])
    if "MODEL" not in os.environ:  # its settings are read once a process
        print(json.dumps(_both()))
        return
    from benchmarks.format_study.processors import allow_torchvision, save
    from benchmarks.format_study.seen import roles, seen

    allow_torchvision()
    model = os.environ["MODEL"]
    import yaml

    values = yaml.safe_load((folder / f"{model}.yaml").read_text())
    for key, value in values["ENV"].items():
        os.environ[key] = str(media) if key == "ROOT_IMAGE_DIR" else str(value)
    os.chdir(folder)
    import swift
    import torch
    from swift import get_processor, get_template
    from swift.dataset import load_dataset, register_dataset_info

    save(model, checkpoints / model)
    register_dataset_info(values["custom_dataset_info"])
    names = [entry["dataset_name"] for entry in json.loads(Path(values["custom_dataset_info"]).read_text())]
    assert set(values["dataset"]) <= set(names)
    rows, _ = load_dataset(names, strict=values["strict"])
    processor = get_processor(str(checkpoints / model), model_type=model)
    template = get_template(processor, max_length=values["max_length"], template_type=model)
    template.set_mode("train")
    found: dict[str, Any] = {"ms-swift": swift.__version__, "records": []}
    for row in rows:
        encoded = template.encode(dict(row))
        text = processor.tokenizer.decode(encoded["input_ids"])
        said = processor.tokenizer.decode([each for each in encoded["labels"] if each != -100])
        answer = row["messages"][-1]["content"]
        assert answer in said and "seconds>" not in said and roles(text)[-3:-1] == ["user", "assistant"], said
        inputs = {key: value for key, value in encoded.items() if isinstance(value, (torch.Tensor, list))}
        # ms-swift's rows have no id: the name of the media says which film it is.
        shown = row.get("videos") or [row["images"][0]["path"].rpartition("_")[0]]
        name = Path(shown[0]).stem
        found["records"].append({"model": model, "id": name, "task": "", **seen(model, name, text, inputs)})
    print(json.dumps(found))


def _both() -> dict[str, Any]:
    import subprocess

    found: dict[str, Any] = {"records": []}
    for model in ("qwen2_5_vl", "qwen3_vl"):
        command = [sys.executable, "-m", "benchmarks.format_study.with_ms_swift", *sys.argv[1:4]]
        done = subprocess.run(command, env={**os.environ, "MODEL": model}, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.stderr.write(done.stderr[-4000:])
            raise SystemExit(done.returncode)
        made = json.loads(done.stdout.strip().splitlines()[-1])
        found = {**found, **made, "records": [*found["records"], *made["records"]]}
    return found


if __name__ == "__main__":
    main()
