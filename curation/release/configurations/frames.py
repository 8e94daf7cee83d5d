"""The configuration `frames`: a row a sampled frame, with its caption, whether it is a keyframe, and who said so."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import TYPE_CHECKING

from curation.release.configurations.configuration import Configuration, Published, Row

if TYPE_CHECKING:
    from datasets import Features


@functools.cache
def features() -> Features:
    """The columns: `index` is the position at the sampling rate, `time` and `pts` are in seconds.

    `caption` is null where no usable caption was made (`caption_missing` says why). `caption_by` and `keyframe_by` name
    the model, or the pseudonym of the person who edited the row. `reviewed`: people judged the video.
    """
    from datasets import Features, Value

    string, real, flag = Value("string"), Value("float64"), Value("bool")
    return Features(
        {
            "id": string,
            "index": Value("int32"),
            "time": real,
            "pts": real,
            "caption": string,
            "caption_missing": string,
            "caption_by": string,
            "keyframe": flag,
            "keyframe_by": string,
            "reviewed": flag,
            "image_sha256": string,
            "phash": string,
            "split": string,
        }
    )


def rows(published: Published) -> Iterator[Row]:
    """The rows of a sample, by time."""
    sample, review = published.sample, published.sample.review
    captions = {caption.index: caption.text for caption in sample.captions.captions}
    missing = {failed.index: failed.reason for failed in sample.captions.failed}
    missing |= dict.fromkeys(review.captions_withdrawn, "withdrawn")
    keyframes = frozenset(sample.extract.keyframes)
    of_people = frozenset(review.keyframes_added + review.keyframes_dropped)
    for frame in sample.frames.frames:
        index = frame.index
        edited = index in review.captions_edited or index in review.captions_withdrawn
        yield {
            "id": sample.video.id,
            "index": index,
            "time": frame.time,
            "pts": frame.pts,
            "caption": captions.get(index),
            "caption_missing": None if index in captions else missing.get(index, "not captioned"),
            "caption_by": review.editor if edited else sample.captions.maker.model,
            "keyframe": index in keyframes,
            "keyframe_by": review.editor if index in of_people else sample.extract.maker.model,
            "reviewed": review.status != "unreviewed",
            "image_sha256": frame.sha256,
            "phash": frame.phash,
            "split": published.row["split"],
        }


FRAMES = Configuration(
    "frames", "A sampled frame: its caption, whether it is a keyframe, and who said so.", features, rows
)
