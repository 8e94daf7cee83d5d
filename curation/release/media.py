"""What a release says of its media: how files were chosen and frames sampled, so that others can make them again."""

from __future__ import annotations

import re

from schemas.configuration.config import CurateConfig
from schemas.release import MediaSettings

_CODEC = re.compile(r"[A-Za-z0-9._-]{1,32}")


def media_settings(config: CurateConfig) -> MediaSettings:
    """The settings of a configuration that decide which file is taken of a video, and which pictures are its frames."""
    codec = config.download.prefer_codec
    return MediaSettings(
        max_height=config.download.max_height,
        prefer_codec=codec if _CODEC.fullmatch(codec) else None,
        **config.frames.model_dump(include={"fps", "short_side", "jpeg_quality", "backend"}),
    )
