"""Summarizes one video with a trained checkpoint: keyframes, text, both together, pictures, and a short film.

OUT/summary.json       keyframes (seconds), text, sentences with their times, and the saliency of every sampled frame
OUT/contact_sheet.jpg  the keyframes with their times
OUT/summary.mp4        the passages around the keyframes, one after another; the text as subtitles and chapters
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray

from curation.frames.one_video import OneVideo, single_source, take_video
from curation.release.contact_sheet import contact_sheet
from curation.sources.subtitle_files import made_by_a_machine
from curation.store.files import write_whole
from curation.text.caption_video import caption_video
from curation.text.said import said_at
from curation.text.transcribe.cues import FORMS, LARGEST
from curation.text.transcribe.encodings import text_of
from curation.text.transcribe.subtitles import transcript_of
from curation.video.sandbox import Limits, Sandbox
from curation.video.sandboxes import Sandboxes
from curation.video.summary_cut import Passage, cut_summary
from models.build import build_tower
from models.clip import tower_vectors
from models.summarizers.checkpoint import STATED, Stated, read_stated, require_finished
from schemas.configuration.config import CurateConfig, DownloadConfig, TranscribeConfig
from schemas.configuration.model_config import LocalModel, OpenClip, TransformersClip, TransformersEmbedder, VisionTower
from schemas.configuration.summarizer_config import LlmvsSection
from schemas.errors import ConfigError, StageError
from schemas.kit.languages import UNKNOWN
from schemas.kit.neutral import neutral
from schemas.records import FrameSet, Sentence, Subtitle, Video
from schemas.temporal import format_seconds
from schemas.time import Seconds
from training.examples import Example
from training.features import Features
from training.predict import Answer, predict
from training.recipe import Recipe, recipe_of

_log = logging.getLogger(__name__)

SHEET, FILM = "contact_sheet.jpg", "summary.mp4"
LEAST_SECONDS = 2.0  # of a passage, so that people see what happens in it
Placed = TypeVar("Placed", bound=LocalModel | TransformersClip | OpenClip | VisionTower | TransformersEmbedder)


class Summarized(NamedTuple):
    """What was made of a video: the record of summary.json, and the files by what they are."""

    record: dict[str, Any]
    files: dict[str, Path]


def summarize(
    at: str,
    checkpoint: Path,
    out: Path,
    download: DownloadConfig,
    base: Path,
    captioning: CurateConfig | None = None,
    subtitles: Path | None = None,
) -> Summarized:
    """Summarize the video `at` (a file or an address) with OUT/model of a training, and write the files into `out`.

    `captioning`: whose captioner and prompt write the captions, for a summarizer that reads them. `subtitles`: a file
    with what is said, for one that reads that. Raises ConfigError for a place that is no single video, a checkpoint
    that is unfinished, needs captions or subtitles, or was trained on what other weights make, a file without a line,
    and a video that cannot be fetched, decoded or captioned.
    """
    stated = read_stated(checkpoint)
    if out.is_file():
        raise ConfigError(f"--out {out} is a file: name a folder")
    if subtitles is not None:
        _require_subtitles(subtitles)
    source = single_source(at, base)
    with (
        _folder(out),
        tempfile.TemporaryDirectory(dir=out, prefix=".work-") as scratch,
        Sandbox() as sandbox,
        Sandboxes() as children,
    ):
        recipe = _recipe(stated, checkpoint, Path(scratch))
        if recipe.reads_captions and captioning is None:
            raise ConfigError(f"{checkpoint} reads captions: name a configuration with a captioner by --captioner")
        if recipe.reads_speech and subtitles is None:
            told = "name the video's subtitles by --subtitles (a .vtt file without a cue: nobody speaks)"
            raise ConfigError(f"{checkpoint} reads what is said: {told}")
        for name, given, reads in (
            ("--captioner", captioning, recipe.reads_captions),
            ("--subtitles", subtitles, recipe.reads_speech),
        ):
            if given is not None and not reads:
                _log.warning("%s is passed over: %s was not trained on what it gives", name, checkpoint)
        try:
            one = take_video(source, download, stated.sampling, Path(scratch), sandbox, children)
            example = _example(source.id, one.video, one.sampled)
            if recipe.reads_captions and captioning is not None:
                example = replace(example, captions=_captions(one, captioning))
            if recipe.reads_speech and subtitles is not None:
                example = replace(example, said=_said(subtitles, one.video, example))
        except StageError as error:
            raise ConfigError(f"{at} cannot be summarized: {error}") from error
        if recipe.features is not None and stated.config.features is not None:
            pictures = map(one.read, range(example.frames))
            recipe.features.keep(example, tower_vectors(build_tower(_at_hand(stated.config.features.tower)), pictures))
        recipe.prepare([example])
        recipe.show(example, one.read, stated.formats)
        answer = next(predict(recipe, recipe.load(checkpoint), [example], 1))
        for name in (SHEET, FILM):  # of an earlier call: what has no keyframes has neither
            (out / name).unlink(missing_ok=True)
        files = _pictures(answer, one, out)
        files |= _film(answer, one.path, out, sandbox, Limits(stated.sampling.wall_seconds))
    record = summary_record(answer, one.sampled.defects)
    files["summary"] = out / "summary.json"
    write_whole(files["summary"], json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    return Summarized(record, files)


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Make the folder, and take it away again after a failure: an empty one would say that something was made."""
    new = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        if new:
            with suppress(OSError):  # it is not empty
                out.rmdir()
        raise


def _recipe(stated: Stated, checkpoint: Path, scratch: Path) -> Recipe:
    """The recipe of a checkpoint, which keeps everything in `scratch`."""
    config, features = stated.config, None
    if isinstance(config.summarizer, LlmvsSection):
        own = {"folder": str(scratch / "states"), "model": _at_hand(config.summarizer.model)}
        config = config.model_copy(update={"summarizer": config.summarizer.model_copy(update=own)})
    if config.features is not None:
        speech = config.features.speech
        if isinstance(speech, TransformersEmbedder):
            speech = _at_hand(speech)
        features = Features(scratch / "features", config.features.tower, stated.sampling, speech)
    recipe = recipe_of(config, features)
    if (trained := require_finished(checkpoint)["features"]) != recipe.source:
        raise ConfigError(
            f"{checkpoint} was trained on {trained}, and what {checkpoint / STATED} names gives {recipe.source} now: "
            "put the weights of the training back, or train again"
        )
    return recipe


def _at_hand(model: Placed) -> Placed:
    """The same model, on the CPU where the device that it was configured for is not at hand."""
    if torch.cuda.is_available() or not model.device.startswith("cuda"):
        return model
    return cast("Placed", model.model_copy(update={"device": "cpu"}))


def _captions(one: OneVideo, config: CurateConfig) -> tuple[str, ...]:
    """A caption for each frame, as releases have them; empty where the captioner has none. Raises StageError."""
    made = caption_video(one.video, one.sampled, one.read, config)
    texts = {caption.index: neutral(caption.text) for caption in made.captions}
    return tuple(texts.get(frame.index, "") for frame in one.sampled.frames)


def _require_subtitles(path: Path) -> None:
    """Raise ConfigError for a file that holds no subtitles, before the video is fetched."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError(f"--subtitles {path} cannot be read: {error.strerror or error}") from error
    if _form(path) not in FORMS or not path.is_file():
        raise ConfigError(f"--subtitles {path} is no file of subtitles ({', '.join(f'.{form}' for form in FORMS)})")
    if size > LARGEST:
        raise ConfigError(f"--subtitles {path} has {size} bytes, at most {LARGEST}")


def _form(path: Path) -> str:
    return path.suffix.lower().lstrip(".")


def _said(subtitles: Path, video: Video, example: Example) -> tuple[str, ...]:
    """What is said while each frame is shown, by a file of subtitles. Raises ConfigError for one without a line.

    WebVTT without a cue says that nobody speaks.
    Automatic subtitles repeat their lines, which are read once here. Times of words inside of a line show that a file
    is of this kind.
    """
    try:
        data = subtitles.read_bytes()
    except OSError as error:
        raise ConfigError(f"--subtitles {subtitles} cannot be read: {error.strerror or error}") from error
    text = text_of(data)
    if _form(subtitles) == "vtt" and text.startswith("WEBVTT") and "-->" not in text:
        return ("",) * example.frames
    automatic = made_by_a_machine(data, _form(subtitles))
    track = Subtitle(
        language=UNKNOWN, automatic=automatic, sha256=hashlib.sha256(data).hexdigest(), format=_form(subtitles)
    )
    found = transcript_of(video.model_copy(update={"subtitles": (track,)}), lambda _: data, TranscribeConfig())
    if not found.segments:
        told = "; ".join(found.notes) or found.reason
        raise ConfigError(f"--subtitles {subtitles} has no line that can be used: {told}")
    return said_at(found.segments, example.seconds, example.duration)


def passages(answer: Answer, least: float = LEAST_SECONDS) -> tuple[Passage, ...]:
    """The passages of the film: each keyframe until the next sampled frame, at least `least` seconds around it.

    Passages that touch are one. Its text are the sentences that cite its keyframes, each once, where it first stands.
    """
    example, predicted = answer
    step = float(example.seconds[1]) if example.frames > 1 else example.duration
    said = {frame: text for frames, text in reversed(predicted.interleaved or ()) for frame in reversed(frames)}
    found: list[Passage] = []
    told: set[str] = set()
    for frame in predicted.keyframes:
        start = float(example.seconds[frame])
        missing = max(0.0, least - step) / 2
        start, end = max(0.0, start - missing), min(example.duration, start + step + missing)
        text = said.get(frame, "")
        text = "" if text in told else text
        told.add(text)
        if found and start <= found[-1].end:
            last = found.pop()
            found.append(Passage(last.start, max(end, last.end), " ".join(filter(None, (last.text, text)))))
        else:
            found.append(Passage(start, end, text))
    return tuple(found)


def _example(name: str, video: Video, sampled: FrameSet) -> Example:
    count = len(sampled.frames)
    return Example(
        id=name,
        split="test",
        duration=count / sampled.fps,
        seconds=np.arange(count, dtype=np.float64) / sampled.fps,
        labels=np.zeros((1, count), np.float32),
        video_sha256=video.sha256,
    )


def summary_record(answer: Answer, defects: Sequence[str] = ()) -> dict[str, Any]:
    """What summary.json says: times in seconds; a form that the model does not give is null."""
    example, predicted = answer
    sentences = [
        Sentence(times=tuple(Seconds(float(example.seconds[frame])) for frame in frames), text=text)
        for frames, text in predicted.interleaved or ()
    ]
    return {
        "id": example.id,
        "duration": example.duration,
        "frames": example.frames,
        "keyframes": [float(example.seconds[frame]) for frame in predicted.keyframes],
        "text": predicted.text,
        "interleaved": format_seconds(sentences) if sentences else None,
        "scores": None if predicted.scores is None else _rounded(predicted.scores),
        "defects": list(defects),
    }


def _rounded(scores: NDArray[np.float32]) -> list[float]:
    return [round(float(score), 6) for score in scores]


def _pictures(answer: Answer, one: OneVideo, out: Path) -> dict[str, Path]:
    example, predicted = answer
    if not predicted.keyframes:
        return {}
    times: Sequence[Seconds] = [Seconds(float(example.seconds[frame])) for frame in predicted.keyframes]
    aspect = one.sampled.width / one.sampled.height
    sheet = contact_sheet(times, lambda place: one.read(predicted.keyframes[place]), aspect)
    write_whole(out / SHEET, sheet)
    return {"contact_sheet": out / SHEET}


def _film(answer: Answer, path: Path, out: Path, sandbox: Sandbox, limits: Limits) -> dict[str, Path]:
    chosen = passages(answer)
    if not chosen:
        return {}
    target, temporary = out / FILM, out / f".{FILM}"
    try:
        sandbox.run(cut_summary, path, temporary, chosen, limits=limits)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return {"film": target}
