"""The configuration `default`: flat columns and one contact sheet, for the Hub's viewer and a first look.

The viewer shows pictures only in columns of the top level, and cuts rows whose first 100 are more than 1,000,000 bytes
of JSON. Pictures do not count there.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from curation.release.configurations.configuration import Configuration, Published, Row
from schemas.safe_text import plain

if TYPE_CHECKING:
    from datasets import Features

_LONGEST_TITLE = 300  # characters; `full` has the whole title


@functools.cache
def features() -> Features:
    """The columns; `keyframe_seconds` and `duration` are in seconds, `ratio` is keyframes / sampled frames."""
    from datasets import Features, Image, List, Value

    string, real = Value("string"), Value("float64")
    return Features(
        {
            "id": string,
            "title": string,
            "contact_sheet": Image(),
            "keyframe_seconds": List(real),
            "text_summary": string,
            "interleaved_summary": string,
            "duration": real,
            "ratio": real,
            "address": string,
            "licence": string,
            "language": string,
            "review_status": string,
            "split": string,
        }
    )


def rows(published: Published) -> list[Row]:
    """The one row of a sample."""
    row, summary = published.row, published.row["summary"]
    sheet = published.sheet
    return [
        {
            "id": row["id"],
            "title": None if row["title"] is None else plain(row["title"], _LONGEST_TITLE),
            "contact_sheet": None if sheet is None else {"bytes": sheet, "path": f"{row['id']}.jpg"},
            "keyframe_seconds": summary["v2v"],
            "text_summary": summary["v2t"],
            "interleaved_summary": summary["v2vt_seconds"],
            "duration": row["meta"]["duration"],
            "ratio": row["ratio"],
            "address": row["publication"]["webpage_url"] or row["source"]["uri"],
            "licence": row["licence"],
            "language": row["publication"]["language"],
            "review_status": row["review"]["status"],
            "split": row["split"],
        }
    ]


DEFAULT = Configuration(
    "default", "A video: one contact sheet of its keyframes, both summaries, and where it comes from.", features, rows
)
