"""A finished sample put together from the ledger, as the models made it."""

from __future__ import annotations

from curation.ledger import Ledger
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Sample, Summary, Video


def sample(ledger: Ledger, video_id: str) -> Sample:
    """The finished sample of a video. Raises KeyError when a stage is missing."""
    (registered,) = ledger.sources([video_id])
    payloads = {entry.head.stage: entry.payload for entry in ledger.entries(video_id)}
    source = registered.source()
    if source is None:
        raise KeyError(f"{video_id}: its list row was unusable")
    video = Video.model_validate_json(payloads["download"])
    scores = Judgement.model_validate_json(payloads["filter"]).scores
    return Sample(
        source=source,
        video=video.model_copy(update={"scores": scores}),
        frames=FrameSet.model_validate_json(payloads["frames"]),
        captions=CaptionSet.model_validate_json(payloads["caption"]),
        extract=Extract.model_validate_json(payloads["extract"]),
        summary=Summary.model_validate_json(payloads["refine"]),
    )
