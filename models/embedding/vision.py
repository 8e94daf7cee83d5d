"""The vision model of any checkpoint of transformers, without a text model: BLIP's ViT, ViT, DINOv2."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoImageProcessor, AutoModel

from models.clip import Vectors
from models.decode_picture import decode_picture, presentable
from models.hub import weights_revision
from models.identity import name_of, revision_of
from models.torch_threads import threads, threads_for
from models.weights import load_weights, quiet_loading
from schemas.configuration.model_config import VisionTower
from schemas.errors import ConfigError, TransientError

_AutoImageProcessor: Any = AutoImageProcessor  # the library does not annotate it


class TransformersVision:
    """A vision model in this process. Threads may share it: one batch runs at a time."""

    def __init__(self, config: VisionTower) -> None:
        """Load the checkpoint. The caller maps the errors of transformers.

        Raises ConfigError for a checkpoint that lacks weights, or whose model looks at no pictures.
        """
        where, revision = config.model, revision_of(config.model, config.revision)
        self.name = f"vision-{name_of(where)}-{revision[:12]}"
        commit = weights_revision(where, config.revision)
        settings = AutoConfig.from_pretrained(where, revision=commit, trust_remote_code=False)
        with quiet_loading():
            self._pictures: Any = _AutoImageProcessor.from_pretrained(
                where, revision=commit, backend="pil", trust_remote_code=False
            )
            # A captioner lacks the poolers, projections and text weights of the model that AutoModel builds.
            unused = ("pooler", "text_", "visual_projection", "logit_scale", "vision_model.pooler")
            model = load_weights(AutoModel, where, revision=commit, unused=unused, config=settings)
        tower = getattr(model, "vision_model", model)
        if getattr(tower, "main_input_name", None) != "pixel_values":
            raise ConfigError(f"model {name_of(where)!r} has no vision model")
        self._model: Any = tower.to(config.device).eval()
        self._batch, self._device = config.batch, config.device
        self._threads = threads_for(self._model, config.device)
        self._lock = threading.Lock()

    def raw_image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d]. Raises PermanentError `unreadable_picture`."""
        parts: list[Vectors] = [np.zeros((0, int(self._model.config.hidden_size)), np.float32)]
        for start in range(0, len(images), self._batch):
            part = images[start : start + self._batch]
            try:
                with self._lock, torch.inference_mode(), threads(self._threads):
                    inputs = self._pictures(images=[presentable(decode_picture(i)) for i in part], return_tensors="pt")
                    states = self._model(**inputs.to(self._device)).last_hidden_state
                    parts.append(states[:, 0].float().cpu().numpy())
            except torch.OutOfMemoryError as error:
                raise TransientError("out_of_memory", f"{len(part)} pictures for {self.name}") from error
        return np.concatenate(parts)
