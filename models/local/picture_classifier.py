"""Nudity in pictures by a classifier that transformers loads. Needs no torchvision."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageClassification

from models.decode_picture import decode_picture, presentable
from models.hub import weights_revision
from models.identity import checkpoint_errors, identify_nudity, name_of
from models.torch_threads import threads, threads_for
from models.weights import load_weights, quiet_loading
from schemas.configuration.model_config import PictureClassifier
from schemas.errors import ConfigError, PermanentError, TransientError
from schemas.safe_text import plain_line

_AutoImageProcessor: Any = AutoImageProcessor  # the library does not annotate it
_NAMED, _LONGEST = 20, 60  # labels that a message names, and letters of each


class TransformersNudity:
    """A classifier in this process. Threads may share it: one batch runs at a time."""

    def __init__(self, config: PictureClassifier) -> None:
        """Load the checkpoint. Raises ConfigError when it is missing or broken, or does not have all labels."""
        self._columns = label_columns(config)
        with checkpoint_errors(config.model):
            self.name, self.revision, _ = identify_nudity(config)
            commit = weights_revision(config.model, config.revision)
            with quiet_loading():
                self._pictures: Any = _AutoImageProcessor.from_pretrained(
                    config.model, revision=commit, backend="pil", trust_remote_code=False
                )
                model: Any = load_weights(AutoModelForImageClassification, config.model, revision=commit)
        self._model = model.to(config.device).eval()
        self._apart = model.config.problem_type == "multi_label_classification" or model.config.num_labels == 1
        self._batch, self._device = config.batch, config.device
        self._threads = threads_for(self._model, config.device)
        self._lock = threading.Lock()

    def score(self, images: Sequence[bytes]) -> list[float]:
        """How likely each picture (JPEG or PNG bytes) shows nudity, from 0 to 1, in the order of the pictures.

        It is the sum of the probabilities of the configured labels; where a picture may have several labels, the
        highest of them. Raises PermanentError `unreadable_picture`, and `no_number` when the model computes none.
        """
        scores: list[float] = []
        for start in range(0, len(images), self._batch):
            pictures = [presentable(decode_picture(image)) for image in images[start : start + self._batch]]
            try:
                with self._lock, torch.inference_mode(), threads(self._threads):
                    inputs = self._pictures(images=pictures, return_tensors="pt")
                    logits = self._model(**inputs.to(self._device)).logits.float()
                    told = self._nudity(logits).clamp(0, 1).tolist()
            except torch.OutOfMemoryError as error:
                raise TransientError("out_of_memory", f"{len(pictures)} pictures for {self.name}") from error
            if not all(map(math.isfinite, told)):
                raise PermanentError("no_number", f"{self.name} computes no finite number for a picture")
            scores += told
        return scores

    def _nudity(self, logits: torch.Tensor) -> torch.Tensor:
        if self._apart:
            return logits.sigmoid()[:, self._columns].amax(dim=1)
        return logits.softmax(dim=1)[:, self._columns].sum(dim=1)


def label_columns(config: PictureClassifier) -> list[int]:
    """Where a checkpoint's answers have the configured labels. No weights are loaded.

    Raises ConfigError when the checkpoint is missing or does not have all labels; the message names those that it has.
    """
    with checkpoint_errors(config.model):
        commit = weights_revision(config.model, config.revision)
        try:
            settings = AutoConfig.from_pretrained(config.model, revision=commit, trust_remote_code=False)
        except AttributeError as error:  # the library takes whatever stands there for a mapping
            raise ValueError("id2label in its config.json is no mapping") from error
    has = {int(column): str(label) for column, label in sorted(settings.id2label.items())}
    if sorted(has) != list(range(settings.num_labels)):
        raise ConfigError(f"model {name_of(config.model)!r}: id2label in its config.json does not number its labels")
    wanted = {label.casefold() for label in config.labels}
    unknown = [label for label in config.labels if label.casefold() not in {each.casefold() for each in has.values()}]
    if unknown:
        named = ", ".join(plain_line(label)[:_LONGEST] for label in list(has.values())[:_NAMED])
        named += f" and {len(has) - _NAMED} more" if len(has) > _NAMED else ""
        raise ConfigError(f"model {name_of(config.model)!r} has no label {', '.join(unknown)}; it has: {named}")
    return [column for column, label in has.items() if label.casefold() in wanted]
