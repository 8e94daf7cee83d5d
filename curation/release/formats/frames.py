"""The input frames of a video: uniformly sampled pictures with their times, which a trainer shows instead of the video.

They are never chosen by the keyframes: the keyframes are the answer. With at most 100 sampled frames all are shown,
else 100 of them, one for each slot of the model form (`schemas.time.slot_to_index`), so that slot k is picture k. The
time of a picture stands before it as text, in the form that Qwen3-VL reads (`<12.0 seconds>`).
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from PIL import Image

from curation.frames.safety.blur import Blur, of_all_pictures
from curation.pipeline.services import Services
from curation.pipeline.thin import kept_pictures
from curation.release.formats.items import Item
from curation.release.in_order import in_order
from curation.status.standings import Standings
from schemas.errors import PermanentError, ReleaseRefused, StageError
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS
from schemas.records import Sample
from schemas.time import SLOTS, FrameIndex, Seconds, Slot, index_to_seconds, slot_to_index

IMAGE_MARK = "<image>"
LONGEST = 336  # pixels of a picture's longer side
_QUALITY = 85
_BATCH = 64


class InputFrame(NamedTuple):
    """A picture as JPEG bytes, the time in seconds at which the video shows it, and its name."""

    time: Seconds
    jpeg: bytes
    name: str


def input_indices(frames: int) -> list[FrameIndex]:
    """Which of a video's sampled frames are shown: all of at most 100, else one for each slot.

    Raises ValueError for fewer than one frame.
    """
    shown = min(frames, SLOTS)
    if shown < 2:
        return [slot_to_index(Slot(0), frames)]
    return [slot_to_index(Slot(place), frames, shown) for place in range(shown)]


def time_text(time: Seconds) -> str:
    """A time as it stands before its picture; it is exact to 0.05 s."""
    return f"<{time:.1f} seconds>"


def scaled(jpeg: bytes) -> bytes:
    """The picture with at most `LONGEST` pixels on its longer side; a smaller one stays as it is, byte by byte.

    Raises PermanentError `unreadable_picture` for bytes that are no picture.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=PICTURE_FORMATS) as image:
            if max(image.size) <= LONGEST:
                return jpeg
            image.draft("RGB", (LONGEST, LONGEST))
            small = image.convert("RGB")
            small.thumbnail((LONGEST, LONGEST))
    except PICTURE_ERRORS as error:
        raise PermanentError("unreadable_picture", type(error).__name__) from error
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=_QUALITY)
    return stream.getvalue()


def with_frames(items: Iterable[Item], services: Services) -> Iterator[tuple[Item, list[InputFrame]]]:
    """Each item with its input frames, in order; some videos are in memory.

    Pictures come from the store; what it does not keep is decoded again, and removed after use. Raises ReleaseRefused
    for a video whose pictures cannot be read.
    """
    standings = Standings(services.view)

    def read(of: tuple[Item, Sample]) -> tuple[Item, list[InputFrame]]:
        return of[0], _frames(*of, services)

    yield from in_order(read, _samples(items, standings), "input-frames")


def _samples(items: Iterable[Item], standings: Standings) -> Iterator[tuple[Item, Sample]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == _BATCH:
            yield from zip(batch, standings.published([each.id for each in batch]), strict=True)
            batch = []
    yield from zip(batch, standings.published([each.id for each in batch]), strict=True)


def _frames(item: Item, sample: Sample, services: Services) -> list[InputFrame]:
    blur = Blur(sample.safety, of_all_pictures(services.config.export.blur))
    try:
        return [
            InputFrame(
                index_to_seconds(index, item.fps),
                scaled(blur.apply(index, services.pictures.read(sample.video, sample.frames, index))),
                f"{item.id}_{index:06d}.jpg",
            )
            for index in input_indices(item.frames)
        ]
    except (StageError, FileNotFoundError) as error:
        raise ReleaseRefused(
            f"the release is refused, and nothing was written: the frames of {item.id} cannot be read ({error}). "
            "`v2xum curate` fetches lost files again; without a format that holds frames they are not needed"
        ) from error
    finally:
        services.pictures.thin(sample.video, kept_pictures(sample))
