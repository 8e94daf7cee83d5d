"""From a sample to a Label Studio task: what is shown, and the model's answer as a prediction to be corrected."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from markupsafe import escape

from annotation.label_studio.interface import NAMES, VERSION
from annotation.push.media import Shown
from schemas.records import Sample
from schemas.review import Stratum
from schemas.temporal import format_seconds
from schemas.time import FrameIndex, plain_seconds

_FPS: Final = 25.0
Round = Literal["first", "adjudication"]


class Key(NamedTuple):
    """What a task is known by: the sample, the content that is shown, and whether it settles a dispute."""

    sample_id: str
    content_sha256: str
    round: Round


def round_of(stratum: Stratum) -> Round:
    """The round that a stratum belongs to."""
    return "adjudication" if stratum == "adjudication" else "first"


def task_key(data: Any) -> Key | None:
    """The key of a task by its data; None for one that we did not make."""
    try:
        sample_id, content, stratum = data["sample_id"], data["content_sha256"], data["stratum"]
    except (KeyError, TypeError):
        return None
    if not (isinstance(sample_id, str) and isinstance(content, str) and isinstance(stratum, str)):
        return None
    return Key(sample_id, content, "adjudication" if stratum == "adjudication" else "first")


def clock(seconds: float) -> str:
    """Seconds as people read them on a player: 1:05.5."""
    minutes, rest = divmod(round(seconds, 2), 60)
    whole, _, part = plain_seconds(round(rest, 2)).partition(".")
    return f"{int(minutes)}:{int(whole):02d}" + (f".{part}" if part.strip("0") else "")


def build_task(
    sample: Sample, content_sha256: str, stratum: Stratum, shown: Shown, score: float | None
) -> dict[str, Any]:
    """The task of a sample with its prediction. `score`: how good the sample is by its audit, if it has one."""
    frames = sample.frames.frames
    chosen = sample.extract.keyframes
    captions = {caption.index: caption.text for caption in sample.captions.captions}
    fps = sample.video.fps or _FPS
    end = len(frames) / sample.frames.fps
    summary = summary_text(sample)
    times = [float(frames[index].time) for index in chosen]
    data = {
        "sample_id": sample.video.id,
        "content_sha256": content_sha256,
        "stratum": "random" if stratum == "gold" else stratum,  # every annotator can read it in the list of tasks
        "interface": VERSION,
        "video": shown.video,
        "fps": fps,
        "sampled_fps": sample.frames.fps,
        "sampled_frames": len(frames),
        "summary": summary,
        "captions": [
            {"t": clock(time), "text": captions.get(index, "(no caption)"), "start": time, "end": following}
            for index, time, following in zip(chosen, times, [*times[1:], max(end, times[-1] + 1)], strict=True)
        ],
        "frames": [
            {
                "index": index,
                "time": time,
                "caption": captions.get(index, ""),
                "html": _figure(shown.pictures[index], time),
            }
            for index, time in zip(chosen, times, strict=True)
        ],
    }
    prediction: dict[str, Any] = {
        "model_version": sample.summary.maker.model,
        "result": _prediction(sample, summary, captions, times, fps),
    }
    if score is not None:
        prediction["score"] = score
    return {"data": data, "predictions": [prediction]}


def summary_text(sample: Sample) -> str:
    """The summary as it is shown and edited: the annotation form, `[3.0][5.0]Sentence.`, a sentence a line."""
    return "\n".join(format_seconds([sentence]) for sentence in sample.summary.v2vt)


def _figure(address: str, time: float) -> str:
    picture = f'<img src="{escape(address)}" alt="keyframe at {plain_seconds(time)} s">'
    return f"<figure>{picture}<figcaption>{clock(time)}  [{time}]</figcaption></figure>"


def _prediction(
    sample: Sample, summary: str, captions: dict[FrameIndex, str], times: list[float], fps: float
) -> list[dict[str, Any]]:
    result = [_text(NAMES.summary, NAMES.video, summary)]
    for place, index in enumerate(sample.extract.keyframes):
        if text := captions.get(index):
            result.append(_text(f"{NAMES.caption}{place}", f"{NAMES.frame}{place}", text))
    # One region for all of them, so that the time line has one row; Label Studio counts frames from 1.
    long = max(1, round(fps / sample.frames.fps))
    ranges = [{"start": first, "end": first + long - 1} for first in (round(time * fps) + 1 for time in times)]
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


def _text(name: str, to: str, text: str) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": to, "type": "textarea", "value": {"text": [text]}}
