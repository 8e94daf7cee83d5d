"""The files of VideoXum (github.com/jylins/videoxum), as VTSUM-BLIP's loader reads them.

    train_videoxum.json, val_videoxum.json, test_videoxum.json
    README.md

    {"video_id", "duration", "sampled_frames", "timestamps": [[start, end], ...], "tsum": ["A sentence.", ...],
     "vsum": [[[start, end], ... ten], ...], "vsum_onehot": [[0, 1, ...], ... ten], "annotators": 1}

A segment is a sentence: from its first keyframe to the end of its last one. VideoXum has ten annotators, and its
evaluation reshapes to ten; so the one annotation of a video stands there ten times, and `annotators` says that it is
one. `vsum` can hold one interval a segment: `vsum_onehot` says which frames are in the summary.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from curation.release.formats.files import write_array
from curation.release.formats.format import Format
from curation.release.formats.items import Item, read_items, splits_of
from curation.release.formats.reading import read_array, side_by_side
from curation.release.formats.readme import write_readme
from curation.release.written import Written
from schemas.records import Sentence
from schemas.release import ReleaseManifest

ANNOTATORS = 10
FILES = {"train": "train_videoxum.json", "validation": "val_videoxum.json", "test": "test_videoxum.json"}


def write(written: Written, folder: Path) -> None:
    """Write the format's files."""
    for split, items in splits_of(read_items(written.folder)):
        write_array(folder / FILES[split], map(record, items))
    write_readme(folder, "videoxum", written.manifest)


def check(release: Path, folder: Path, manifest: ReleaseManifest) -> Iterator[str]:
    """The faults of the format's files in words."""
    for split in (each.split for each in manifest.splits):
        found = read_array(folder / FILES[split])
        for item, row in side_by_side(read_items(release, [split]), found):
            if (problem := _problem(item, row)) is not None:
                yield f"{FILES[split]}: {item.id}: {problem}"


def record(item: Item) -> dict[str, Any]:
    """The record of a video."""
    segments = [segment(sentence, item) for sentence in item.sentences]
    return {
        "video_id": item.id,
        "duration": item.duration,
        "sampled_frames": item.frames,
        "timestamps": segments,
        # The loader joins the sentences without a space.
        "tsum": [("" if number == 0 else " ") + sentence.text for number, sentence in enumerate(item.sentences)],
        "vsum": [[each] * ANNOTATORS for each in segments],
        "vsum_onehot": [list(item.onehot)] * ANNOTATORS,
        "annotators": 1,
    }


def segment(sentence: Sentence, item: Item) -> list[float]:
    """The seconds from the first keyframe of a sentence to the end of its last one."""
    return [min(sentence.times), min(max(sentence.times) + 1 / item.fps, item.duration)]


def _problem(item: Item, row: dict[str, Any]) -> str | None:
    if row["video_id"] != item.id:
        return f"here is {row['video_id']}"
    if [len(line) for line in row["vsum_onehot"]] != [row["sampled_frames"]] * ANNOTATORS:
        return "its one-hot rows have another length than its frames"
    if row["vsum_onehot"] != [list(item.onehot)] * ANNOTATORS:
        return "other frames than those of `full`"
    if not len(row["tsum"]) == len(row["timestamps"]) == len(row["vsum"]):
        return "sentences, segments and their summaries differ in number"
    if any(not 0 <= start < end <= row["duration"] for start, end in row["timestamps"]):
        return "a segment lies outside the video"
    if [text.strip() for text in row["tsum"]] != [sentence.text for sentence in item.sentences]:
        return "other sentences than those of `full`"
    return None


VIDEOXUM = Format(
    "videoxum", "VideoXum's loaders, such as VTSUM-BLIP's: segments, sentences, one-hot rows.", write, check
)
