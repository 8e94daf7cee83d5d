"""Binds each stage to the services that it needs: a function from a video's inputs to its record.

A function reads the records that the stage needs and calls the code that does the work, in the stage's own folder.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from curation.audit.audit import Tools, audit
from curation.download.besides import Besides, GoneForGood
from curation.frames.safety.score import Models, judge_safety, safety_of
from curation.ledger.stages import DENOISE, OCR, OCR_FILTER, SAFETY, SAFETY_FILTER, STAGES, TRANSCRIBE
from curation.pipeline.process import Inputs
from curation.pipeline.services import Services
from curation.pipeline.settings import with_fewer_tracks
from curation.sources.filters import judge_publication, judge_video, refuse
from curation.text.candidates import one_of_each_picture
from curation.text.caption import caption_frames
from curation.text.extract import extract
from curation.text.extract_trained import extract_trained
from curation.text.refine import refine
from curation.text.said import said_at
from curation.text.screen.read import judge_share, screen_text
from curation.text.speech import Speech, speech_of
from curation.text.transcribe.cues import Unreadable
from curation.text.transcribe.denoise import denoise
from curation.text.transcribe.recognise import recognised
from curation.text.transcribe.subtitles import transcript_of
from curation.video.sandbox import Limits
from curation.video.sound import NoSound, Sound, read_sound
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.errors import PermanentError, PoisonError
from schemas.parts.denoised import Denoised
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Record, Subtitle, Summary, Video
from schemas.time import FrameIndex

log = logging.getLogger(__name__)

_KEPT = "not fetched again"  # what the notes of a video say whose earlier file stays
Work = Callable[[Inputs], Record]


def stage_function(services: Services, stage: str) -> Work:
    """The function of a stage, bound to the services of a run. It may raise RunStopped before it begins."""
    function = FUNCTIONS[stage]

    def work(inputs: Inputs) -> Record:
        services.raise_if_stopped()  # between two videos too, where no model is asked
        return function(services, inputs)

    return work


def _download(services: Services, inputs: Inputs) -> Video:
    try:
        return services.fetch(inputs.source)
    except PermanentError as error:
        before = inputs.made_before("download", with_fewer_tracks(services.config), Video)
        if before is None:
            raise
        # It was wanted again for its subtitles or its sound alone, and whoever has the file loses no finished video.
        log.warning("video %s: it cannot be fetched again (%s); its file stays, without more", inputs.id, error.reason)
        note = f"{_KEPT}: {error.reason}"
        return before.model_copy(update={"missed_subtitles": tuple(dict.fromkeys((*before.missed_subtitles, note)))})


def _filter(services: Services, inputs: Inputs) -> Judgement:
    video, filters = inputs.record("download", Video), services.config.filters
    scores = judge_publication(inputs.source, video.publication, filters)
    scores += judge_video(video, filters)
    refuse(scores)
    return Judgement(scores=scores)


def _frames(services: Services, inputs: Inputs) -> FrameSet:
    with services.meter.waiting("decode"):
        return services.pictures.sample(inputs.record("download", Video))


def _ocr(services: Services, inputs: Inputs) -> ScreenText:
    reader = services.reader
    assert reader is not None  # the configuration says so
    return screen_text(*_unless_lost(services, inputs), reader, services.config.ocr)


def _unless_lost(services: Services, inputs: Inputs) -> tuple[FrameSet, Callable[[FrameIndex], bytes | None]]:
    """The frames of a video, and what reads a picture: None for one that is decoded otherwise now.

    Other software may decode a video again, and a finished sample is not lost for it.
    """
    video, frames = inputs.record("download", Video), inputs.record("frames", FrameSet)

    def picture(index: FrameIndex) -> bytes | None:
        try:
            return _read(services, video, frames, index)
        except PoisonError as error:
            if error.reason != "picture_changed":
                raise
            return None

    return frames, picture


def _ocr_filter(services: Services, inputs: Inputs) -> Judgement:
    scores = judge_share(inputs.record(OCR, ScreenText), services.config.ocr.share)
    refuse(scores)
    return Judgement(scores=scores)


def _safety(services: Services, inputs: Inputs) -> Safety:
    return safety_of(*_unless_lost(services, inputs), Models(services.faces, services.nudity))


def _safety_filter(services: Services, inputs: Inputs) -> Judgement:
    scores = judge_safety(inputs.record(SAFETY, Safety), services.config.safety)
    refuse(scores)
    return Judgement(scores=scores)


def _transcribe(services: Services, inputs: Inputs) -> Transcript:
    video, config = inputs.record("download", Video), services.config.transcribe
    if config.mode == "recognise":
        return _recognised(services, inputs, video, video.missed_subtitles)
    published = _published(services, inputs, video)
    if config.mode == "publisher" or published.segments:
        return published
    return _recognised(services, inputs, video, published.notes or (f"subtitles: {published.reason}",))


def _recognised(services: Services, inputs: Inputs, video: Video, notes: Sequence[str] = ()) -> Transcript:
    config, frames = services.config.transcribe, services.config.frames
    recogniser = services.transcriber
    assert recogniser is not None  # the configuration says so
    with services.store.scratch() as folder:
        missed = services.config.download.sound and any(note.startswith(_KEPT) for note in video.missed_subtitles)
        sound: Sound | NoSound = NoSound("sound_missed" if missed else "no_sound", "")
        if video.has_audio or video.sound is not None:
            try:
                with services.meter.waiting("decode"):
                    sound = read_sound(
                        _file_with_sound(services, inputs, video),
                        folder / "sound",
                        services.sandbox,
                        Limits(frames.wall_seconds, frames.memory_megabytes),
                        language=config.language or video.publication.language,
                        most=config.max_seconds,
                    )
            except GoneForGood as error:
                sound = NoSound("unreadable_sound", str(error))
        voice = services.voice.spans if services.voice is not None else None
        return recognised(sound, video.duration, recogniser, config, notes, voice)


def _published(services: Services, inputs: Inputs, video: Video) -> Transcript:
    besides = _besides(services, inputs)

    def read(track: Subtitle) -> bytes:
        try:
            return besides.subtitles(track).read_bytes()
        except GoneForGood as error:
            raise Unreadable(str(error)) from error

    return transcript_of(video, read, services.config.transcribe)


def _file_with_sound(services: Services, inputs: Inputs, video: Video) -> Path:
    if video.sound is None:
        return services.restorer.file(video)
    return _besides(services, inputs).sound(video.sound)


def _besides(services: Services, inputs: Inputs) -> Besides:
    return Besides(services.store, lambda: inputs.source, services.fetch)


def _denoise(services: Services, inputs: Inputs) -> Denoised:
    transcript = inputs.record(TRANSCRIBE, Transcript)
    return denoise(transcript, services.summarizer, services.prompts[DENOISE], services.config.denoise)


def _transcript(services: Services, inputs: Inputs) -> Transcript | None:
    """What is said, as it is told to models: as it was corrected, where a model corrects it."""
    if TRANSCRIBE not in services.hashes.on:
        return None
    heard = inputs.record(TRANSCRIBE, Transcript)
    return inputs.record(DENOISE, Denoised).applied(heard) if DENOISE in services.hashes.on else heard


def _speech(services: Services, inputs: Inputs, stage: str) -> Speech | None:
    return speech_of(_transcript(services, inputs), services.prompts.get(STAGES[stage].told or ""))


def _caption(services: Services, inputs: Inputs) -> CaptionSet:
    video, frames = inputs.record("download", Video), inputs.record("frames", FrameSet)
    canaries = services.binding.canaries(video, frames, whole_batches=services.captioner.whole_batches)
    return caption_frames(
        video,
        frames,
        lambda index: _picture(services, video, frames, index),
        services.captioner,
        services.prompts["caption"],
        services.config.caption,
        canaries=canaries,
        witness=lambda outcomes: services.binding.keep(inputs.id, outcomes),
    )


def _binding(services: Services, inputs: Inputs) -> Binding:
    frames, captions = inputs.record("frames", FrameSet), inputs.record("caption", CaptionSet)
    video = inputs.record("download", Video)
    return services.binding.check(inputs.id, frames, captions, lambda index: _picture(services, video, frames, index))


def _extract(services: Services, inputs: Inputs) -> Extract:
    frames = inputs.record("frames", FrameSet)
    offered = one_of_each_picture(inputs.record("caption", CaptionSet), frames)
    if services.extractor is not None:
        video = inputs.record("download", Video)
        pictures = (_read(services, video, frames, frame.index) for frame in frames.frames)
        return extract_trained(
            inputs.record("caption", CaptionSet),
            frames,
            services.extractor,
            pictures,
            services.config.extract,
            _said(services, inputs, frames) if services.extractor.reads_speech else (),
        )
    hashes = {caption.index: frames.frames[caption.index].phash for caption in offered.captions}
    return extract(
        offered,
        len(frames.frames),
        frames.fps,
        services.summarizer,
        services.prompts["extract"],
        services.config.extract,
        hashes,
        _speech(services, inputs, "extract"),
        services.annotators,
    )


def _said(services: Services, inputs: Inputs, frames: FrameSet) -> tuple[str, ...]:
    """What is said while each frame is shown, as trainings read it in a release."""
    heard = _transcript(services, inputs)
    assert heard is not None  # the summarizer would not have been built
    seconds = np.arange(len(frames.frames), dtype=np.float64) / frames.fps
    return said_at(heard.segments, seconds, len(seconds) / frames.fps)


def _refine(services: Services, inputs: Inputs) -> Summary:
    frames, chosen = inputs.record("frames", FrameSet), inputs.record("extract", Extract)
    return refine(
        inputs.record("caption", CaptionSet),
        chosen,
        frames.fps,
        services.summarizer,
        services.prompts["refine"],
        services.embedder,
        services.config.refine,
        _speech(services, inputs, "refine"),
    )


def _audit(services: Services, inputs: Inputs) -> Audit:
    frames = inputs.record("frames", FrameSet)

    tools = Tools(
        lambda: services.embedder,
        lambda: services.clip,
        lambda: services.judge,
        services.prompts.get("judge"),
        services.raise_if_stopped,
    )
    captions, summary = inputs.record("caption", CaptionSet), inputs.record("refine", Summary)
    services.binding.check_summary(inputs.id, frames, captions, inputs.record("extract", Extract), summary)
    video = inputs.record("download", Video)
    return audit(
        frames,
        captions,
        summary,
        lambda index: _read(services, video, frames, index),
        tools,
        services.config.audit,
        _transcript(services, inputs),
        inputs.record(OCR, ScreenText) if OCR in services.hashes.on else None,
    )


def _picture(services: Services, video: Video, frames: FrameSet, index: FrameIndex) -> bytes:
    services.meter.frame()
    return _read(services, video, frames, index)


def _read(services: Services, video: Video, frames: FrameSet, index: FrameIndex) -> bytes:
    services.raise_if_stopped()
    with services.meter.waiting("decode"):  # usually a file; decoded again where it was not kept
        return services.pictures.read(video, frames, index)


FUNCTIONS: dict[str, Callable[[Services, Inputs], Record]] = {
    "download": _download,
    "filter": _filter,
    "frames": _frames,
    OCR: _ocr,
    OCR_FILTER: _ocr_filter,
    SAFETY: _safety,
    SAFETY_FILTER: _safety_filter,
    TRANSCRIBE: _transcribe,
    DENOISE: _denoise,
    "caption": _caption,
    "binding": _binding,
    "extract": _extract,
    "refine": _refine,
    "audit": _audit,
}
