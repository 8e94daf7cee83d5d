"""Puts finished samples together from the records in the ledger, as the models made them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from curation.ledger.entries import Registered
from curation.ledger.ledger import Ledger
from curation.ledger.stages import DENOISE, OCR, OCR_FILTER, SAFETY, SAFETY_FILTER, SCORED, STAGES, TRANSCRIBE
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.parts.denoised import Denoised
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Sample, SampleScores, Summary, Video
from schemas.saliency import self_agreement

_AT_ONCE = 50  # samples whose records are read by one query


def samples_of(ledger: Ledger, ids: Sequence[str], on: Collection[str] | None = None) -> Iterator[Sample]:
    """The finished samples of some videos, in the order given; memory holds fifty at a time.

    `on` are the optional stages that the configuration turns on: a sample has no part of what an earlier run made at
    others. Without it, a sample has all that is there.

    Raises KeyError for a video that is not known, or that lacks a stage.
    """
    off = set(STAGES.optional).difference(STAGES.optional if on is None else on)
    stages = [name for name in (*STAGES.published, *SCORED) if name not in off]
    for start in range(0, len(ids), _AT_ONCE):
        chunk = ids[start : start + _AT_ONCE]
        registered = {source.id: source for source in ledger.sources(chunk)}
        payloads: dict[str, dict[str, str]] = defaultdict(dict)
        for video_id, stage, payload in ledger.payloads(chunk, stages):
            payloads[video_id][stage] = payload
        for video_id in chunk:
            yield _assembled(registered[video_id], payloads[video_id])


def sample(ledger: Ledger, video_id: str, on: Collection[str] | None = None) -> Sample:
    """The finished sample of a video, as `samples_of`. Raises KeyError when it is not known, or lacks a stage."""
    (made,) = samples_of(ledger, [video_id], on)
    return made


def _assembled(registered: Registered, payloads: Mapping[str, str]) -> Sample:
    source = registered.source()
    if source is None:
        raise KeyError(f"{registered.id}: its list row was unusable")
    video = Video.model_validate_json(payloads["download"])
    scores = Judgement.model_validate_json(payloads["filter"]).scores
    extract = Extract.model_validate_json(payloads["extract"])
    transcript = Transcript.model_validate_json(payloads[TRANSCRIBE]) if TRANSCRIBE in payloads else None
    denoised = Denoised.model_validate_json(payloads[DENOISE]) if DENOISE in payloads else None
    written = ScreenText.model_validate_json(payloads[OCR]) if OCR in payloads else None
    safety = Safety.model_validate_json(payloads[SAFETY]) if SAFETY in payloads else None
    for judged, judge in ((written, OCR_FILTER), (safety, SAFETY_FILTER)):
        if judged is not None and judge in payloads:
            scores += Judgement.model_validate_json(payloads[judge]).scores
    return Sample(
        source=source,
        video=video.model_copy(update={"scores": scores}),
        frames=FrameSet.model_validate_json(payloads["frames"]),
        captions=CaptionSet.model_validate_json(payloads["caption"]),
        extract=extract,
        summary=Summary.model_validate_json(payloads["refine"]),
        transcript=denoised.applied(transcript) if transcript is not None and denoised is not None else transcript,
        denoised=denoised,
        screen_text=written,
        safety=safety,
        scores=_scores(payloads, extract),
    )


def _scores(payloads: Mapping[str, str], extract: Extract) -> SampleScores:
    """What the checks of the stages SCORED measured, and the agreement of several annotators.

    A check that was never done has measured nothing.
    """
    measured: dict[str, float] = {}
    if "binding" in payloads:
        measured |= Binding.model_validate_json(payloads["binding"]).scores()
    if "audit" in payloads:
        measured |= Audit.model_validate_json(payloads["audit"]).scores()
    return SampleScores(**measured, self_agreement=self_agreement(extract.choices))
