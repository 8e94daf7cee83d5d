"""Verdicts of people, and finished samples in a ledger for which they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st

from curation.ledger.entries import record_entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes, standing
from curation.review.content_hash import content_sha256
from schemas.audit import Audit
from schemas.binding import Binding
from schemas.parts.denoised import Denoised
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import Transcript
from schemas.records import Judgement, Record, Sample
from schemas.review import REASONS, AddedKeyframe, CorrectedLine, KeyframeVerdict, Verdict
from schemas.temporal import format_seconds
from tests.curation.hashes import HASHES


def finish(ledger: Ledger, sample: Sample, hashes: StageHashes = HASHES, audit: Audit | None = None) -> None:
    """Write the results of a sample that are due under the hashes, as a run does."""
    records: dict[str, Record] = {
        "download": sample.video,
        "filter": Judgement(scores=sample.video.scores),
        "frames": sample.frames,
        "caption": sample.captions,
        "transcribe": heard(sample) or Transcript(reason="no_subtitles"),
        "denoise": sample.denoised or Denoised(),
        "ocr": sample.screen_text or ScreenText(reader="rapidocr", revision="r", share=0.0, read=1),
        "ocr-filter": Judgement(scores=()),
        "safety": sample.safety or Safety(),
        "safety-filter": Judgement(scores=()),
        "binding": Binding(checked=False),
        "extract": sample.extract,
        "refine": sample.summary,
        "audit": audit or Audit(mode="disable"),
    }
    ledger.register([sample.source])
    (source,) = ledger.sources([sample.source.id])
    for stage in (one.name for one in STAGES.of(hashes.on)):
        where = standing(source, ledger.heads([source.id]).get(source.id, {}), hashes)
        if where.stage == stage:
            ledger.write(
                record_entry(source.id, stage, where.fingerprints.done, records[stage], 0.0), STAGES.later(stage)
            )


def heard(sample: Sample) -> Transcript | None:
    """The transcript before a model corrected it."""
    if sample.transcript is None or sample.denoised is None:
        return sample.transcript
    segments = list(sample.transcript.segments)
    for change in sample.denoised.changes:
        segments[change.segment] = segments[change.segment].model_copy(update={"text": change.before})
    return sample.transcript.model_copy(update={"segments": tuple(segments)})


def verdict(
    sample: Sample, decision: str | None = "accept", annotator: str = "ann", at: int = 0, **other: Any
) -> Verdict:
    """A verdict on a sample as it is; `at` minutes after an hour; keyframes as shown unless given."""
    texts = {caption.index: caption.text for caption in sample.captions.captions}
    shown = tuple(KeyframeVerdict(index=i, judged="ok", caption=texts.get(i, "")) for i in sample.extract.keyframes)
    values = {
        "sample_id": sample.video.id,
        "content_sha256": content_sha256(sample),
        "annotator": annotator,
        "origin": f"server/1/{sample.video.id}/{annotator}",
        "updated_at": f"2026-03-{1 + at // 1440:02d}T{at // 60 % 24:02d}:{at % 60:02d}:00+00:00",
        "stratum": "random",
        "decision": decision,
        "keyframes": shown,
    }
    return Verdict.model_validate(values | other)


def shown(
    sample: Sample, **changes: Callable[[KeyframeVerdict], Any] | Mapping[str, Any]
) -> tuple[KeyframeVerdict, ...]:
    """The keyframes as an annotator left them: `k3={"judged": "drop"}` changes the keyframe of frame 3."""
    plain = verdict(sample).keyframes
    return tuple(one.model_copy(update=changes.get(f"k{one.index}", {})) for one in plain)


TEXT = st.text(max_size=30)
WORDS = st.text(min_size=1, max_size=30)


@st.composite
def verdicts_on(draw: st.DrawFn, sample: Sample) -> Verdict:
    """Any verdict of three people on a sample: sensible, absurd, stale or half-finished."""
    frames = sample.frames.frames
    keyframes = tuple(
        one.model_copy(update={"judged": judged, "caption": text if changed else one.caption, "changed": changed})
        for one, judged, changed, text in (
            (one, draw(st.sampled_from([None, "ok", "wrong", "drop"])), draw(st.booleans()), draw(TEXT))
            for one in verdict(sample).keyframes
        )
    )
    index = st.integers(0, len(frames))  # one index beyond the last frame
    added = st.builds(
        lambda i, text: AddedKeyframe(index=i, time=i / sample.frames.fps, caption=text), index, st.none() | TEXT
    )
    written = (
        st.none()
        | TEXT
        | st.just(format_seconds(sample.summary.v2vt))
        | st.builds(lambda i, text: f"[{i / sample.frames.fps!r}]{text}", index, TEXT)
    )
    segments = sample.transcript.segments if sample.transcript is not None else ()
    lines = [
        CorrectedLine(index=place, start=own.start, before=draw(st.just(own.text) | TEXT), after=draw(WORDS))
        for place, own in enumerate(segments)
        if draw(st.booleans())
    ]
    return verdict(
        sample,
        draw(st.sampled_from(["accept", "fix", "fix", "reject", None])),
        draw(st.sampled_from(["ann", "bob", "cyd"])),
        draw(st.integers(0, 50)),
        content_sha256=draw(st.sampled_from([content_sha256(sample)] * 4 + ["0" * 64])),
        stratum=draw(st.sampled_from(["random", "active", "gold", "adjudication"])),
        keyframes=keyframes,
        added=tuple(draw(st.lists(added, max_size=2))),
        summary=draw(written),
        transcript=tuple(lines),
        reasons=tuple(draw(st.lists(st.sampled_from(REASONS), max_size=2))),
        rating=draw(st.none() | st.integers(1, 5)),
        seconds=draw(st.none() | st.floats(0, 100)),
    )
