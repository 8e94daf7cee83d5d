"""Trains a small vision-language model by both commands, and says what came of it; torchvision must be at hand.

python -m tests.training.modern.prove RELEASE FOLDER
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

from benchmarks.format_study.processors import allow_torchvision

SETS = {
    "summarizer.answer_tokens": 8,
    "training.batch": 2,
    "training.accumulate": 1,
    "training.learning_rate": 0.003,
    "training.workers": 1,
    "training.patience": "null",
    "evaluation.batch": 2,
    "evaluation.text": "false",
}


def overrides(**more: Any) -> list[str]:
    return [f"{key}={value}" for key, value in {**SETS, **more}.items()]


def command(name: str, release: Path, out: Path, sets: list[str], *more: str, code: int = 0) -> str:
    """Run `v2xum train configs/train/NAME.yaml`; return what it printed, of a failure the message."""
    from typer.testing import CliRunner

    from flows.cli.main import application
    from schemas.repository import ROOT

    words = ["train", str(ROOT / "configs" / "train" / f"{name}.yaml"), "--release", str(release), "--out", str(out)]
    done = CliRunner().invoke(application(), [*words, *(word for one in sets for word in ("--set", one)), *more])
    assert done.exit_code == code, (done.stdout, done.stderr, done.exception)
    return done.stderr if code else done.stdout


def resumed(name: str, release: Path, whole: Path, out: Path, sets: list[str]) -> bool:
    """Whether the training `whole`, stopped after its second step and then gone on with, gives the same bytes."""
    from schemas.configuration.loading import load_train_config
    from schemas.errors import Interrupted
    from schemas.repository import ROOT
    from training.loop import Step
    from training.run import Hooks, Training, TrainRequest

    config = load_train_config(ROOT / "configs" / "train" / f"{name}.yaml", sets)
    seen: list[Step] = []

    def stop() -> None:
        if len(seen) == 2:
            raise Interrupted("stopped")

    request = TrainRequest(config=config, release=release, out=out)
    try:
        Training(request).fit(Hooks(raise_if_stopped=stop, on_step=seen.append))
        raise AssertionError("it was not stopped")
    except Interrupted:
        assert not (out / "model").exists()
    later: list[Step] = []
    Training(request.model_copy(update={"resume": True})).fit(Hooks(on_step=later.append))
    assert later[0].step == 3, "it goes on, and does not begin again"
    adapter = Path("model") / "adapter_model.safetensors"
    return (whole / adapter).read_bytes() == (out / adapter).read_bytes()


def learned(release: Path, folder: Path, model: Path) -> list[str]:
    """The answers on which the loss of the first batch is, as text."""
    from schemas.configuration.loading import load_train_config
    from schemas.repository import ROOT
    from training.run import Training, TrainRequest

    config = load_train_config(ROOT / "configs" / "train" / "qwen3_vl.yaml", overrides(**{"summarizer.model": model}))
    training = Training(TrainRequest(config=config, release=release, out=folder))
    recipe = training.recipe
    items = recipe.items(training.train)
    batch = recipe.collator()([items[0], items[2]])
    tokens: Any = recipe.processor.tokenizer  # type: ignore[attr-defined]
    return [tokens.decode(ids[labels != -100]) for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True)]


def summarized(release: Path, model: Path) -> str | None:
    """What the model says of the first evaluated video where it is in no release."""
    from models.summarizers.checkpoint import read_stated
    from tests.curation.samples import picture
    from training.predict import predict
    from training.recipe import recipe_of
    from training.run import Training, TrainRequest

    stated = read_stated(model)
    example = Training(TrainRequest(config=stated.config, release=release, out=model.parent)).test[0]
    recipe = recipe_of(stated.config, None)
    recipe.show(example, picture, stated.formats)
    recipe.check([example])
    return next(predict(recipe, recipe.load(model), [example], 1)).predicted.text


def main() -> None:
    """Print one line of JSON."""
    warnings.simplefilter("error")
    allow_torchvision()
    from tests.training.modern.tiny_vlm import make

    release, folder = Path(sys.argv[1]), Path(sys.argv[2])
    tiny = make(folder / "tiny")
    sets = overrides(**{"summarizer.model": tiny})
    found: dict[str, Any] = {"learned": learned(release, folder / "learned", tiny)}
    found["dry"] = json.loads(command("qwen3_vl", release, folder / "dry", sets, "--dry-run", "--json"))
    wild = [*sets, "training.learning_rate=1.0e+30", "training.warmup=0"]
    found["diverged"] = command("qwen3_vl", release, folder / "wild", wild, code=1)
    found["said"] = command("qwen3_vl", release, folder / "vlm", sets)
    found["summarized"] = summarized(release, folder / "vlm" / "model")
    found["vlm_resumed"] = resumed("qwen3_vl", release, folder / "vlm", folder / "vlm_again", sets)
    sets = overrides(**{"summarizer.model": folder / "vlm" / "model"})
    command("qwen3_vl_dpo", release, folder / "dpo", sets)
    found["dpo_resumed"] = resumed("qwen3_vl_dpo", release, folder / "dpo", folder / "dpo_again", sets)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
