"""The cards of the report: state, texts, scores and small keyframe pictures of a video.

Nothing is decoded again: a picture that was not kept is left out. Texts are cut here, and the page escapes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from curation.frames.files import frames_key, read_frame
from curation.ledger.entries import Entry
from curation.report.overview import AUDIT, Overview
from curation.status.standings import Standings
from curation.store.store import Store
from pages.thumbnails import cut, thumbnail
from schemas.audit import GOOD, Audit
from schemas.configuration.config import CurateConfig, FrameConfig
from schemas.records import CaptionSet, Extract, FrameSet, Rejection, Sentence, Source, Summary, Video
from schemas.safe_text import public_text
from schemas.time import FrameIndex, clock

MOST_PICTURES = 6
_REMARKABLE = 0.25
_LONGEST_TITLE, _LONGEST_TEXT, _MOST_LINES = 160, 600, 12


class Shot(NamedTuple):
    """A frame of the video: its time, its caption and a JPEG as a data URI, empty when it was not kept."""

    time: str
    caption: str
    image: str


class Line(NamedTuple):
    """A sentence of the summary with the times of its keyframes; `supported` is None without an audit."""

    times: str
    text: str
    supported: bool | None


class Score(NamedTuple):
    """An audit's score; `note` says why it is remarkable: marked by a threshold, or among the worst of all samples."""

    name: str
    value: float
    note: str


class Card(NamedTuple):
    """A video on the page. `facts` are short phrases, `more_lines` and `more_shots` count what is left out."""

    id: str
    title: str
    state: str
    stage: str
    reason: str
    error_class: str
    evidence: str
    facts: tuple[str, ...]
    lines: tuple[Line, ...]
    more_lines: int
    shots: tuple[Shot, ...]
    more_shots: int
    scores: tuple[Score, ...]
    missing: tuple[str, ...]


def cards(
    standings: Standings, store: Store, config: CurateConfig, ids: Sequence[str], overview: Overview
) -> list[Card]:
    """The cards of some videos, in the order of `ids`; `overview` says by what they stand out."""
    videos = {video.source.id: video for video in standings.walk(ids)}
    made = []
    for video_id in ids:
        video = videos[video_id]
        entries = {entry.head.stage: entry for entry in standings.view.ledger.entries(video_id)}
        rejected = standings.rejection(video)
        card = _card(video_id, video.source.source(), video.where.state, entries, rejected, store, config)
        made.append(card._replace(scores=_noted(card.scores, overview.standing_out(video_id))))
    return made


def _card(
    video_id: str,
    source: Source | None,
    state: str,
    entries: dict[str, Entry],
    rejected: Rejection | None,
    store: Store,
    config: CurateConfig,
) -> Card:
    done = {stage: entry.payload for stage, entry in entries.items() if entry.head.status == "done"}
    video = Video.model_validate_json(done["download"]) if "download" in done else None
    frames = FrameSet.model_validate_json(done["frames"]) if "frames" in done else None
    extract = Extract.model_validate_json(done["extract"]) if "extract" in done else None
    captions = CaptionSet.model_validate_json(done["caption"]) if "caption" in done else None
    summary = Summary.model_validate_json(done["refine"]) if "refine" in done else None
    audit = Audit.model_validate_json(done[AUDIT]) if AUDIT in done else None
    title = (video.publication.title if video else None) or (source.title if source else None) or video_id
    lines = _lines(summary.v2vt if summary else (), audit)
    shots, more = _shots(video, frames, captions, extract, store, config.frames)
    return Card(
        id=video_id,
        title=cut(title, _LONGEST_TITLE),
        state=state,
        stage=rejected.stage if rejected else "",
        reason=rejected.reason if rejected else "",
        error_class=rejected.error_class if rejected else "",
        evidence=cut(public_text(rejected.evidence[: 4 * _LONGEST_TEXT]), _LONGEST_TEXT) if rejected else "",
        facts=tuple(_facts(video, frames, extract)),
        lines=lines[:_MOST_LINES],
        more_lines=max(len(lines) - _MOST_LINES, 0),
        shots=shots,
        more_shots=more,
        scores=_scores(audit),
        missing=tuple(f"{item.score}: {cut(item.reason, 160)}" for item in audit.missing) if audit else (),
    )


def _facts(video: Video | None, frames: FrameSet | None, extract: Extract | None) -> list[str]:
    facts = []
    if video is not None:
        length = f"{clock(video.duration)} long, " if video.duration is not None else ""
        facts.append(f"{length}{video.width} × {video.height}")
    if extract is not None and frames is not None:
        facts.append(f"{len(extract.keyframes)} of {len(frames.frames):,} frames ({extract.ratio:.1%})")
    elif frames is not None:
        facts.append(f"{len(frames.frames):,} frames")
    return facts


def _lines(sentences: Sequence[Sentence], audit: Audit | None) -> tuple[Line, ...]:
    support = audit.support.sentences if audit and audit.support else ()
    told = [one.supported for one in support] if len(support) == len(sentences) else [None] * len(sentences)
    return tuple(
        Line(_times(sentence.times), cut(sentence.text, _LONGEST_TEXT), supported)
        for sentence, supported in zip(sentences, told, strict=True)
    )


def _times(times: Sequence[float]) -> str:
    return ", ".join(clock(time) for time in times[:3]) + (" …" if len(times) > 3 else "")


def _scores(audit: Audit | None) -> tuple[Score, ...]:
    if audit is None:
        return ()
    marked = {mark.score for mark in audit.marks}
    values = audit.scores()
    return tuple(Score(name, values[name], "marked" if name in marked else "") for name in GOOD if name in values)


def _noted(scores: tuple[Score, ...], worst: tuple[str, float] | None) -> tuple[Score, ...]:
    if worst is None or worst[1] > _REMARKABLE:
        return scores
    note = f"worst {worst[1]:.0%}" if worst[1] >= 0.01 else "worst 1%"
    return tuple(one._replace(note=one.note or note) if one.name == worst[0] else one for one in scores)


def _shots(
    video: Video | None,
    frames: FrameSet | None,
    captions: CaptionSet | None,
    extract: Extract | None,
    store: Store,
    config: FrameConfig,
) -> tuple[tuple[Shot, ...], int]:
    """Up to six keyframes, evenly spread (frames where no keyframe was chosen), and how many are left out."""
    if video is None or frames is None:
        return (), 0
    folder = store.frames(frames_key(video.sha256, config))
    texts = {caption.index: caption.text for caption in captions.captions} if captions else {}
    total = len(frames.frames)
    known = [i for i in extract.keyframes if i < total] if extract else [frame.index for frame in frames.frames]
    chosen = _spread(known, MOST_PICTURES)
    shots = tuple(
        Shot(
            clock(frames.frames[index].time),
            cut(texts.get(index, ""), _LONGEST_TEXT),
            thumbnail(lambda index=index: read_frame(folder, index, frames.frames[index].sha256)),  # type: ignore[misc]
        )
        for index in chosen
    )
    return shots, len(known) - len(chosen) if extract else 0


def _spread(items: list[FrameIndex], most: int) -> list[FrameIndex]:
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
