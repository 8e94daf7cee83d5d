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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    EarlyStoppingCallback,
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.trainer_utils import rotate_checkpoints

from curation.store.files import write_whole
from models.weights import quiet_loading
from schemas.configuration.train_config import TrainingSection
from schemas.errors import ConfigError, MachineTrouble, RunStopped, TrainingDiverged
from schemas.kit.blame import in_one_line, is_shortage
from training.checkpoints import MARK, last_finished, mark_finished, require_finished
from training.collate import Collator, EpochOrder

_RESULT = "training.json"
_POINTS = 200  # of the loss curve
_PROBE_STEPS = 4  # the first one allocates and is not timed


class Step(NamedTuple):
    """How far it is: `step` of at most `steps`; losses as they were last measured."""

    step: int
    steps: int
    epoch: float
    loss: float | None
    validation_loss: float | None
    seconds_left: float


class FitResult(NamedTuple):
    """What came of it. `model` is the folder of the result, `best_step` its step; losses are pairs of step and loss.

    `busy`: the share of the loop's time in which it did not wait for a batch.
    """

    model: Path
    steps: int
    best_step: int
    epochs: float
    losses: tuple[tuple[int, float], ...]
    validation: tuple[tuple[int, float], ...]
    seconds: float
    busy: float

    @classmethod
    def read(cls, model: Path) -> FitResult:
        """The result that is written beside a model."""
        said = json.loads((model / _RESULT).read_text(encoding="utf-8"))
        pairs = {name: tuple(map(tuple, said[name])) for name in ("losses", "validation")}
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


class Data(NamedTuple):
    """Items for training and validation (None: no validation), their collator, and the length of every training item.

    Lengths group items for fewer padded places; () where they are all alike.
    """

    train: Sequence[Any]
    validation: Sequence[Any] | None
    collator: Collator
    lengths: Sequence[int] = ()


def fit(
    model: PreTrainedModel,
    data: Data,
    settings: TrainingSection,
    out: Path,
    *,
    resume: bool = False,
    about: Mapping[str, Any] | None = None,
    save_also: Callable[[Path], object] = lambda folder: None,
    raise_if_stopped: Callable[[], None] = lambda: None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> FitResult:
    """Train `model` and write the result to OUT/model; with `resume` from the last finished checkpoint, to the bit.

    `save_also` puts what belongs to the model, such as a tokenizer, beside its weights in OUT/model. `about` is what
    the checkpoints were made of; a resumed training must have the same. Raises what `raise_if_stopped`
    raises, after a checkpoint was written; TrainingDiverged for a loss that is no number; MachineTrouble with a
    suggestion when memory ends; ConfigError for OUT with checkpoints and no `resume`.
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
    trainer = _Loop(model, ordered, _arguments(settings, checkpoints, data), about or {}, settings.keep)
    watch = _Watch(raise_if_stopped, on_step)
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
    best = state.best_global_step if data.validation is not None else None
    result = FitResult(
        target,
        state.global_step,
        best or state.global_step,
        float(state.epoch or 0),
        tuple((int(row["step"]), row["loss"]) for row in state.log_history if "loss" in row),
        tuple((int(row["step"]), row["eval_loss"]) for row in state.log_history if "eval_loss" in row),
        seconds,
        1 - trainer.waited / seconds if seconds > 0 else 1.0,
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


def probe(model: PreTrainedModel, data: Data, settings: TrainingSection, items: int) -> Probe:
    """Train a few steps on the longest items in `data`, and say what a training on `items` items takes.

    The weights are changed by it.

    Raises MachineTrouble with a suggestion when memory ends, and TrainingDiverged.
    """
    batch = settings.batch * settings.accumulate
    longest = sorted(range(len(data.train)), key=lambda item: -data.lengths[item] if data.lengths else 0)
    some = [data.train[longest[place % min(batch, len(longest))]] for place in range(batch * _PROBE_STEPS)]
    steps = math.ceil(math.ceil(math.ceil(items / settings.batch) / settings.accumulate) * settings.epochs)
    times: list[float] = []
    on_cuda = torch.cuda.is_available()
    if on_cuda:
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch, quiet_loading(), _shortage_told(settings, model):
        wanted = settings.model_copy(update={"epochs": 1.0})
        few = Data(some, None, data.collator)
        trainer = _Loop(model, few, _arguments(wanted, Path(scratch), few, save=False), {}, 1)
        trainer.add_callback(_Watch(lambda: None, lambda step: times.append(time.monotonic())))
        trainer.train()
    each = (times[-1] - times[0]) / max(len(times) - 1, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    memory = torch.cuda.max_memory_allocated() if on_cuda else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    parameters = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    disk = (settings.keep + 2) * weights + (settings.keep + 1) * 8 * trained
    return Probe(steps, each, each * steps, memory, "GPU" if on_cuda else "process", parameters, trained, disk)


class _Loop(Trainer):
    """Trainer with an order of its own, a mark for finished checkpoints, and a stop at a loss that is no number."""

    def __init__(
        self, model: PreTrainedModel, data: Data, arguments: TrainingArguments, about: Mapping[str, Any], keep: int
    ) -> None:
        self.waited = 0.0
        self._data, self._about, self._keep = data, about, keep
        batch = arguments.per_device_train_batch_size
        self._order = EpochOrder(len(data.train), arguments.seed, batch, data.collator, data.lengths or None)
        with quiet_loading():
            super().__init__(
                model=model,
                args=arguments,
                data_collator=data.collator,  # type: ignore[arg-type]
                train_dataset=data.train,
                eval_dataset=data.validation,
                callbacks=[_Epochs(self._order)],
            )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = False  # each batch's loss is its own mean, whatever forward accepts

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._order

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        try:
            return super().get_batch_samples(*args, **kwargs)
        finally:
            self.waited += time.monotonic() - began

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss of step {self.state.global_step + 1} is {loss.item()} (learning rate "
                f"{self._get_learning_rate():.2g}): lower training.learning_rate or max_gradient, and begin again"
            )
        return loss

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.no_grad(), self.compute_loss_context_manager():
            loss: Any = self.compute_loss(model, self._prepare_inputs(inputs))
            return loss.detach(), None, None

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        folder = Path(self.args.output_dir or "")
        mark_finished(folder / f"checkpoint-{self.state.global_step}", {**self._about, "step": self.state.global_step})
        best = self.state.best_model_checkpoint
        rotate_checkpoints(str(folder), save_total_limit=self._keep, best_model_checkpoint=best, use_mtime=False)


class _Epochs(TrainerCallback):
    """Tells the order, and by it the collator, which epoch begins.

    A resumed epoch goes through a loader of accelerate that does not pass the epoch on.
    """

    def __init__(self, order: EpochOrder) -> None:
        self._order = order

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._order.set_epoch(int(state.epoch or 0))


class _Watch(TrainerCallback):
    """Shows steps, and ends the training with a checkpoint when somebody asks it to stop."""

    def __init__(self, raise_if_stopped: Callable[[], None], on_step: Callable[[Step], None]) -> None:
        self.stopped: RunStopped | None = None
        self._raise_if_stopped, self._on_step = raise_if_stopped, on_step
        self._loss: float | None = None
        self._validation: float | None = None
        self._first: tuple[int, float] | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        now = time.monotonic()
        self._first = self._first or (state.global_step, now)
        done = state.global_step - self._first[0]
        left = (now - self._first[1]) / done * (state.max_steps - state.global_step) if done else math.nan
        self._on_step(Step(state.global_step, state.max_steps, state.epoch or 0, self._loss, self._validation, left))
        try:
            self._raise_if_stopped()
        except RunStopped as error:
            self.stopped = error
            control.should_save = args.save_strategy != "no"
            control.should_training_stop = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        self._loss = (logs or {}).get("loss", self._loss)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        self._validation = (metrics or {}).get("eval_loss", self._validation)


def _arguments(settings: TrainingSection, folder: Path, data: Data, save: bool = True) -> TrainingArguments:
    """The Trainer's settings. Nothing is printed, sent, or saved anywhere else."""
    when: dict[str, Any] = {"save_strategy": "no"}
    if save and settings.check_every is not None:
        when = {"save_strategy": "steps", "save_steps": settings.check_every, "eval_steps": settings.check_every}
    elif save:
        when = {"save_strategy": "epoch"}
    checked = save and data.validation is not None
    steps = math.ceil(len(data.train) / settings.batch / settings.accumulate) * settings.epochs
    return TrainingArguments(
        output_dir=str(folder),
        seed=settings.seed,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup if settings.warmup < 1 else 0.999,
        lr_scheduler_type=settings.schedule,
        max_grad_norm=settings.max_gradient,
        bf16=settings.precision == "bfloat16",
        activation_checkpointing=settings.gradient_checkpointing,
        dataloader_num_workers=settings.workers,
        dataloader_pin_memory=torch.cuda.is_available(),
        eval_strategy=when["save_strategy"] if checked else "no",
        load_best_model_at_end=checked,
        metric_for_best_model="eval_loss" if checked else None,
        greater_is_better=False if checked else None,
        restore_callback_states_from_checkpoint=True,
        remove_unused_columns=False,
        prediction_loss_only=True,
        logging_nan_inf_filter=False,
        logging_steps=max(1, int(steps / _POINTS)),
        disable_tqdm=True,
        log_level="error",
        report_to="none",
        **when,
    )


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
