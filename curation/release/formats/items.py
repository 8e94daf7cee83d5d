"""Reads the videos of a release for its formats: what the tasks ask and answer, from the rows of `full`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from curation.download.record import extension_of
from schemas.instructions import ASK_V2T, ASK_V2V, ASK_V2VT, VIDEO_MARK
from schemas.kit.neutral import neutral
from schemas.manifest import SPLITS
from schemas.records import Sentence
from schemas.release import Task, Times
from schemas.temporal import format_seconds, format_slots, slot_digits, to_slots
from schemas.time import SLOTS, Seconds, seconds_to_slot

TASKS: tuple[Task, ...] = ("v2v", "v2t", "v2vt")
# The three instructions of Instruct-V2Xum, without the mark of the video before them.
INSTRUCTIONS: dict[Task, str] = {
    task: ask.removeprefix(f"{VIDEO_MARK}\n") for task, ask in zip(TASKS, (ASK_V2V, ASK_V2T, ASK_V2VT), strict=True)
}
COLUMNS = ("id", "split", "file", "meta", "sampling_fps", "vsum_onehot", "summary")
_BATCH = 64
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class PlacedRow(NamedTuple):
    """A row of a release, the Parquet file that it stands in, and its number there, from 0."""

    path: Path
    number: int
    row: dict[str, Any]


class Item(NamedTuple):
    """A video of a release. Its texts are neutral.

    `media` is the name of its file in the folder of the videos. `frames` were sampled at `fps`, the first at 0 s;
    `onehot` says which of them are keyframes. `keyframes` are their times in seconds, `sentences` cite these times.
    """

    id: str
    split: str
    media: str
    frames: int
    fps: float
    onehot: tuple[int, ...]
    keyframes: tuple[Seconds, ...]
    text: str
    sentences: tuple[Sentence, ...]

    @property
    def span(self) -> float:
        """The time of the last sampled frame in seconds."""
        return (self.frames - 1) / self.fps

    @property
    def duration(self) -> float:
        """The seconds that the decoded frames cover. What a container states can be many seconds off."""
        return self.frames / self.fps

    def answer(self, task: Task, times: Times) -> str:
        """The right answer to a task: keyframes, a text, or sentences with their keyframes.

        Times are seconds (`[3.0]`), or slots between the first and the last sampled frame (`[09]`); equal slots of a
        sentence are written once.
        """
        if task == "v2t":
            return self.text
        if task == "v2vt":
            if times == "seconds":
                return format_seconds(self.sentences)
            return format_slots(to_slots(self.sentences, self.span))
        if times == "seconds":
            return " ".join(f"[{float(time)!r}]" for time in self.keyframes)
        width = slot_digits(SLOTS)
        return " ".join(f"[{slot:0{width}d}]" for slot in distinct(self.keyframes, self.span))


def distinct(times: Sequence[Seconds], span: float) -> list[int]:
    """The slots of these times, each once, in the order of the times."""
    return list(dict.fromkeys(seconds_to_slot(time, span) for time in times))


def splits_of(items: Iterator[Item]) -> Iterator[tuple[str, Iterator[Item]]]:
    """The items by split; each group must be read before the next one."""
    return groupby(items, lambda item: item.split)


def read_items(release: Path, splits: Sequence[str] = SPLITS) -> Iterator[Item]:
    """The videos of a release, split by split, in the order of its rows; 64 rows are in memory.

    Raises OSError, pyarrow.ArrowException, KeyError, TypeError and ValueError for files that are not a release.
    """
    for place in release_rows(release, COLUMNS, splits):
        yield item_of(place.row)


def release_rows(release: Path, columns: Sequence[str], splits: Sequence[str] = SPLITS) -> Iterator[PlacedRow]:
    """These columns of the rows of `full`, and where each stands; 64 rows are in memory.

    Raises OSError and pyarrow.ArrowException, and KeyError, which names file and column, for a column that is missing.
    """
    for split in splits:
        for path in sorted((release / "full").glob(f"{split}-*.parquet")):
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                if missing := [name for name in columns if name not in file.schema_arrow.names]:
                    raise KeyError(f"{path}: no column {missing[0]}")
                rows = (row for batch in file.iter_batches(_BATCH, columns=list(columns)) for row in batch.to_pylist())
                for number, row in enumerate(rows):
                    yield PlacedRow(path, number, row)


def media_name(video: str, container: str, codec: str) -> str:
    """The name of a video's file in the folder of the videos: its id, and the usual extension of its container.

    Raises ValueError for an id that is no part of a path.
    """
    if not _ID.fullmatch(video):
        raise ValueError(f"not an id: {video[:70]!r}")
    return f"{video}.{extension_of(container, codec)}"


def item_of(row: dict[str, Any]) -> Item:
    """The item of a row of `full` that has the columns `COLUMNS`. Raises KeyError, TypeError and ValueError."""
    summary, file = row["summary"], row["file"]
    return Item(
        id=row["id"],
        split=row["split"],
        media=media_name(row["id"], file["container"], file["codec"]),
        frames=row["meta"]["sampled_frames"],
        fps=row["sampling_fps"],
        onehot=tuple(row["vsum_onehot"]),
        keyframes=tuple(summary["v2v"]),
        text=neutral(summary["v2t"]),
        sentences=tuple(Sentence(times=each["times"], text=neutral(each["text"])) for each in summary["v2vt"]),
    )
