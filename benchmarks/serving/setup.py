"""The run configuration of the serving benchmarks."""

from __future__ import annotations

from benchmarks.instant import config
from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import OpenAIModel


def serving_config(model: OpenAIModel) -> CurateConfig:
    """The demo's configuration with this captioner. Every frame is captioned and nothing is audited."""
    base = config(shard_size=10, shards_in_flight=4, decode_workers=2, download_workers=4)
    frames = base.frames.model_copy(
        update={
            "short_side": 48,
            "near_duplicates": base.frames.near_duplicates.model_copy(update={"mode": "disable"}),
        }
    )
    return base.model_copy(
        update={
            "frames": frames,
            "models": base.models.model_copy(update={"captioner": model, "clip": None}),
            "binding": base.binding.model_copy(update={"mode": "disable"}),
            "audit": base.audit.model_copy(update={"mode": "disable"}),
        }
    )
