"""Captions one video by the captioner of a configuration, outside of any workspace: no cache, no canaries."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import prompts
from curation.text.caption import caption_frames
from models.build import build_chat_model
from schemas.configuration.config import CurateConfig
from schemas.records import CaptionSet, FrameSet, Video


def caption_video(video: Video, sampled: FrameSet, read: Callable[[int], bytes], config: CurateConfig) -> CaptionSet:
    """A caption for each frame, where the captioner gives one; `read` gives a frame's JPEG by its index.

    Raises StageError as `caption_frames`, PromptError for a missing prompt, ConfigError for a model that cannot be
    built, and ServerGone when no server answers.
    """
    caption = config.caption
    prompt = prompts.load(caption.asked)
    model = build_chat_model(config.models.captioner)
    with model if isinstance(model, AbstractContextManager) else nullcontext():  # an engine with connections
        return caption_frames(video, sampled, read, model, prompt, caption)
