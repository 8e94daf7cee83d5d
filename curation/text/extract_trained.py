"""The extractive stage by a trained summarizer (`models.extractor`), within the same bounds as a language model's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from curation.text.candidates import all_alike, offered_as
from curation.text.extract import bounds
from models.clip import Extractor
from schemas.configuration.config import ExtractConfig
from schemas.errors import PermanentError
from schemas.records import CaptionSet, Effort, Extract, FrameSet, Maker
from schemas.time import FrameIndex

NO_PROMPT = "none"


def extract_trained(
    captions: CaptionSet,
    frames: FrameSet,
    extractor: Extractor,
    pictures: Iterator[bytes],
    config: ExtractConfig,
    said: Sequence[str] = (),
) -> Extract:
    """Choose the keyframes of a video by a trained summarizer. `pictures`: one for each sampled frame, by time.

    `said`: what is said while each of them is shown, for a summarizer that reads it.

    Each picture is offered once, as the frame that `offered_as` says; its score is the highest of its frames. The
    summarizer's own keyframes come first, then the frames of the highest scores, the earlier of equal ones; as many are
    taken as it chose, within `bounds`. Raises PermanentError `keyframes_alike` as `extract`.
    """
    chosen, scores = extractor.choose(pictures, said)
    total, best, wanted = len(frames.frames), dict[FrameIndex, float](), set[FrameIndex]()
    for frame, offered in offered_as(captions, frames).items():
        best[offered] = max(best.get(offered, 0.0), float(scores[frame]))
        if frame in chosen:
            wanted.add(offered)
    limits = bounds(total, len(best), config)
    count = max(limits.minimum, min(limits.maximum, len(wanted)))
    ranked = sorted(best, key=lambda frame: (frame not in wanted, -best[frame], frame))
    keyframes = tuple(sorted(ranked[:count]))
    if all_alike(keyframes, {frame: frames.frames[frame].phash for frame in best}):
        raise PermanentError("keyframes_alike", f"all {len(keyframes)} keyframes look like frame {keyframes[0]}")
    return Extract(
        maker=Maker(
            prompt=NO_PROMPT,
            prompt_sha256=hashlib.sha256(b"").hexdigest(),
            model=extractor.name,
            revision=extractor.revision,
            sampling={},
        ),
        keyframes=keyframes,
        times=tuple(frames.frames[frame].time for frame in keyframes),
        ratio=len(keyframes) / total,
        windows=1,
        rounds=0,
        effort=Effort(),
    )
