"""The loop of every summarizer: transformers' Trainer, made resumable to the bit, stoppable, and honest about failures.

OUT/checkpoints/checkpoint-STEP    weights, optimizer, random state; finished.json is written last
OUT/tensorboard                    loss, validation loss, learning rate
OUT/model                          the result: the checkpoint with the lowest validation loss, else the last
"""

from __future__ import annotations

import json
import math
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import EarlyStoppingCallback, PreTrainedModel, TrainerCallback

from curation.store.files import write_whole
from models.summarizers.checkpoint import MARK, require_finished
from models.weights import quiet_loading
from schemas.configuration.train_config import TrainingSection
from schemas.errors import ConfigError, MachineTrouble
from schemas.kit.blame import in_one_line, is_shortage
from training.checkpoints import last_finished, mark_finished
from training.loop import Data, Loop, Step, Watch, Way, arguments_of

_RESULT = "training.json"
_PROBE_STEPS = 4  # the first one allocates and is not timed


class FitResult(NamedTuple):
    """What came of it. `model` is the folder of the result, `best_step` its step; losses are pairs of step and loss.

    `busy`: the share of the loop's time in which it did not wait for a batch. `rates`: learning rates as losses.
    """

    model: Path
    steps: int
    best_step: int
    epochs: float
    losses: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...]
    seconds: float
    busy: float
    rates: tuple[tuple[int, float], ...] = ()

    @classmethod
    def read(cls, model: Path) -> FitResult:
        """The result that is written beside a model."""
        said = json.loads((model / _RESULT).read_text(encoding="utf-8"))
        pairs = {name: tuple(map(tuple, said.get(name, ()))) for name in ("losses", "validation", "rates")}
        return cls(**{**said, **pairs, "model": model})


class Probe(NamedTuple):
    """What a training will take, from a few steps on its longest videos. Memory is the peak in bytes."""

    steps: int
    seconds_a_step: float
    seconds: float
    memory: int
    memory_of: str
    parameters: int
    trained_parameters: int
    disk: int


def fit(
    model: PreTrainedModel,
    data: Data,
    settings: TrainingSection,
    out: Path,
    *,
    way: Way | None = None,
    resume: bool = False,
    about: Mapping[str, Any] | None = None,
    save_also: Callable[[Path], object] = lambda folder: None,
    raise_if_stopped: Callable[[], None] = lambda: None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> FitResult:
    """Train `model` and write the result to OUT/model; with `resume` from the last finished checkpoint, to the bit.

    `way`: by another Trainer than transformers' own. `save_also` puts what belongs to the model, such as a tokenizer,
    beside its weights in OUT/model. `about` is what the checkpoints were made of; a resumed training must have the
    same. Raises what `raise_if_stopped` raises, after a checkpoint was written; TrainingDiverged for a loss that is no
    number; MachineTrouble with a suggestion when memory ends; ConfigError for OUT with checkpoints and no `resume`.
    """
    checkpoints, target = out / "checkpoints", out / "model"
    if resume and (target / MARK).is_file() and _same(require_finished(target), about or {}, target):
        return FitResult.read(target)  # it had ended, and what came after it had not
    begun = last_finished(checkpoints) if resume else None
    if begun is not None:
        _same(require_finished(begun), about or {}, begun)
    if not resume and any(checkpoints.glob("checkpoint-*")):
        raise ConfigError(f"{out} holds a training already: --resume goes on, or name another folder by --out")
    ordered = data if settings.group_by_length else data._replace(lengths=())
    way = way or Way(Loop)
    arguments = arguments_of(settings, checkpoints, data, way)
    trainer = way.loop(model, ordered, arguments, about or {}, settings.keep, **way.more)
    watch = Watch(raise_if_stopped, on_step)
    trainer.add_callback(watch)
    trainer.add_callback(_tensorboard(out / "tensorboard"))
    if data.validation is not None and settings.patience is not None:
        trainer.add_callback(EarlyStoppingCallback(settings.patience))
    began = time.monotonic()
    with quiet_loading(), _shortage_told(settings, model):
        trainer.train(resume_from_checkpoint=None if begun is None else str(begun))
    if watch.stopped is not None:
        raise watch.stopped
    seconds = time.monotonic() - began
    state = trainer.state

    def logged(name: str) -> tuple[tuple[int, float], ...]:
        return tuple((int(row["step"]), row[name]) for row in state.log_history if name in row)

    best = state.best_global_step if data.validation is not None else None
    result = FitResult(
        target,
        state.global_step,
        best or state.global_step,
        float(state.epoch or 0),
        logged("loss"),
        logged("eval_loss"),
        seconds,
        1 - trainer.waited / seconds if seconds > 0 else 1.0,
        logged("learning_rate"),
    )
    with quiet_loading(), tempfile.TemporaryDirectory(dir=out, prefix=".model-") as scratch:
        made = Path(scratch) / "model"
        model.save_pretrained(made)
        save_also(made)
        write_whole(made / _RESULT, json.dumps(result._replace(model=Path())._asdict(), default=str))
        mark_finished(made, {**(about or {}), "step": result.best_step})
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)
    return result


def probe(model: PreTrainedModel, data: Data, settings: TrainingSection, items: int, way: Way | None = None) -> Probe:
    """Train a few steps on the longest items in `data`, and say what a training on `items` items takes.

    The weights are changed by it.

    Raises MachineTrouble with a suggestion when memory ends, and TrainingDiverged.
    """
    batch = settings.batch * settings.accumulate
    longest = sorted(range(len(data.train)), key=lambda item: -data.lengths[item] if data.lengths else 0)
    places = [longest[place % min(batch, len(longest))] for place in range(batch * _PROBE_STEPS)]
    # TRL takes nothing but a Dataset
    some = data.train.select(places) if hasattr(data.train, "select") else [data.train[place] for place in places]
    steps = math.ceil(math.ceil(math.ceil(items / settings.batch) / settings.accumulate) * settings.epochs)
    times: list[float] = []
    on_cuda = torch.cuda.is_available()
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch, quiet_loading(), _shortage_told(settings, model):
        wanted = settings.model_copy(update={"epochs": 1.0})
        few = Data(some, None, data.collator)
        way = way or Way(Loop)
        arguments = arguments_of(wanted, Path(scratch), few, way, save=False)
        trainer = way.loop(model, few, arguments, {}, 1, **way.more)
        trainer.add_callback(Watch(lambda: None, lambda step: times.append(time.monotonic())))
        trainer.train()
    each = (times[-1] - times[0]) / max(len(times) - 1, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    memory = torch.cuda.max_memory_allocated() if on_cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    parameters = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    disk = (settings.keep + 2) * weights + (settings.keep + 1) * 8 * trained
    return Probe(steps, each, each * steps, memory, "GPU" if on_cuda else "process", parameters, trained, disk)


def _same(stated: Mapping[str, Any], about: Mapping[str, Any], checkpoint: Path) -> bool:
    """Raise ConfigError for a checkpoint that was made of anything else."""
    if other := [key for key, value in about.items() if stated.get(key) != value]:
        raise ConfigError(f"{checkpoint} was trained with another {other[0]}: name another folder by --out")
    return True


def _tensorboard(folder: Path) -> TrainerCallback:
    """Write curves for TensorBoard. Raises ConfigError when the extra `train` is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(f"TensorBoard cannot be imported ({error}): install the extra `train`") from error
    callback: Any = import_module("transformers.integrations").TensorBoardCallback  # a name that is loaded late
    made: TrainerCallback = callback(SummaryWriter(log_dir=str(folder)))
    return made


@contextmanager
def _shortage_told(settings: TrainingSection, model: PreTrainedModel) -> Iterator[None]:
    """Turn an error of memory into MachineTrouble, which says what takes the memory and what would take less."""
    try:
        yield
    except (RuntimeError, MemoryError, OSError) as error:
        if not is_shortage(error) and not isinstance(error, torch.OutOfMemoryError):
            raise
        trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
        weights = sum(p.numel() * p.element_size() for p in model.parameters())
        smaller = max(1, settings.batch // 2)
        way = [
            f"training.batch={smaller} with training.accumulate={settings.accumulate * -(-settings.batch // smaller)}"
        ]
        way = way if settings.batch > 1 else []
        way += [] if settings.gradient_checkpointing else ["training.gradient_checkpointing=true"]
        way += [] if settings.precision == "bfloat16" else ["training.precision=bfloat16"]
        raise MachineTrouble(
            f"memory ran out ({in_one_line(error, 160)}). The weights take {weights / 1e9:.2f} GB, gradients "
            f"and AdamW another {trained * 12 / 1e9:.2f} GB, and each of the {settings.batch} videos of a batch its "
            f"activations. Try --set {' or '.join(way) or 'a smaller model'}; --dry-run measures"
        ) from error
