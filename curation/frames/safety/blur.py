"""Blurs published pictures by a policy: faces where they are, and whole pictures.

A blurred part keeps a few mean colours and nothing else, so that no filter brings a face back. A picture whose scores
are not known is blurred whole: it was lost when they were made, or it shows more faces than a record holds.
"""

from __future__ import annotations

import io
import math
from functools import cached_property

from PIL import Image

from models.decode_picture import decode_picture
from schemas.configuration.safety_config import BlurConfig
from schemas.parts.safety import BlurPolicy, FaceBox, FrameSafety, Safety
from schemas.time import FrameIndex

BLUR_RULE = 1  # raised when equal scores and pictures give other blurred ones than before
_CELLS, _CELLS_OF_WHOLE = 4, 8  # mean colours along the longer side of a face, and of a picture
_MARGIN = 0.3  # of a face's width and height, on each side: hair, chin, and what moved since
_QUALITY = 90


class Blur:
    """What is blurred in the pictures of a video."""

    def __init__(self, safety: Safety | None, config: BlurConfig) -> None:
        """Keep the scores of the pictures, and the policy."""
        self._safety, self._config = safety, config

    @cached_property
    def _frames(self) -> dict[FrameIndex, FrameSafety]:
        return {one.index: one for one in self._safety.frames} if self._safety is not None else {}

    def touches(self, index: FrameIndex) -> bool:
        """Whether the picture of a frame is blurred, whole or in part."""
        return self._whole(index) or bool(self._faces(index))

    def apply(self, index: FrameIndex, picture: bytes) -> bytes:
        """The picture of a frame as it is published: blurred as JPEG, or the same bytes where nothing is blurred.

        Equal pictures give equal bytes. Raises PermanentError `unreadable_picture` for bytes that are no picture.
        """
        if not self.touches(index):
            return picture
        image = decode_picture(picture)
        if self._whole(index):
            image = _smeared(image, _CELLS_OF_WHOLE)
        else:
            for face in self._faces(index):
                area = _area(face, image.width, image.height)
                image.paste(_smeared(image.crop(area), _CELLS), area)
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=_QUALITY)
        return stream.getvalue()

    def _whole(self, index: FrameIndex) -> bool:
        if not self._config.on:
            return False
        known, safety = self._frames.get(index), self._safety
        if known is None or safety is None:
            return True
        if self._config.faces and (safety.finder is None or known.more_faces > 0):
            return True
        return self._config.nudity is not None and (known.nudity is None or known.nudity >= self._config.nudity)

    def _faces(self, index: FrameIndex) -> tuple[FaceBox, ...]:
        known = self._frames.get(index)
        return known.faces if self._config.faces and known is not None else ()


def stated(config: BlurConfig) -> BlurPolicy | None:
    """What a dataset says of its blurred pictures; None where nothing is blurred."""
    return BlurPolicy(**config.model_dump()) if config.on else None


def of_all_pictures(config: BlurConfig) -> BlurConfig:
    """The policy for pictures that are no thumbnails: none where only thumbnails are blurred."""
    return config if config.pictures == "all" else BlurConfig()


def _area(face: FaceBox, width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels around a face that are blurred: left, upper, right, lower; at least one pixel."""
    aside, above = _MARGIN * (face.right - face.left), _MARGIN * (face.bottom - face.top)
    left = min(width - 1, math.floor(max(0.0, face.left - aside) * width))
    upper = min(height - 1, math.floor(max(0.0, face.top - above) * height))
    right = math.ceil(min(1.0, face.right + aside) * width)
    lower = math.ceil(min(1.0, face.bottom + above) * height)
    return left, upper, max(left + 1, right), max(upper + 1, lower)


def _smeared(image: Image.Image, cells: int) -> Image.Image:
    """The picture made of its mean colours in `cells` cells along its longer side."""
    longer = max(image.size)
    few = tuple(max(1, round(cells * side / longer)) for side in image.size)
    return image.resize((few[0], few[1]), Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)
