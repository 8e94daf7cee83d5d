"""Builds a Label Studio task from a sample: the data to show, and the model's answer as a prediction to correct."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from markupsafe import escape

from annotation.label_studio.interface import NAMES, VERSION
from annotation.push.keyframes import caption_lines, empty_texts, keyframe_region, text_part
from annotation.push.media import Shown
from annotation.push.spoken import line_regions, spoken_block
from schemas.records import Sample
from schemas.review import Stratum
from schemas.safe_text import plain
from schemas.temporal import format_seconds
from schemas.time import FrameIndex, clock, plain_seconds

_FPS: Final = 25.0
Round = Literal["first", "adjudication"]


class Key(NamedTuple):
    """Identifies a task: the sample, the hash of the content that it shows, and whether it settles a dispute."""

    sample_id: str
    content_sha256: str
    round: Round


def round_of(stratum: Stratum) -> Round:
    """The round that a stratum belongs to."""
    return "adjudication" if stratum == "adjudication" else "first"


def task_key(data: Any) -> Key | None:
    """The key in a task's data; None for a task that we did not make."""
    try:
        sample_id, content, stratum = data["sample_id"], data["content_sha256"], data["stratum"]
    except (KeyError, TypeError):
        return None
    if not (isinstance(sample_id, str) and isinstance(content, str) and isinstance(stratum, str)):
        return None
    return Key(sample_id, content, "adjudication" if stratum == "adjudication" else "first")


def build_task(
    sample: Sample, content_sha256: str, stratum: Stratum, shown: Shown, score: float | None, *, spoken: bool = False
) -> dict[str, Any]:
    """The task of a sample with its prediction, as the server's import takes it.

    `shown`: the addresses of the video and the pictures; `score`: the sample's audit score, or None; `spoken`: the
    project's screen shows transcripts. What is said is a part of the first frame (decision 0079 says why); without
    speech the task is as on other screens.
    """
    frames = sample.frames.frames
    chosen = sample.extract.keyframes
    captions = {caption.index: caption.text for caption in sample.captions.captions}
    fps = sample.video.fps or _FPS
    end = len(frames) / sample.frames.fps
    summary = summary_text(sample)
    times = [float(frames[index].time) for index in chosen]
    block = spoken_block(sample.transcript) if spoken else None
    shown_frames: list[dict[str, Any]] = [
        {"index": index, "time": time, "caption": captions.get(index, "")}
        for index, time in zip(chosen, times, strict=True)
    ]
    if block is not None:
        shown_frames[0]["spoken"] = [block]
    data = {
        "title": plain(sample.video.publication.title or sample.source.title or "") or sample.video.id,
        "sample_id": sample.video.id,
        "content_sha256": content_sha256,
        "stratum": "random" if stratum == "gold" else stratum,  # every annotator can read this in the list of tasks
        "interface": VERSION,
        "video": shown.video,
        "fps": fps,
        "sampled_fps": sample.frames.fps,
        "sampled_frames": len(frames),
        "summary": summary,
        "captions": caption_lines(list(zip(times, map(captions.get, chosen), strict=True)), fps, end),
        "frames": shown_frames,
        "pictures": "".join(_figure(shown.pictures[index], time) for index, time in zip(chosen, times, strict=True)),
    }
    prediction: dict[str, Any] = {
        "model_version": sample.summary.maker.model,
        "result": _prediction(sample, summary, captions, times, fps) + line_regions(block),
    }
    if score is not None:
        prediction["score"] = score
    return {"data": data, "predictions": [prediction]}


def summary_text(sample: Sample) -> str:
    """The summary as people see and edit it: the annotation form `[3.0][5.0]Sentence.`, one sentence on each line."""
    return "\n".join(format_seconds([sentence]) for sentence in sample.summary.v2vt)


def _figure(address: str, time: float) -> str:
    picture = f'<img src="{escape(address)}" alt="keyframe at {plain_seconds(time)} s">'
    return f"<figure>{picture}<figcaption>{clock(time)}  [{time}]</figcaption></figure>"


def _prediction(
    sample: Sample, summary: str, captions: dict[FrameIndex, str], times: list[float], fps: float
) -> list[dict[str, Any]]:
    result = [text_part(NAMES.summary, summary), *empty_texts()]
    for place, index in enumerate(sample.extract.keyframes):
        result += keyframe_region(place, captions.get(index))
    # One region holds all keyframes, so that the time line has one row. Label Studio counts frames from 1.
    length = max(1, round(fps / sample.frames.fps))
    ranges = [{"start": first, "end": first + length - 1} for first in (round(time * fps) + 1 for time in times)]
    result.append(
        {
            "id": NAMES.segments,
            "from_name": NAMES.segments,
            "to_name": NAMES.video,
            "type": "timelinelabels",
            "value": {"ranges": ranges, "timelinelabels": [NAMES.keyframe_label]},
        }
    )
    return result
