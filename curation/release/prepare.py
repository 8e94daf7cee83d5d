"""Prepares the samples of a release, some ahead on other threads: reads pictures, makes rows and contact sheets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from curation.dataset.rows import row_of
from curation.dataset.write import ReadImage
from curation.release.configurations.configuration import Published
from curation.release.contact_sheet import contact_sheet
from schemas.errors import PermanentError, StageError
from schemas.manifest import SplitName
from schemas.records import Sample
from schemas.time import FrameIndex

_THREADS, _AHEAD = 2, 6


class Prepared(NamedTuple):
    """A sample that can be written, or why it cannot."""

    id: str
    published: Published | StageError


def prepared(
    samples: Iterable[Sample], read_image: ReadImage, split: Callable[[Sample], SplitName], *, images: bool
) -> Iterator[Prepared]:
    """Prepare samples, in their order; at most some are in memory. Without `images` there are no pictures.

    Reading and drawing pictures lets other threads work meanwhile. A StageError or FileNotFoundError of `read_image` is
    the sample's; other errors are raised.
    """
    waiting: deque[Future[Prepared]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="release") as pool:
        try:
            for sample in samples:
                waiting.append(pool.submit(_prepare, sample, read_image, split, images))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _prepare(sample: Sample, read_image: ReadImage, split: Callable[[Sample], SplitName], images: bool) -> Prepared:
    try:
        pictures = _pictures(sample, read_image) if images else None
        row = row_of(sample, split(sample), pictures)
        sheet = None if pictures is None else _sheet(sample, pictures)
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


def _sheet(sample: Sample, pictures: dict[FrameIndex, bytes]) -> bytes:
    keyframes, frames = sample.extract.keyframes, sample.frames
    times = [frames.frames[index].time for index in keyframes]
    return contact_sheet(times, lambda place: pictures[keyframes[place]], frames.width / frames.height)
