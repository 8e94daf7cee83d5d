"""The files of a video's sampled frames: the key of their folder, their names, reading them and removing them."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from schemas.configuration.config import FrameConfig

# Part of every key. Raise it when the same settings would give other pictures or descriptions.
VERSION = 1
# The settings that change a picture or the frame that stands for it: a new setting must not move finished frames.
_KEYS: dict[str, Any] = dict.fromkeys(("fps", "short_side", "jpeg_quality", "backend"), True)
_KEYS |= {"near_duplicates": {"mode", "max_distance", "max_difference"}}
_NAME = re.compile(r"(\d{6,})\.jpg")


def frames_key(video_sha256: str, config: FrameConfig) -> str:
    """A hash (64 hex digits) of what determines the frames: the video, the sampling settings and the code's version.

    Any other setting, such as a limit, changes no picture and no key.
    """
    settings = config.model_dump(mode="json", include=_KEYS)
    text = json.dumps([VERSION, video_sha256, settings], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def frame_name(index: int) -> str:
    """The file name of a frame, such as `000012.jpg`. Raises ValueError for a negative index."""
    if index < 0:
        raise ValueError(f"frame index {index}")
    return f"{index:06d}.jpg"


def read_frame(folder: Path, index: int, sha256: str | None = None) -> bytes:
    """The JPEG bytes of a frame; `sha256` is the hash that its record says.

    Raises FileNotFoundError when the picture was not kept, or when the file has another hash.
    """
    path = folder / frame_name(index)
    data = path.read_bytes()
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise FileNotFoundError(errno.ENOENT, "not the picture that its record describes", str(path))
    return data


def keep_only(folder: Path, indices: Iterable[int]) -> None:
    """Remove all frames from a folder except those of `indices`; a folder that does not exist is no error.

    Another thread may remove or replace the folder meanwhile.
    """
    kept = set(indices)
    try:
        with os.scandir(folder) as found:
            files = [(file.path, name) for file in found if (name := _NAME.fullmatch(file.name))]
    except FileNotFoundError:
        return
    for path, name in files:
        if int(name[1]) not in kept:
            with suppress(FileNotFoundError):
                os.unlink(path)  # noqa: PTH108 - a Path for each frame of a film costs more than its removal
