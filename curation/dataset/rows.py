"""Turns a `Sample` into the published row: the shape of the upstream record, with provenance and review.

The upstream record keeps times in the stored form: `[<f0>]` in the text, seconds in `meta.token`. Its two other
tasks (keyframes only, text only) stand beside it as conversations of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from curation.frames.safety.blur import Blur, of_all_pictures
from schemas.arrow import ANNOTATORS, DENOISED, SAFETY, SCHEMA_VERSION, SCREEN_TEXT, TRANSCRIPT
from schemas.configuration.config import SplitConfig
from schemas.configuration.safety_config import BlurConfig
from schemas.errors import PermanentError
from schemas.instructions import ASK_V2T, ASK_V2V, ASK_V2VT
from schemas.manifest import SplitName
from schemas.parts.denoised import Denoised
from schemas.parts.safety import Safety
from schemas.records import Caption, Choice, Effort, FilterScore, Frame, Maker, Review, Sample
from schemas.safe_text import public_text, public_uri, public_url
from schemas.saliency import saliency
from schemas.temporal import format_seconds, format_slots, format_stored, to_slots
from schemas.time import FrameIndex

_CLEAR = BlurConfig()
_CAPTION = tuple(name for name in Caption.model_fields if name not in ("video_sha256", "effort"))


def split_of(video_sha256: str, shares: SplitConfig) -> SplitName:
    """The split of a video, from its content alone: new videos move no other, and copies of a file share a split."""
    digest = hashlib.sha256(f"v2xum split 1:{video_sha256}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < shares.train:
        return "train"
    return "validation" if position < shares.train + shares.validation else "test"


def row_of(
    sample: Sample,
    split: SplitName,
    images: Mapping[FrameIndex, bytes] | None,
    *,
    compared: bool = False,
    blur: BlurConfig = _CLEAR,
) -> dict[str, Any]:
    """The row of `schemas.arrow` for a sample; `images` holds the JPEG of every keyframe, None leaves pictures out.

    The row has the column `transcript`, and `review.transcript_edited`, where the sample has a transcript, and the
    column `denoised` where a model corrected it, `screen_text` where the text in the pictures is read, and `safety`
    where they are scored. `compared`: the caller has compared the pictures with the hashes of their frames, as
    `Pictures.read` does. `blur`: what is blurred in them, where it says all pictures.

    Raises PermanentError `inconsistent_sample` when its parts do not belong together (another video's captions,
    keyframes that were not sampled) and `image_changed` when a picture is not the one that was captioned.
    """
    _check(sample)
    blurring = Blur(sample.safety, of_all_pictures(blur))
    video, frames, summary = sample.video, sample.frames.frames, sample.summary
    stored = format_stored(summary.v2vt)
    names = {seconds: name for name, seconds in stored.token.items()}
    for time in summary.v2v:
        names.setdefault(time, f"<f{len(names)}>")
    chosen = set(sample.extract.keyframes)
    captions = {caption.index: caption.text for caption in sample.captions.captions}
    duration = len(frames) / sample.frames.fps if video.duration is None else video.duration
    publication = video.publication.model_dump(exclude={"licence", "webpage_url"})
    return {
        "id": video.id,
        "split": split,
        "title": video.publication.title or sample.source.title,
        "source": {"kind": sample.source.kind, "uri": public_uri(sample.source)},
        "licence": video.publication.licence,
        "publication": publication | {"webpage_url": public_url(video.publication.webpage_url or "")},
        "file": video.model_dump(
            include={"sha256", "bytes", "container", "codec", "width", "height", "fps", "duration", "rotation"}
        ),
        "meta": {
            "duration": duration,
            "sampled_frames": len(frames),
            "token": [{"placeholder": name, "seconds": seconds} for seconds, name in names.items()],
        },
        "conversations": _turns(ASK_V2VT, stored.text),
        "conversations_v2v": _turns(ASK_V2V, " ".join(f"[{names[time]}]" for time in summary.v2v)),
        "conversations_v2t": _turns(ASK_V2T, summary.v2t),
        "vsum_onehot": [int(frame.index in chosen) for frame in frames],
        "ratio": sample.extract.ratio,
        "sampling_fps": sample.frames.fps,
        "keyframes": [
            {
                "index": index,
                "time": frames[index].time,
                "pts": frames[index].pts,
                "sha256": frames[index].sha256,
                "caption": captions.get(index),
                "image": (
                    None if images is None else _image(video.id, frames[index], images[index], compared, blurring)
                ),
            }
            for index in sample.extract.keyframes
        ],
        "captions": [{name: getattr(caption, name) for name in _CAPTION} for caption in sample.captions.captions],
        "captions_failed": [failed.model_dump(exclude={"raw"}) for failed in sample.captions.failed],
        "summary": {
            "v2v": list(summary.v2v),
            "v2t": summary.v2t,
            "v2vt": [{"times": list(sentence.times), "text": sentence.text} for sentence in summary.v2vt],
            "v2vt_seconds": format_seconds(summary.v2vt),
            "v2vt_slots": format_slots(to_slots(summary.v2vt, frames[-1].time)),
            "merged": [line.model_dump() for line in summary.merged],
        },
        "defects": [public_text(defect) for defect in sample.frames.defects],
        "scores": sample.scores.model_dump(),
        "filters": [_filter(score) for score in video.scores],
        "provenance": {
            "caption": _made(sample.captions.maker, [caption.effort for caption in sample.captions.captions]),
            "extract": _made(sample.extract.maker, [sample.extract.effort]),
            "refine": _made(summary.maker, [summary.effort]),
        },
        "review": _review(sample.review, transcript=sample.transcript is not None),
        "schema_version": SCHEMA_VERSION,
        **_several(sample.extract.choices, len(frames)),
        **({TRANSCRIPT: sample.transcript.model_dump()} if sample.transcript is not None else {}),
        **({DENOISED: _denoised(sample.denoised)} if sample.denoised is not None else {}),
        **({SCREEN_TEXT: sample.screen_text.model_dump()} if sample.screen_text is not None else {}),
        **({SAFETY: _safety(sample.safety, chosen, blurring)} if sample.safety is not None else {}),
    }


def upstream_record(row: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a row that upstream's loader reads, in upstream's JSON form (`meta.token` is a mapping)."""
    meta = row["meta"]
    token = {entry["placeholder"]: entry["seconds"] for entry in meta["token"]}
    return {
        "id": row["id"],
        "meta": {"duration": meta["duration"], "sampled_frames": meta["sampled_frames"], "token": token},
        "conversations": row["conversations"],
        "vsum_onehot": row["vsum_onehot"],
    }


def _check(sample: Sample) -> None:
    frames = sample.frames.frames
    strangers = [
        name
        for name, sha256 in (
            ("frames", sample.frames.video_sha256),
            *((f"caption {caption.index}", caption.video_sha256) for caption in sample.captions.captions),
        )
        if sha256 != sample.video.sha256
    ]
    if strangers:
        raise PermanentError("inconsistent_sample", f"made from another video file: {', '.join(strangers[:5])}")
    if any(frame.index != place for place, frame in enumerate(frames)):
        raise PermanentError("inconsistent_sample", "the sampled frames are not numbered 0, 1, 2 ...")
    for caption in sample.captions.captions:
        if caption.index >= len(frames) or caption.index < 0:
            raise PermanentError("inconsistent_sample", f"caption of frame {caption.index} of {len(frames)}")
        if caption.pts != frames[caption.index].pts or caption.image_sha256 != frames[caption.index].sha256:
            raise PermanentError("inconsistent_sample", f"caption {caption.index} belongs to another picture")
    chosen = sample.extract.keyframes
    if not 0 <= min(chosen) <= max(chosen) < len(frames) or list(chosen) != sorted(set(chosen)):
        raise PermanentError("inconsistent_sample", f"keyframes {list(chosen)} of {len(frames)} frames")
    times = tuple(frames[index].time for index in chosen)
    cited = {time for sentence in sample.summary.v2vt for time in sentence.times}
    if sample.summary.v2v != times or not cited <= set(times):
        raise PermanentError(
            "inconsistent_sample", f"summary of times {list(sample.summary.v2v)}, keyframes {list(times)}"
        )


def _several(choices: Sequence[Choice], frames: int) -> dict[str, Any]:
    """The columns that rows of several annotators have: what they chose, whatever people changed later."""
    if not choices:
        return {}
    told = [{"keyframes": list(choice.keyframes), "fault": choice.fault} for choice in choices]
    makers = [_maker(choice.maker) for choice in choices if choice.maker is not None]
    return {"saliency": saliency(choices, frames), "choices": told} | ({ANNOTATORS: makers} if makers else {})


def _denoised(denoised: Denoised) -> dict[str, Any]:
    """The column `denoised`; the maker's fields are null where no model was asked."""
    nobody = dict.fromkeys(Maker.model_fields)
    made = _made(denoised.maker, [denoised.effort]) if denoised.maker is not None else nobody | _total([])
    return made | denoised.model_dump(exclude={"maker", "effort"})


def _safety(safety: Safety, keyframes: Collection[FrameIndex], blur: Blur) -> dict[str, Any]:
    return safety.model_dump() | {"blurred": [index for index in sorted(keyframes) if blur.touches(index)]}


def _turns(ask: str, answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": ask}, {"from": "gpt", "value": answer}]


def _image(video: str, frame: Frame, data: bytes, compared: bool, blur: Blur) -> dict[str, Any]:
    if not compared and (found := hashlib.sha256(data).hexdigest()) != frame.sha256:
        raise PermanentError(
            "image_changed", f"frame {frame.index}: SHA-256 {found[:12]} instead of {frame.sha256[:12]}"
        )
    return {"bytes": blur.apply(frame.index, data), "path": f"{video}_{frame.index:06d}.jpg"}


def _review(review: Review, *, transcript: bool) -> dict[str, Any]:
    """The column `review`. `edited` says whether people changed a text or a keyframe of the row."""
    plain = review.model_dump(exclude={"accept", "fix", "reject"})
    if transcript:
        plain["transcript_edited"] = review.transcript_edited
    lists = {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}
    decisions = review.model_dump(include={"accept", "fix", "reject"})
    return {**plain, **lists, "decisions": decisions, "edited": review.editor is not None}


def _filter(score: FilterScore) -> dict[str, Any]:
    """A filter's score with its value under the name of its type; all three are null when nothing was known."""
    value = score.value
    typed = {
        "number": float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None,
        "text": value if isinstance(value, str) else None,
        "flag": value if isinstance(value, bool) else None,
    }
    return {**score.model_dump(exclude={"value"}), **typed, "detail": public_text(score.detail)}


def _made(maker: Maker, efforts: Sequence[Effort]) -> dict[str, Any]:
    return _maker(maker) | _total(efforts)


def _maker(maker: Maker) -> dict[str, Any]:
    sampling = json.dumps(maker.sampling, sort_keys=True, ensure_ascii=False)
    return maker.model_dump(exclude={"sampling"}) | {"sampling": sampling}


def _total(efforts: Sequence[Effort]) -> dict[str, Any]:
    return {
        "tokens_in": sum(effort.tokens_in for effort in efforts),
        "tokens_out": sum(effort.tokens_out for effort in efforts),
        "attempts": sum(effort.attempts for effort in efforts),
        "repaired": any(effort.repaired for effort in efforts),
    }
