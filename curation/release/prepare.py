"""Prepares the samples of a release, some ahead on other threads: reads pictures, makes rows and contact sheets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from curation.dataset.rows import row_of
from curation.dataset.write import ReadImage
from curation.frames.safety.blur import Blur
from curation.release.configurations.configuration import Published
from curation.release.in_order import in_order
from curation.release.kept_sheets import KeptSheets
from schemas.configuration.safety_config import BlurConfig
from schemas.errors import PermanentError, StageError
from schemas.manifest import SplitName
from schemas.records import Sample
from schemas.time import FrameIndex


class Prepared(NamedTuple):
    """A sample that can be written, or why it cannot."""

    id: str
    published: Published | StageError


def prepared(
    samples: Iterable[Sample],
    read_image: ReadImage,
    split: Callable[[Sample], SplitName],
    sheets: KeptSheets | None,
    blur: BlurConfig,
    done: Callable[[Sample], None] = lambda _sample: None,
) -> Iterator[Prepared]:
    """Prepare samples, in their order; at most some are in memory. `sheets` is None where there are no pictures.

    `blur`: what is blurred in contact sheets, and in the pictures of rows where it says so.
    `read_image` compares a picture with the hash of its frame, as `Pictures.read` does. A StageError or
    FileNotFoundError that it raises is the sample's; other errors are raised. `done` is called once no more pictures
    of a sample are read.
    """

    def one(sample: Sample) -> Prepared:
        try:
            return _prepare(sample, read_image, split, sheets, blur)
        finally:
            done(sample)

    return in_order(one, samples, "release")


def _prepare(
    sample: Sample,
    read_image: ReadImage,
    split: Callable[[Sample], SplitName],
    sheets: KeptSheets | None,
    blur: BlurConfig,
) -> Prepared:
    try:
        pictures = None if sheets is None else _pictures(sample, read_image)
        row = row_of(sample, split(sample), pictures, compared=True, blur=blur)
        sheet = (
            None if sheets is None or pictures is None else _sheet(sample, pictures, sheets, Blur(sample.safety, blur))
        )
        return Prepared(sample.video.id, Published(sample, row, sheet))
    except StageError as error:
        return Prepared(sample.video.id, error)


def _pictures(sample: Sample, read_image: ReadImage) -> dict[FrameIndex, bytes]:
    found = {}
    for index in sample.extract.keyframes:
        try:
            found[index] = read_image(sample, index)
        except FileNotFoundError as error:
            raise PermanentError("image_missing", f"frame {index}") from error
    return found


def _sheet(sample: Sample, pictures: dict[FrameIndex, bytes], sheets: KeptSheets, blur: Blur) -> bytes:
    keyframes, frames = sample.extract.keyframes, sample.frames
    chosen = [frames.frames[index] for index in keyframes]
    times, sha256s = [frame.time for frame in chosen], [frame.sha256 for frame in chosen]
    blurred = {index: blur.apply(index, pictures[index]) for index in keyframes if blur.touches(index)}
    sha256s = [
        hashlib.sha256(blurred[index]).hexdigest() if index in blurred else sha256
        for index, sha256 in zip(keyframes, sha256s, strict=True)
    ]
    shown = pictures | blurred
    shape = frames.width / frames.height
    return sheets.sheet(sample.video.id, times, sha256s, lambda place: shown[keyframes[place]], shape)
