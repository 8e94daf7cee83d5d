"""Loads the format of TRL by TRL: its parser of configurations, `datasets`, and the collator of its SFTTrainer.

python -m benchmarks.format_study.with_trl FORMAT_FOLDER CHECKPOINTS
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Render every row of all splits, alone and two in a batch; print one line of JSON."""
    folder, checkpoints = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    from benchmarks.format_study.processors import allow_torchvision, save
    from benchmarks.format_study.seen import roles, seen

    allow_torchvision()
    os.chdir(folder)
    import trl
    from datasets import load_dataset
    from transformers import AutoProcessor
    from trl import DatasetMixtureConfig, ModelConfig, ScriptArguments, SFTConfig, TrlParser
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    found: dict[str, Any] = {"trl": trl.__version__, "records": []}
    for model in ("qwen2_5_vl", "qwen3_vl"):
        parser = TrlParser((ScriptArguments, SFTConfig, ModelConfig, DatasetMixtureConfig))
        sys.argv = ["sft", "--config", f"{model}.yaml", "--output_dir", str(checkpoints / "out"), "--bf16", "false"]
        _, training, _, mixture = parser.parse_args_and_config()
        assert training.max_length is None
        save(model, checkpoints / model)
        files = mixture.datasets[0]
        train = load_dataset(files.path, data_files=files.data_files, split=files.split, cache_dir=str(checkpoints))
        rows = load_dataset(files.path, data_files="*.parquet", split=files.split, cache_dir=str(checkpoints))
        assert 0 < len(train) <= len(rows)
        auto: Any = AutoProcessor  # it is not typed
        processor = auto.from_pretrained(checkpoints / model)
        collate = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)
        for row in rows:
            batch = collate([dict(row)])
            text = processor.tokenizer.decode(batch["input_ids"][0])
            answer = row["completion"][0]["content"][0]["text"]
            learned = batch["labels"][0]
            said = processor.tokenizer.decode(learned[learned != -100])
            assert answer in said and "seconds>" not in said and roles(text) == ["user", "assistant", "2"], said
            found["records"].append(
                {"model": model, "id": row["id"], "task": row["task"], **seen(model, row["id"], text, batch)}
            )
        two = collate([dict(rows[0]), dict(rows[len(rows) - 1])])
        found[f"batch_{model}"] = list(two["input_ids"].shape)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
