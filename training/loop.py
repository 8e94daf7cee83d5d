"""The Trainer of every summarizer: its order, marks for finished checkpoints, a stop at a loss that is no number."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import rotate_checkpoints

from models.weights import quiet_loading
from schemas.configuration.train_config import TrainingSection
from schemas.errors import RunStopped, TrainingDiverged
from training.checkpoints import mark_finished
from training.collate import Collator, EpochOrder

_POINTS = 200  # of the loss curve


class Step(NamedTuple):
    """How far it is: `step` of at most `steps`; losses as they were last measured."""

    step: int
    steps: int
    epoch: float
    loss: float | None
    validation_loss: float | None
    seconds_left: float


class Data(NamedTuple):
    """Items for training and validation (None: no validation), their collator, and the length of every training item.

    Lengths group items for fewer padded places; () where they are all alike.
    """

    train: Sequence[Any]
    validation: Sequence[Any] | None
    collator: Collator
    lengths: Sequence[int] = ()


class Way(NamedTuple):
    """What trains: a Loop over a Trainer, the class of its settings, and what these two are given beside ours."""

    loop: type[Loop]
    settings: type[TrainingArguments] = TrainingArguments
    more_settings: Mapping[str, Any] = {}
    more: Mapping[str, Any] = {}


class Loop(Trainer):
    """Trainer with an order of its own, a mark for finished checkpoints, and a stop at a loss that is no number.

    A class with two bases, this one and another Trainer, gives that one the same; `more` is for its constructor.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        data: Data,
        arguments: TrainingArguments,
        about: Mapping[str, Any],
        keep: int,
        **more: Any,
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
                **more,
            )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = False  # each batch's loss is its own mean, whatever forward accepts

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._order

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """As the Trainer's, and measured."""
        began = time.monotonic()
        try:
            return super().get_batch_samples(*args, **kwargs)
        finally:
            self.waited += time.monotonic() - began

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """As the Trainer's. Raises TrainingDiverged."""
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise TrainingDiverged(
                f"the loss of step {self.state.global_step + 1} is {loss.item()} (learning rate "
                f"{self._get_learning_rate():.2g}): lower training.learning_rate or max_gradient, and begin again"
            )
        return loss

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """The loss alone, whatever the labels are called."""
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


class Watch(TrainerCallback):
    """Shows steps, and ends the training with a checkpoint when somebody asks it to stop."""

    def __init__(self, raise_if_stopped: Callable[[], None], on_step: Callable[[Step], None]) -> None:
        self.stopped: RunStopped | None = None
        self._raise_if_stopped, self._on_step = raise_if_stopped, on_step
        self._loss: float | None = None
        self._validation: float | None = None
        self._first: tuple[int, float] | None = None

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Show the step, and end the training with a checkpoint where it shall stop."""
        now = time.monotonic()
        self._first = self._first or (state.global_step, now)
        done = state.global_step - self._first[0]
        left = (now - self._first[1]) / done * (state.max_steps - state.global_step) if done else math.nan
        self._on_step(Step(state.global_step, state.max_steps, state.epoch or 0, self._loss, self._validation, left))
        try:
            self._raise_if_stopped()
        except RunStopped as error:
            self.stopped = error
            control.should_training_stop = True
            at_the_end = args.save_strategy == "epoch" and _is_whole(state)  # validation and checkpoint come then
            control.should_save = args.save_strategy != "no" and not at_the_end

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Leave out what belongs to the end of an epoch where the training was stopped before it."""
        if self.stopped is not None and not _is_whole(state):
            control.should_evaluate = control.should_save = False

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Keep the loss that is shown."""
        self._loss = (logs or {}).get("loss", self._loss)

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Keep the validation loss that is shown."""
        self._validation = (metrics or {}).get("eval_loss", self._validation)


def _is_whole(state: Any) -> bool:
    """Whether an epoch is over."""
    return float(state.epoch).is_integer()


def arguments_of(settings: TrainingSection, folder: Path, data: Data, way: Way, save: bool = True) -> TrainingArguments:
    """The Trainer's settings. Nothing is printed, sent, or saved anywhere else."""
    when: dict[str, Any] = {"save_strategy": "no"}
    if save and settings.check_every is not None:
        when = {"save_strategy": "steps", "save_steps": settings.check_every, "eval_steps": settings.check_every}
    elif save:
        when = {"save_strategy": "epoch"}
    checked = save and data.validation is not None
    steps = math.ceil(len(data.train) / settings.batch / settings.accumulate) * settings.epochs
    return way.settings(
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
        use_cpu=not torch.accelerator.is_available(),  # else the Trainer refuses bfloat16
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
        **way.more_settings,
    )
