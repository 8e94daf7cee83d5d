"""The `rapidocr` engine of text in pictures: the PP-OCR networks of its wheel, by onnxruntime in this process.

Nothing is fetched: the networks are named by their files. A picture is not enlarged, as rapidocr would do by itself:
at 480x270 that takes eight times as long, and finds no more lines of 10 pixels and above.
"""

from __future__ import annotations

import threading
import unicodedata
from typing import Any

import numpy as np
from PIL import Image

from models.decode_picture import decode_picture
from models.identity import checkpoint_errors, identify_reader, ocr_weights, require_packages
from models.reader import ReadLine
from schemas.configuration.model_config import RapidOcr
from schemas.safe_text import clean_text

_LONGEST = 1920  # pixels of a picture's longer side that lines are read from; larger pictures are made smaller
_SEARCHED = 960  # pixels of the longer side of the picture that lines are searched in
_NARROW = 8  # sides further apart than this are too far apart for the networks
_SMALLEST = 32  # pixels; the networks halve a picture five times
_LINE = 300  # characters that are kept of a line
_OPTIONS = {
    "Global.log_level": "critical",
    "Global.use_cls": False,  # another network, which would turn lines that stand on their heads
    "Global.use_preprocess_img": False,
    "Global.use_vertical_padding": False,
    "Global.text_score": 0.0,  # lines are left out below
    "Det.limit_type": "max",
    "Det.limit_side_len": _SEARCHED,
    "Rec.rec_batch_num": 1,  # as quick on a CPU as six, in a third of the memory
}


class RapidReader:
    """Reads text in pictures with rapidocr. Threads may share it: one picture is read at a time."""

    def __init__(self, config: RapidOcr) -> None:
        """Load the networks. Raises ConfigError without the extra `ocr`."""
        self.name, self.revision, _ = identify_reader(config)
        self._min_confidence = config.min_confidence
        self._running = threading.Lock()
        require_packages("onnxruntime", extra="ocr")
        find, read = map(str, ocr_weights())
        own: dict[str, Any] = {"Det.model_path": find, "Rec.model_path": read}
        if config.threads is not None:
            own["EngineConfig.onnxruntime.intra_op_num_threads"] = config.threads
        with checkpoint_errors(self.name, extra="ocr"):
            from rapidocr import RapidOCR

            self._engine: Any = RapidOCR(params=_OPTIONS | own)
            # It loads a network when it is first used, and remembers what it was last asked for.
            blank = np.zeros((_SMALLEST, _SMALLEST, 3), np.uint8)
            self._engine(blank, use_det=False)
            self._engine(blank, use_det=True)

    def read(self, image: bytes) -> tuple[ReadLine, ...]:
        """The lines of a picture (JPEG or PNG bytes), from top to bottom, then from left to right.

        Their text is in NFC, in one line of at most 300 characters, without control characters. Lines below
        `min_confidence`, and without a letter or digit, are left out. Raises PermanentError `unreadable_picture`.
        """
        picture = decode_picture(image)
        picture.thumbnail((_LONGEST, _LONGEST))
        with self._running:
            found = self._engine(_padded(picture))
        if getattr(found, "txts", None) is None:
            return ()  # no line was found, or none of them was read
        lines = (
            line_of(str(text), float(score), np.asarray(box) / picture.size)
            for text, score, box in zip(found.txts, found.scores, found.boxes, strict=True)
            if score >= self._min_confidence
        )
        return in_order([line for line in lines if line is not None])


def _padded(picture: Image.Image) -> np.ndarray[Any, Any]:
    """The pixels of a picture (height x width x 3: blue, green, red), with black at its right and bottom if needed."""
    least = max(_SMALLEST, max(picture.size) // _NARROW)
    whole = Image.new("RGB", (max(least, picture.width), max(least, picture.height)))
    whole.paste(picture)
    return np.ascontiguousarray(np.asarray(whole)[:, :, ::-1])


def line_of(text: str, confidence: float, corners: np.ndarray[Any, Any]) -> ReadLine | None:
    """A line whose four corners are in shares of the picture; None when nothing of it can be read."""
    text = clean_text(unicodedata.normalize("NFC", text))[:_LINE].rstrip()
    (left, top), (right, bottom) = corners.min(axis=0).clip(0, 1), corners.max(axis=0).clip(0, 1)
    if left == right or top == bottom or not any(map(str.isalnum, text)):
        return None
    return ReadLine(text, min(1.0, confidence), float(left), float(top), float(right), float(bottom))


def in_order(lines: list[ReadLine]) -> tuple[ReadLine, ...]:
    """From top to bottom; lines whose middle is beside the first of a row are in that row, from left to right."""
    rows: list[list[ReadLine]] = []
    for line in sorted(lines, key=_middle):
        if rows and _middle(line) < rows[-1][0].bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return tuple(line for row in rows for line in sorted(row, key=lambda line: line.left))


def _middle(line: ReadLine) -> float:
    return (line.top + line.bottom) / 2
