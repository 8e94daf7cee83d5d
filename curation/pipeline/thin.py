"""Deletes sampled pictures of finished videos that the configuration does not keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from curation.frames.pictures import Pictures
from curation.ledger.stages import SUMMARY
from curation.pipeline.services import Services
from schemas.records import Extract, Sample, Video
from schemas.time import FrameIndex


def kept_pictures(published: Sample) -> tuple[FrameIndex, ...]:
    """The frames of a published sample whose pictures stay: its keyframes, and those that people dropped.

    The latter are the model's, and keyframes again once the verdict is taken back.
    """
    return (*published.extract.keyframes, *published.review.keyframes_dropped)


def thinning(samples: Iterable[Sample], pictures: Pictures) -> Iterator[Sample]:
    """The published samples; once the next one is asked for, the pictures that are not kept of the one before go.

    Whoever reads a picture that was not kept has the whole video drawn again.
    """
    for sample in samples:
        try:
            yield sample
        finally:
            pictures.thin(sample.video, kept_pictures(sample))


def thin_pictures(services: Services, ids: Sequence[str]) -> None:
    """Delete the pictures of the finished videos among `ids` that `frames.keep` does not keep."""
    if services.config.frames.keep == "all":
        return
    heads = services.ledger.heads(ids)
    finished = [
        video_id for video_id in heads if SUMMARY in heads[video_id] and heads[video_id][SUMMARY].status == "done"
    ]
    videos: dict[str, Video] = {}
    for video_id, _, payload in services.ledger.payloads(finished, ("download",)):
        videos[video_id] = Video.model_validate_json(payload)
    for video_id, _, payload in services.ledger.payloads(finished, ("extract",)):
        services.pictures.thin(videos[video_id], Extract.model_validate_json(payload).keyframes)
