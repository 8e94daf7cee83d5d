"""The loop: bit-equal resumption at any step, stops, losses that are no number, memory, early stopping, dry runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.summarizers.checkpoint import MARK, architecture, load
from schemas.configuration.train_config import TrainingSection
from schemas.errors import ConfigError, Interrupted, MachineTrouble, TrainingDiverged
from tests.training.tiny import Noisy, Tiny, items, tiny
from training.fit import FitResult, fit, probe
from training.loop import Data, Step

SETTINGS = TrainingSection(epochs=3, batch=2, learning_rate=0.01, patience=None, keep=3)


def data(settings: TrainingSection = SETTINGS, *, validation: bool = True) -> Data:
    made = items(11)
    return Data(made, items(4, seed=9) if validation else None, Noisy(settings.seed), [len(f) for _, f, _ in made])


def stop_after(step: int) -> tuple[Callable[[], None], Callable[[Step], None]]:
    """Asks to stop when a step is done."""
    seen = []

    def raise_if_stopped() -> None:
        if seen and seen[-1].step >= step:
            raise Interrupted("stopped")

    return raise_if_stopped, seen.append


def train(out: Path, settings: TrainingSection = SETTINGS, **more: Any) -> FitResult:
    return fit(tiny(), data(settings), settings, out, about={"config": "a"}, **more)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load(folder, Tiny).state_dict())


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> FitResult:
    return train(tmp_path_factory.mktemp("undisturbed"))


STEPS = 18  # three epochs of six batches of two, the last one smaller
RANDOM = sorted(np.random.default_rng(14).choice(np.arange(1, STEPS), 10, replace=False).tolist())


@pytest.mark.parametrize("step", RANDOM)
def test_resumed_at_any_step_the_weights_are_equal_to_the_bit(
    step: int, undisturbed: FitResult, tmp_path: Path
) -> None:
    assert undisturbed.steps == STEPS
    raise_if_stopped, on_step = stop_after(step)
    with pytest.raises(Interrupted):
        train(tmp_path, raise_if_stopped=raise_if_stopped, on_step=on_step)
    assert not (tmp_path / "model").exists()
    torch.manual_seed(99)  # another process has another random state
    seen: list[int] = []
    went_on = train(tmp_path, resume=True, on_step=lambda done: seen.append(done.step))
    assert seen[0] == step + 1, "it goes on, and does not begin again"
    assert went_on.steps == STEPS and same(went_on.model, undisturbed.model)
    assert went_on.validation == undisturbed.validation


@pytest.mark.parametrize("change", [{"accumulate": 2}, {"group_by_length": True}, {"check_every": 4}])
def test_other_ways_of_training_resume_too(change: dict[str, Any], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update=change)
    whole = train(tmp_path / "a", settings)
    raise_if_stopped, on_step = stop_after(5)
    with pytest.raises(Interrupted):
        train(tmp_path / "b", settings, raise_if_stopped=raise_if_stopped, on_step=on_step)
    seen: list[int] = []
    went_on = train(tmp_path / "b", settings, resume=True, on_step=lambda done: seen.append(done.step))
    assert seen[0] == 6 and same(went_on.model, whole.model) and went_on.validation == whole.validation


def test_bfloat16_trains_without_a_gpu_too(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"precision": "bfloat16", "epochs": 1.0})
    assert train(tmp_path, settings).steps == STEPS // 3


def test_it_learns_and_keeps_the_best(undisturbed: FitResult) -> None:
    losses = dict(undisturbed.validation)
    assert undisturbed.losses[-1][1] < undisturbed.losses[0][1] and len(losses) == 3
    assert undisturbed.best_step == min(losses, key=lambda step: losses[step])
    assert 0 < undisturbed.busy <= 1
    assert [step for step, _ in undisturbed.rates] == [step for step, _ in undisturbed.losses]
    assert undisturbed.rates[-1][1] < max(rate for _, rate in undisturbed.rates)
    assert FitResult.read(undisturbed.model) == undisturbed
    folder = undisturbed.model.parent
    assert list((folder / "tensorboard").glob("events*")) and architecture(undisturbed.model) == "tiny_summarizer"


def test_early_stopping_looks_at_validation(tmp_path: Path) -> None:
    """With labels that contradict those of training, every step makes validation worse."""
    settings = SETTINGS.model_copy(update={"epochs": 30, "patience": 2, "learning_rate": 0.1})
    against = [(i, f, 1 - label) for i, f, label in items(11)]
    result = fit(tiny(), Data(items(11), against, Noisy(), ()), settings, tmp_path)
    assert result.epochs < 30 and result.best_step < result.steps


def test_an_unfinished_checkpoint_is_told_and_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = train(tmp_path / "a")
    raise_if_stopped, on_step = stop_after(14)
    with pytest.raises(Interrupted):
        train(tmp_path / "b", raise_if_stopped=raise_if_stopped, on_step=on_step)
    last = tmp_path / "b" / "checkpoints" / "checkpoint-14"
    (last / MARK).unlink()
    with pytest.raises(ConfigError, match="unfinished"):
        load(last, Tiny)
    assert same(train(tmp_path / "b", resume=True).model, whole.model)
    assert "checkpoint-14: an unfinished checkpoint" in caplog.text and not last.exists()


def test_what_was_begun_is_not_overwritten_nor_continued_otherwise(tmp_path: Path) -> None:
    first = train(tmp_path)
    with pytest.raises(ConfigError, match="--resume"):
        train(tmp_path)
    assert train(tmp_path, resume=True) == first, "it had ended already"
    with pytest.raises(ConfigError, match="another config"):
        fit(tiny(), data(), SETTINGS, tmp_path, resume=True, about={"config": "b"})


def test_a_loss_that_is_no_number_stops(tmp_path: Path) -> None:
    bad = [(i, f * (np.nan if i == "v3" else 1), label) for i, f, label in items(6)]
    with pytest.raises(TrainingDiverged, match=r"step \d is nan.*learning_rate"):
        fit(tiny(), Data(bad, None, Noisy(), ()), SETTINGS, tmp_path)
    assert not (tmp_path / "model").exists()


def test_out_of_memory_comes_with_numbers_and_a_way_out(tmp_path: Path) -> None:
    class Greedy(Noisy):
        def __call__(self, some: Any) -> Any:
            torch.empty(1 << 60, dtype=torch.uint8)  # the real error of torch's allocator
            raise AssertionError

    with pytest.raises(MachineTrouble, match=r"weights take .* GB.*training\.batch=1 with training\.accumulate=2"):
        fit(tiny(), Data(items(6), None, Greedy(), ()), SETTINGS, tmp_path)


def test_a_dry_run_measures(tmp_path: Path) -> None:
    found = probe(tiny(), data(), SETTINGS, 11)
    assert found.steps == STEPS and found.seconds == pytest.approx(found.seconds_a_step * STEPS)
    assert found.parameters == found.trained_parameters == sum(p.numel() for p in tiny().parameters())
    assert found.memory > 10**7 and found.disk > 4 * found.parameters


def test_a_checkpoint_of_another_architecture_is_refused(undisturbed: FitResult, tmp_path: Path) -> None:
    class Other(Tiny):
        class config_class(type(tiny().config)):  # type: ignore[misc]
            model_type = "other_summarizer"

    with pytest.raises(ConfigError, match=r"'tiny_summarizer', and 'other_summarizer' is wanted"):
        load(undisturbed.model, Other)
    with pytest.raises(ConfigError, match="no checkpoint"):
        load(tmp_path, Tiny)
