"""Why a row that two releases have differs, from what the rows and the releases themselves say.

The stages are walked in their order. A stage whose part of the row differs has the causes in which the releases differ
at that stage; without one it follows from an earlier stage that differs, and without that the cause is unknown. What a
person edited is told apart by the lists in the column `review`. Nothing is guessed: a cause is a difference that the
releases record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from curation.frames.safety.score import FACES, NUDITY
from curation.ledger.stages import DENOISE, OCR, OCR_FILTER, SAFETY_FILTER, TRANSCRIBE
from curation.ledger.stages import SAFETY as SCORE
from curation.release.diff.spoken import heard, segments_differ, segments_of, speech_lost, told_besides
from curation.release.diff.states import Pair, causes_of_stage, once, upstream
from curation.release.diff.values import list_of, value_of
from curation.release.made_with import BLUR, REVIEW, SPLITS
from curation.review.edits import JUDGED_WRONG
from schemas.arrow import ANNOTATORS, DENOISED, SAFETY, SCREEN_TEXT, TRANSCRIPT
from schemas.documents.release_diff import Cause
from schemas.safe_text import plain

Row = Mapping[str, Any]
PUBLISHED = ("title", "source", "licence", "publication")
# Computed from the other columns of a row: where these alone differ, the code that computes them does.
DERIVED = frozenset(
    {"conversations", "conversations_v2v", "conversations_v2t", "vsum_onehot", "ratio", "meta", "summary", "keyframes"}
)
_STAGES = (
    "download",
    "filter",
    "frames",
    OCR,
    OCR_FILTER,
    SCORE,
    SAFETY_FILTER,
    TRANSCRIBE,
    DENOISE,
    "caption",
    "extract",
    "refine",
)
# The scores in the column `filters` of filters that judge what another stage found; all others are of `filter`.
_SCORES_OF = {OCR_FILTER: {SCREEN_TEXT}, SAFETY_FILTER: {FACES, NUDITY}}
_MEASURED = ("binding", "audit")  # stages whose results are in `scores`
_EDITS = ("captions_edited", "captions_withdrawn", "keyframes_added", "keyframes_dropped", "transcript_edited")
_NAMED = 12


class Change(NamedTuple):
    """Two rows with one id, and the columns in which they differ. Columns that are equal may be missing in both."""

    before: Row
    after: Row
    fields: frozenset[str]

    def differs(self, *columns: str) -> bool:
        """Whether one of these columns differs."""
        return not self.fields.isdisjoint(columns)

    def both(self, column: str, key: str | None = None) -> tuple[Any, Any]:
        """The values of a column, or of a key in it; None where there is none."""
        pair = (self.before.get(column), self.after.get(column))
        if key is None:
            return pair
        first, second = (value.get(key) if isinstance(value, dict) else None for value in pair)
        return first, second

    def unlike(self, column: str, key: str) -> bool:
        """Whether a key of a column differs."""
        first, second = self.both(column, key)
        return bool(first != second)

    def edited(self, *lists: str) -> frozenset[int]:
        """The frames (of a transcript: segments) in these lists of people's edits, of either row."""
        return frozenset(index for review in self.both("review") for name in lists for index in list_of(review, name))

    @property
    def editors(self) -> tuple[str | None, str | None]:
        """Whose edits the rows carry."""
        return self.both("review", "editor")


def columns_for(fields: frozenset[str]) -> frozenset[str]:
    """The columns that `causes_of_change` reads of two rows that differ in `fields`."""
    return fields | {"provenance", "review"}


def causes_of_change(change: Change, states: Pair) -> tuple[Cause, ...]:
    """Every cause that is known, the root first; the single cause `unknown` when none is."""
    found: list[Cause] = []
    differing: set[str] = set()
    for stage in _STAGES:
        if not _DIFFERS[stage](change):
            continue
        own = (
            _of_source(change, states) if stage == "download" else causes_of_stage(stage, states, _made(change, stage))
        )
        follows = not differing.isdisjoint(upstream(stage))
        if stage == TRANSCRIBE:
            own += _of_speech(change, states, explained=bool(own) or follows)
        if not own and not follows:
            own = [_unknown(stage)]
        found += own
        differing.add(stage)
    found += _of_blur(change, states, differing)
    found += _of_people(change, states, differing)
    found += _of_scores(change, states, differing)
    if change.differs("split"):
        found += causes_of_stage(SPLITS, states) or [_unknown(SPLITS)]
    if not found and change.fields <= DERIVED:
        found = [Cause(cause="code", detail="columns that are computed from equal ones differ")]
    return once(found) if found else (_unknown(None),)


def _of_source(change: Change, states: Pair) -> list[Cause]:
    said = [name for name in PUBLISHED if change.differs(name)]
    file = change.differs("file") or change.unlike("meta", "duration")
    own = causes_of_stage("download", states) if file else []
    if change.unlike("file", "sha256") and not own:
        said.insert(0, "another file")
    told = [Cause(cause="source changed", stage="download", detail=", ".join(said))] if said else []
    return [*told, *own] or [_unknown("download")]


def _of_speech(change: Change, states: Pair, *, explained: bool) -> list[Cause]:
    """That speech was lost for one of two transcripts; or that subtitles changed, where all else is equal."""
    if not all(isinstance(transcript, dict) for transcript in change.both(TRANSCRIPT)):
        return []
    before, after = (speech_lost(transcript) for transcript in change.both(TRANSCRIPT))
    if before != after:
        return [Cause(cause="speech lost", stage=TRANSCRIBE, detail=f"{before} -> {after}")]
    recognised = change.both(TRANSCRIPT, "source") == ("recognised", "recognised")
    if explained or recognised or states.of(TRANSCRIBE) is None:
        return []
    if wanted := causes_of_stage("download", states):  # which subtitles and sound are fetched are keys of that stage
        return wanted
    if not {"manual", "automatic"} & set(change.both(TRANSCRIPT, "source")):
        return []
    return [Cause(cause="source changed", stage=TRANSCRIBE, detail="other subtitles")]


def _of_people(change: Change, states: Pair, differing: set[str]) -> list[Cause]:
    """People's part: verdicts that count now and did not, or no more; edits; and the rules for both."""
    touched = _edits_differ(change)
    if not change.differs("review") and not touched:
        return []
    before, after = change.both("review")
    rules = causes_of_stage(REVIEW, states)
    if value_of(after, "status") in (None, "unreviewed"):
        # A verdict counts for the content on which it was given: for another content there is none yet.
        other = change.unlike("file", "sha256") or not differing.isdisjoint({"frames", "caption", "extract", "refine"})
        return rules or ([] if other else [_unknown(REVIEW)])
    new = set(list_of(after, "reviewers")) - set(list_of(before, "reviewers"))
    if rules and not new and _votes(after) <= _votes(before):
        return rules
    return [*rules, Cause(cause="person", stage=REVIEW, detail=_said(after))]


def _of_blur(change: Change, states: Pair, differing: set[str]) -> list[Cause]:
    """Which keyframes are blurred follows from the policy, the scores, and which keyframes there are."""
    if not change.differs(SAFETY) or not change.unlike(SAFETY, "blurred"):
        return []
    follows = change.differs("keyframes") or not differing.isdisjoint({"frames", SCORE})
    return causes_of_stage(BLUR, states) or ([] if follows else [_unknown(BLUR)])


def _edits_differ(change: Change) -> bool:
    """Whether the rows differ where a person edited one of them."""
    if change.editors == (None, None):
        return False
    of_captions = change.edited("captions_edited", "captions_withdrawn")
    captions = change.differs("captions", "captions_failed") and any(
        index in of_captions for index in _unlike_captions(change)
    )
    keyframes = change.differs("keyframes") and not _model_keyframes_differ(change)
    lines = change.differs(TRANSCRIPT) and bool(_unlike_segments(change) & change.edited("transcript_edited"))
    return captions or keyframes or lines or (change.differs("summary") and _summary_edited(change))


def _of_scores(change: Change, states: Pair, differing: set[str]) -> list[Cause]:
    """Scores follow from what was measured; the row of a person's edits has none."""
    if not change.differs("scores"):
        return []
    own = [cause for stage in _MEASURED for cause in causes_of_stage(stage, states)]
    edits = change.editors != (None, None)
    follows = edits or not differing.isdisjoint({"frames", OCR, TRANSCRIBE, DENOISE, "caption", "extract", "refine"})
    return own if own or follows else [_unknown("audit")]


def _download_differs(change: Change) -> bool:
    return change.differs(*PUBLISHED, "file") or (change.differs("meta") and change.unlike("meta", "duration"))


def _filters_differ(change: Change, stage: str) -> bool:
    """Whether the scores of a stage that judges differ."""
    if not change.differs("filters"):
        return False
    others = {name for each, names in _SCORES_OF.items() if each != stage for name in names}
    own = _SCORES_OF.get(stage)
    first, second = (
        [score for score in scores or () if (score["name"] in own if own else score["name"] not in others)]
        for scores in change.both("filters")
    )
    return first != second


def _safety_differs(change: Change) -> bool:
    first, second = ({**(value or {}), "blurred": None} for value in change.both(SAFETY))
    return change.differs(SAFETY) and first != second


def _frames_differ(change: Change) -> bool:
    if change.differs("sampling_fps", "defects") or change.unlike("meta", "sampled_frames"):
        return True
    for column, sha256 in (("captions", "image_sha256"), ("keyframes", "sha256")):
        if change.differs(column):
            first, second = (_by_index(rows) for rows in change.both(column))
            shared = first.keys() & second.keys()
            if any(_picture(first[index], sha256) != _picture(second[index], sha256) for index in shared):
                return True
    return False


def _transcript_differs(change: Change) -> bool:
    """Whether the transcripts that were made differ, before a model or a person corrected them."""
    if not change.differs(TRANSCRIPT):
        return False
    first, second = (told_besides(value) for value in change.both(TRANSCRIPT))
    edited = change.edited("transcript_edited")
    before, after = (heard(row) for row in (change.before, change.after))
    if first != second or len(before) != len(after):
        return True
    unlike = {index for index, pair in enumerate(zip(before, after, strict=True)) if segments_differ(*pair)}
    return any(index not in edited or _times_differ(change, index) for index in unlike)


def _captions_differ(change: Change) -> bool:
    """Whether the captions that the model made differ, as far as no person changed them."""
    before, after = _made(change, "caption")
    if _remade(before, after, effort=not change.edited("captions_withdrawn")):
        return True
    if not change.differs("captions", "captions_failed"):
        return False
    of_people = change.edited("captions_edited", "captions_withdrawn")
    return any(index not in of_people for index in _unlike_captions(change))


def _extract_differs(change: Change) -> bool:
    if _remade(*_made(change, "extract")) or change.differs(ANNOTATORS, "choices", "saliency"):
        return True
    return change.differs("keyframes") and _model_keyframes_differ(change)


def _summary_differs(change: Change) -> bool:
    if _remade(*_made(change, "refine")):
        return True
    if not change.differs("summary") or _summary_edited(change):
        return False
    keyframes = change.edited("keyframes_added", "keyframes_dropped")
    return any(change.unlike("summary", key) for key in ("v2t", "v2vt", *(() if keyframes else ("merged",))))


_DIFFERS: Mapping[str, Callable[[Change], bool]] = {
    "download": _download_differs,
    "filter": lambda change: _filters_differ(change, "filter"),
    "frames": _frames_differ,
    OCR: lambda change: change.differs(SCREEN_TEXT),
    OCR_FILTER: lambda change: _filters_differ(change, OCR_FILTER),
    SCORE: _safety_differs,
    SAFETY_FILTER: lambda change: _filters_differ(change, SAFETY_FILTER),
    TRANSCRIBE: _transcript_differs,
    DENOISE: lambda change: change.differs(DENOISED),
    "caption": _captions_differ,
    "extract": _extract_differs,
    "refine": _summary_differs,
}


def _made(change: Change, stage: str) -> tuple[Any, Any]:
    return change.both(DENOISED) if stage == DENOISE else change.both("provenance", stage)


def _remade(before: Any, after: Any, *, effort: bool = True) -> bool:
    """Whether two entries of `provenance` differ; without `effort` in who made it alone."""
    if effort or not isinstance(before, dict) or not isinstance(after, dict):
        return bool(before != after)
    keys = ("prompt", "prompt_sha256", "model", "revision", "sampling")
    return any(before.get(key) != after.get(key) for key in keys)


def _unlike_captions(change: Change) -> set[int]:
    """The frames whose captions differ, or failed in another way; what a person withdrew counts as it was."""
    first, second = (
        {index: (each.get("text"), each.get("reused_from")) for index, each in _by_index(rows).items()}
        for rows in change.both("captions")
    )
    failed, failing = (
        {index: each.get("reason") for index, each in _by_index(rows).items() if each.get("reason") != JUDGED_WRONG}
        for rows in change.both("captions_failed")
    )
    return {index for index in first.keys() | second.keys() if first.get(index) != second.get(index)} | {
        index for index in failed.keys() | failing.keys() if failed.get(index) != failing.get(index)
    }


def _model_keyframes_differ(change: Change) -> bool:
    """Whether the models chose other keyframes: people's additions and removals are undone."""
    chosen = []
    for row in (change.before, change.after):
        review = row.get("review")
        added, dropped = set(list_of(review, "keyframes_added")), set(list_of(review, "keyframes_dropped"))
        chosen.append((set(_by_index(row.get("keyframes"))) - added) | dropped)
    return chosen[0] != chosen[1]


def _unlike_segments(change: Change) -> set[int]:
    """The places at which both transcripts have a segment, and not the same."""
    pairs = zip(segments_of(change.before), segments_of(change.after), strict=False)
    return {index for index, (first, second) in enumerate(pairs) if first != second}


def _times_differ(change: Change, index: int) -> bool:
    first, second = (segments_of(row)[index] for row in (change.before, change.after))
    return any(value_of(first, name) != value_of(second, name) for name in ("start", "end"))


def _summary_edited(change: Change) -> bool:
    return any(change.both("review", "summary_edited")) or bool(change.edited("keyframes_dropped"))


def _picture(entry: Row, sha256: str) -> tuple[Any, ...]:
    return entry.get(sha256), entry.get("pts"), entry.get("time")


def _by_index(rows: Any) -> dict[int, Row]:
    return {each["index"]: each for each in rows or () if isinstance(each, dict) and each.get("index") is not None}


def _votes(review: Any) -> int:
    decisions = value_of(review, "decisions")
    return sum(value_of(decisions, name) or 0 for name in ("accept", "fix", "reject"))


def _said(review: Any) -> str:
    """What people said of a row, in words: its status, by whom, and the edits."""
    by = ", ".join(map(str, list_of(review, "reviewers")[:_NAMED]))
    words = [f"{value_of(review, 'status')} by {by or 'nobody'}"]
    for name in _EDITS:
        if frames := list_of(review, name):
            shown = ", ".join(map(str, frames[:_NAMED])) + (" ..." if len(frames) > _NAMED else "")
            words.append(f"{name.replace('_', ' ')} {shown}")
    words += ["summary edited"] if value_of(review, "summary_edited") else []
    return plain("; ".join(words))


def _unknown(stage: str | None) -> Cause:
    return Cause(cause="unknown", stage=stage, detail="nothing that the releases record differs")
