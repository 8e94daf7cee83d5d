"""Tunes a current vision-language model by TRL's SFTTrainer, on the files that a release has for it (`formats/trl`).

A row is a task of a video: at most 100 pictures, each behind its time as text, what is asked of them, and the answer.
Nothing of a video file is read, so that no rate of frames can be wrong. A checkpoint is an adapter (PEFT) with the
processor; its adapter_config.json names the model below it.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel
from trl import SFTConfig, SFTTrainer
from trl.data_utils import apply_chat_template, prepare_multimodal_messages
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

from models.identity import checkpoint_errors
from models.summarizers.checkpoint import ADAPTER, require_finished
from models.summarizers.predicted import Predicted
from models.weights import load_weights, quiet_loading
from schemas.configuration.summarizer_config import VisionModelSection
from schemas.errors import ConfigError
from schemas.release import FormatChoice, Task
from training.collate import Batch
from training.examples import Example
from training.loop import Way
from training.modern.answers import joined, read_answer
from training.modern.batches import Asked, ModernCollator, TrlLoop
from training.modern.files import ShownVideo, TrlFiles
from training.recipe import Recipe

# PEFT 0.21 and TRL 1.16 call transformers by names that are deprecated there.
warnings.filterwarnings("ignore", r"`\w*gradient_checkpointing\w*` is deprecated", FutureWarning)
_REFERENCE = "ref"  # an adapter that TRL's DPOTrainer adds; nobody needs it after the training


class _Tuned(TrlLoop, SFTTrainer):  # type: ignore[misc]
    pass


class ModernRecipe(Recipe):
    """See Recipe."""

    kind = PreTrainedModel
    reads_frames = False
    reads_lazily = True

    @property
    def section(self) -> VisionModelSection:
        """The configured model."""
        return cast("VisionModelSection", self.config.summarizer)

    @cached_property
    def trl(self) -> TrlFiles:
        """The release's files for TRL. Raises ConfigError where there is no release."""
        if self.places is None:
            raise ConfigError("a vision-language model reads the pictures of a release: evaluate it on one")
        return TrlFiles(self.places.release, self.places.out / "rows")

    def show(self, example: Example, picture: Callable[[int], bytes], choice: FormatChoice) -> None:
        """Ask about this video from here on."""
        self.trl = ShownVideo(example, picture, choice)

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for a release without files for TRL, a model without a processor, and several GPUs."""
        if torch.cuda.device_count() > 1 and "WORLD_SIZE" not in os.environ:
            raise ConfigError("several GPUs are visible, and TRL trains on one: CUDA_VISIBLE_DEVICES=0 v2xum train ...")
        for split in sorted({example.split for example in examples}):
            self.trl.files(split)
        assert self.processor is not None

    @cached_property
    def processor(self) -> Any:
        """The tokenizer and the preparation of pictures. Raises ConfigError."""
        where = self.section.model
        try:
            with checkpoint_errors(where), quiet_loading():
                auto: Any = AutoProcessor  # it is not typed
                made = auto.from_pretrained(where, revision=self.section.revision, trust_remote_code=False)
        except ImportError as error:
            told = f"pip install the torchvision that was built for torch {torch.__version__}"
            raise ConfigError(f"the processor of {where} needs a package that is missing: {told}") from error
        if not hasattr(made, "image_processor"):
            raise ConfigError(f"summarizer.model: {where} sees no pictures: name a vision-language model")
        if made.tokenizer.pad_token is None:
            made.tokenizer.pad_token = made.tokenizer.eos_token
        return made

    def build(self, examples: Sequence[Example]) -> PreTrainedModel:
        """The model with a new adapter, which changes nothing yet, or with that of an earlier training."""
        own = self.section
        if (Path(own.model) / ADAPTER).is_file():
            require_finished(Path(own.model))
            return self._adapted(Path(own.model), trained=True)
        values = {"task_type": "CAUSAL_LM", "target_modules": "all-linear", "revision": own.revision}
        lora = LoraConfig(**values, **own.lora.model_dump())
        return cast("PreTrainedModel", get_peft_model(self._base(own.model, own.revision), lora))

    def load(self, folder: Path) -> PreTrainedModel:
        """A trained adapter over its model."""
        require_finished(folder)
        if not (folder / ADAPTER).is_file():
            raise ConfigError(f"{folder} is no adapter of a vision-language model: name another checkpoint")
        return self._adapted(folder, trained=False)

    def save_also(self, folder: Path) -> None:
        """The processor, and no card of PEFT's: ours is written later."""
        self.processor.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        shutil.rmtree(folder / _REFERENCE, ignore_errors=True)

    def way(self) -> Way:
        """TRL's SFTTrainer; a cut row would have fewer tokens than pictures, so none is cut."""
        return Way(_Tuned, SFTConfig, {"max_length": None}, {"processing_class": self.processor})

    def items(self, examples: Sequence[Example]) -> Sequence[Any]:
        """The rows of these videos, of one split."""
        rows, wanted = self.trl.rows(examples[0].split), {example.id for example in examples}
        places = [place for (video, _), place in rows.places.items() if video in wanted]
        return cast("Sequence[Any]", rows.data.select(places))

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """Parts of each row's prompt: times and pictures."""
        plain = cast("Any", items).with_format(None).select_columns(["prompt"])
        return [len(row["prompt"][0]["content"]) for row in plain]

    def collator(self) -> ModernCollator:
        """What makes batches; the loss is on the answer alone."""
        return ModernCollator(DataCollatorForVisionLanguageModeling(self.processor, completion_only_loss=True))

    def questions(self, examples: Sequence[Example]) -> Sequence[Asked]:
        """One item for each video. V2VT alone stands for all tasks, where it is among them."""
        places = self.trl.rows(examples[0].split).places
        tasks = [task for task in ("v2v", "v2t", "v2vt") if (examples[0].id, task) in places]
        tasks = ["v2vt"] if "v2vt" in tasks else tasks
        return [Asked(each, {cast("Task", task): places[each.id, task] for task in tasks}) for each in examples]

    def predict(self, model: PreTrainedModel, batch: Batch) -> list[Predicted]:
        """What the model writes, greedily, of the rows' prompts. It gives no scores."""
        asked: Sequence[Asked] = batch["asked"]
        rows, times = self.trl.rows(asked[0].example.split).data, self.trl.times
        said = {task: self._answers(model, [rows[each.rows[task]] for each in asked]) for task in asked[0].rows}
        return [
            joined([read_answer(task, said[task][place], each.example, times) for task in each.rows])
            for place, each in enumerate(asked)
        ]

    def _answers(self, model: PreTrainedModel, rows: Sequence[Mapping[str, Any]]) -> list[str]:
        prompts = [{"prompt": prepare_multimodal_messages(row["prompt"], images=row["images"])} for row in rows]
        inputs = self.processor(
            images=[row["images"] for row in rows],
            text=[apply_chat_template(prompt, self.processor)["prompt"] for prompt in prompts],
            padding=True,
            padding_side="left",
            add_special_tokens=False,  # the template writes them
            return_tensors="pt",
        ).to(model.device)
        own: Any = model
        with torch.no_grad(), quiet_loading():
            ids = own.generate(**inputs, do_sample=False, max_new_tokens=self.section.answer_tokens)
        texts = self.processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return [str(text).strip() for text in texts]

    def _base(self, where: str, revision: str | None) -> Any:
        dtype = getattr(torch, self.config.training.precision)
        with checkpoint_errors(where), quiet_loading():
            return load_weights(AutoModelForImageTextToText, where, revision=revision, dtype=dtype)

    def _adapted(self, folder: Path, *, trained: bool) -> PreTrainedModel:
        with checkpoint_errors(str(folder)), quiet_loading():
            stated = PeftConfig.from_pretrained(str(folder))
            base = self._base(str(stated.base_model_name_or_path), stated.revision)
            return cast("PreTrainedModel", PeftModel.from_pretrained(base, str(folder), is_trainable=trained))


RECIPE = ModernRecipe
