"""Tunes a vision-language model further by TRL's DPOTrainer, on what people wrote instead of a model's answer.

The reference is the model as the training found it: a second adapter that stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForVisionPreference

from schemas.configuration.summarizer_config import DpoSection
from schemas.errors import ConfigError
from training.examples import Example
from training.loop import Way
from training.modern.batches import ModernCollator, TrlLoop
from training.modern.sft import ModernRecipe


class _Paired(TrlLoop, DPOTrainer):  # type: ignore[misc]
    pass


class PairRecipe(ModernRecipe):
    """See Recipe. Pairs are learned; asked are the same questions as of a model that SFTTrainer tuned."""

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError, also for a release without preference pairs."""
        if not self.trl.pairs("train"):
            raise ConfigError(
                f"{self.trl.release}: no preference pairs for the split train (formats/trl/dpo). People's edits make "
                "them: `v2xum review push` and `pull`, then `v2xum release WORKSPACE VERSION --format trl`"
            )
        if self.config.training.patience is not None and not self.trl.pairs("validation"):
            told = "training.patience needs a validation loss: --set training.patience=null"
            raise ConfigError(f"{self.trl.release}: no preference pairs for the split validation, and {told}")
        super().check(examples)

    def way(self) -> Way:
        """TRL's DPOTrainer; nothing is cut."""
        settings = {"max_length": None, "beta": cast("DpoSection", self.section).beta}
        return Way(_Paired, DPOConfig, settings, {"processing_class": self.processor})

    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """The pairs of these videos, of one split."""
        pairs, wanted = self.trl.pairs(examples[0].split), {example.id for example in examples}
        if pairs is None:
            return []
        places = [place for place, video in enumerate(pairs["id"]) if video in wanted]
        return cast("Sequence[Any]", pairs.select(places))

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """Letters of each pair."""
        turns = ("prompt", "chosen", "rejected")
        plain = cast("Any", items).select_columns(list(turns))
        return [sum(len(part["text"] or "") for turn in turns for part in row[turn][0]["content"]) for row in plain]

    def collator(self) -> ModernCollator:
        """What makes batches: each prompt with both answers."""
        return ModernCollator(DataCollatorForVisionPreference(self.processor))


RECIPE = PairRecipe
