"""The published row as an explicit Arrow schema that `datasets.load_dataset` restores, pictures and all.

Every shard is written with this schema. An inferred schema would give a column without values the type null, and then
the next shard could not be read beside it. `datasets` is imported on first use, since it is heavy.

Units: `time`, `seconds`, `duration`, `pts`, `start`, `end` are seconds; `index` is a sampled frame (position at the
sampling rate); `bytes` of a video is its file size; `rotation` is in degrees, already applied to width and height.
`review` is schemas.records.Review with its counts under `decisions`; frames in its lists are indices like all others.
`scores` is schemas.records.SampleScores; what a filter measured is in `number`, `text` or `flag`, by its type.
Version 2 added to `review` all but `status` and `reviewers`. Version 3: `scores` holds what was measured of the sample;
the filters, which it held before, are in `filters`, with typed values. Version 4 renamed the column `video` to `file`:
trainers and the viewer of the Hub take a column `video` for the picture.

With several annotators (`extract.annotators`) rows have two columns and a score more: `saliency`, `choices` and
`scores.self_agreement`; with several models also `annotators`, which says who chose what. Files of one annotator
are as they were, so this is no new version. Nor are the column `transcript` and `review.transcript_edited` (places of
segments), which runs with transcripts have, and the column `denoised` of runs that let a model correct them
(`denoise.mode`), `screen_text` of runs that read the text in the pictures (`ocr.mode`), and `safety` of runs that score
what they show (`safety.mode`).
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.records import SampleScores

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

SCHEMA_VERSION = 4
SCORES_OF_SEVERAL = ("self_agreement",)  # scores that need several annotators
TRANSCRIPT = "transcript"  # the column that only the rows of runs with transcripts have
ANNOTATORS = "annotators"  # the column that only the rows of several models that choose keyframes have
SCREEN_TEXT = "screen_text"  # the column that only the rows of runs have in which the pictures' text is read
SAFETY = "safety"  # the column that only the rows of runs have in which faces and nudity are scored
DENOISED = "denoised"  # the column that only the rows of runs have in which a model corrects them


class Columns(NamedTuple):
    """Which columns there are that not every run has.

    `annotators`: those of several annotators; `transcripts`: what is said, and what people corrected in it; `denoised`:
    what a model corrected in it; `models`: which model each annotator is, where there are several models;
    `screen_text`: what is written in the pictures; `safety`: which faces and how much nudity they show.
    """

    annotators: bool = False
    transcripts: bool = False
    denoised: bool = False
    models: bool = False
    screen_text: bool = False
    safety: bool = False

    @classmethod
    def among(cls, names: Collection[str]) -> Columns:
        """Those that are among the names of a row's columns."""
        optional = ("saliency", TRANSCRIPT, DENOISED, ANNOTATORS, SCREEN_TEXT, SAFETY)
        return cls(*(name in names for name in optional))


PLAIN = Columns()


@functools.cache
def features(columns: Columns = PLAIN) -> Features:
    """The columns of a published row as Hugging Face features; treat the result as read-only."""
    from datasets import Features, Image, List, Value

    string, integer, real, flag = Value("string"), Value("int32"), Value("float64"), Value("bool")
    turns = List({"from": string, "value": string})
    maker: dict[str, Any] = {
        "prompt": string,
        "prompt_sha256": string,
        "model": string,
        "revision": string,
        "sampling": string,
    }
    made = {
        **maker,
        "tokens_in": Value("int64"),
        "tokens_out": Value("int64"),
        "attempts": integer,
        "repaired": flag,
    }
    several = {
        "saliency": List(real),
        "choices": List({"keyframes": List(integer), "fault": string}),
    }
    scores = [name for name in SampleScores.model_fields if columns.annotators or name not in SCORES_OF_SEVERAL]
    spoken: dict[str, Any] = {"start": real, "end": real, "text": string}
    transcript = {
        "source": string,
        "recogniser": string,
        "revision": string,
        "language": string,
        "reason": string,
        "segments": List({**spoken, "words": List({"start": real, "text": string})}),
        "dropped": List({**spoken, "reason": string}),
        "more_dropped": integer,
        "notes": List(string),
    }
    denoised = {
        **made,
        "changes": List({"segment": integer, "before": string, "after": string}),
        "refused": List({"segment": integer, "proposed": string, "reason": string}),
        "more_refused": integer,
        "unanswered": integer,
    }
    line = {
        "text": string,
        "kind": string,
        "confidence": real,
        "left": real,
        "top": real,
        "right": real,
        "bottom": real,
    }
    written = {
        "reader": string,
        "revision": string,
        "share": real,
        "read": integer,
        "unread": integer,
        "left_out": integer,
        "readings": List({"index": integer, "time": real, "until": real, "share": real, "lines": List(line)}),
    }
    face = dict.fromkeys(("confidence", "left", "top", "right", "bottom"), real)
    shown = {"index": integer, "time": real, "nudity": real, "faces": List(face), "more_faces": integer}
    safety = {
        "finder": string,
        "finder_revision": string,
        "scorer": string,
        "scorer_revision": string,
        "faces": real,
        "nudity": real,
        "unknown": integer,
        "frames": List(shown),
        "blurred": List(integer),
    }
    return Features(
        {
            "id": string,
            "split": string,
            "title": string,
            "source": {"kind": string, "uri": string},
            "licence": string,
            "publication": {
                "title": string,
                "uploader": string,
                "channel": string,
                "channel_id": string,
                "upload_date": string,
                "language": string,
                "categories": List(string),
                "tags": List(string),
                "chapters": List({"start": real, "end": real, "title": string}),
                "webpage_url": string,
                "extractor": string,
                "live": flag,
            },
            "file": {
                "sha256": string,
                "bytes": Value("int64"),
                "container": string,
                "codec": string,
                "width": integer,
                "height": integer,
                "fps": real,
                "duration": real,
                "rotation": integer,
            },
            "meta": {
                "duration": real,
                "sampled_frames": integer,
                "token": List({"placeholder": string, "seconds": real}),
            },
            "conversations": turns,
            "conversations_v2v": turns,
            "conversations_v2t": turns,
            "vsum_onehot": List(Value("int8")),
            "ratio": real,
            "sampling_fps": real,
            "keyframes": List(
                {
                    "index": integer,
                    "time": real,
                    "pts": real,
                    "sha256": string,
                    "caption": string,
                    "image": Image(),
                }
            ),
            "captions": List(
                {
                    "index": integer,
                    "time": real,
                    "pts": real,
                    "text": string,
                    "reused_from": integer,
                    "image_sha256": string,
                }
            ),
            "captions_failed": List({"index": integer, "time": real, "reason": string}),
            "summary": {
                "v2v": List(real),
                "v2t": string,
                "v2vt": List({"times": List(real), "text": string}),
                "v2vt_seconds": string,
                "v2vt_slots": string,
                "merged": List({"time": real, "into": real, "similarity": real}),
            },
            "defects": List(string),
            "scores": dict.fromkeys(scores, real),
            "filters": List(
                {
                    "name": string,
                    "number": real,
                    "text": string,
                    "flag": flag,
                    "passed": flag,
                    "enforced": flag,
                    "detail": string,
                }
            ),
            "provenance": {"caption": made, "extract": made, "refine": made},
            "review": {
                "status": string,
                "reviewers": List(string),
                "decisions": {"accept": integer, "fix": integer, "reject": integer},
                "adjudicated": flag,
                "rating": real,
                "dispute": string,
                "edited": flag,
                "editor": string,
                "captions_edited": List(integer),
                "captions_withdrawn": List(integer),
                "keyframes_added": List(integer),
                "keyframes_dropped": List(integer),
                "summary_edited": flag,
                **({"transcript_edited": List(integer)} if columns.transcripts else {}),
            },
            "schema_version": integer,
            **(several if columns.annotators else {}),
            **({TRANSCRIPT: transcript} if columns.transcripts else {}),
            **({DENOISED: denoised} if columns.denoised else {}),
            **({ANNOTATORS: List(maker)} if columns.models else {}),
            **({SCREEN_TEXT: written} if columns.screen_text else {}),
            **({SAFETY: safety} if columns.safety else {}),
        }
    )


@functools.cache
def arrow_schema(columns: Columns = PLAIN) -> pa.Schema:
    """The Arrow schema of every shard; its metadata carries the features under the key `huggingface`."""
    return features(columns).arrow_schema
