"""Models are built one at a time in a process, whoever asks; a checkpoint that lacks weights is no model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from models.build import build_chat_model
from models.identity import checkpoint_errors
from schemas.configuration.model_config import LocalModel
from schemas.errors import ConfigError
from schemas.repository import ROOT

DEMO = ROOT / "data" / "demo"
# A fresh interpreter, because the first import of transformers is a part of what must not happen twice at once.
THREADS = """
import sys, threading
from pathlib import Path
from models.build import build_chat_model, build_clip
from models.chat import Request
from schemas.configuration.model_config import LocalModel, TransformersClip
demo = Path(sys.argv[1])
start, failures, models = threading.Barrier(3), [], {}
def build(name, make):
    start.wait(60)
    try:
        models[name] = make()
    except BaseException as error:
        failures.append(f"{name}: {type(error).__name__}: {error}")
makes = {
    "captioner": lambda: build_chat_model(LocalModel(model=str(demo / "captioner"))),
    "summarizer": lambda: build_chat_model(LocalModel(model=str(demo / "summarizer"))),
    "clip": lambda: build_clip(TransformersClip(engine="transformers", model=str(demo / "clip"))),
}
threads = [threading.Thread(target=build, args=item) for item in makes.items()]
for thread in threads: thread.start()
for thread in threads: thread.join(300)
assert not failures, failures
print(models["summarizer"].complete([Request("say", None, None, 8)])[0].finish, len(models))
"""


LOAD = """
import sys
from models.build import build_chat_model
from models.identity import checkpoint_errors
from schemas.configuration.model_config import LocalModel
build_chat_model(LocalModel(model=sys.argv[1]))
"""


def built(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.slow
def test_three_threads_build_three_models_at_once_and_say_nothing() -> None:
    for _ in range(3):
        done = built(THREADS, DEMO)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() in (["length", "3"], ["stop", "3"])
        assert done.stderr == ""


def without(checkpoint: Path, folder: Path, *dropped: str, tie: bool = False) -> Path:
    """A copy of a checkpoint without some weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(checkpoint, folder)
    weights = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in weights.items() if k not in dropped}, folder / "model.safetensors", {"format": "pt"})
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"tie_word_embeddings": tie}))
    return folder


@pytest.mark.slow
def test_missing_weights_are_an_error_and_no_random_numbers(text_checkpoint: Path, tmp_path: Path) -> None:
    lost = without(text_checkpoint, tmp_path / "lost", "model.layers.1.mlp.up_proj.weight", "lm_head.weight")
    with pytest.raises(ConfigError, match=r"'lost' is not whole: .* lm_head.weight, model.layers.1.mlp.up_proj.weight"):
        build_chat_model(LocalModel(model=str(lost)))


@pytest.mark.slow
def test_a_tied_head_is_not_missing_and_nothing_is_printed(text_checkpoint: Path, tmp_path: Path) -> None:
    tied = without(text_checkpoint, tmp_path / "tied", "lm_head.weight", tie=True)
    done = built(LOAD, tied)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize(
    "error", [RuntimeError("can't start new thread"), MemoryError(), OSError(24, "Too many files")]
)
def test_what_the_machine_lacks_is_no_fault_of_the_checkpoint(error: Exception) -> None:
    with pytest.raises(type(error)), checkpoint_errors("m"):
        raise error
    with pytest.raises(ConfigError, match="'m' cannot be loaded: no such"), checkpoint_errors("m"):
        raise OSError("no such model")
