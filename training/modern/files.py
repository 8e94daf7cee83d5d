"""The files that a release has for TRL (`formats/trl`), as `datasets` maps them into memory from OUT/rows."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import datasets
from PIL import Image

from curation.release.formats.format import tasks_of
from curation.release.formats.frames import InputFrame, input_indices, scaled
from curation.release.formats.items import TASKS
from curation.release.formats.preferences import FOLDER, trl_features
from curation.release.formats.reading import read_lines
from curation.release.formats.trl import prompt
from curation.release.manifest import read_manifest
from schemas.errors import ConfigError
from schemas.release import FormatChoice, Times
from schemas.time import Seconds
from training.examples import Example


class Rows(NamedTuple):
    """The rows of a split (`id`, `task`, `prompt`, `completion`, `images`), and each row's place by video and task."""

    data: Any  # a Dataset of a release, and a list of one video
    places: Mapping[tuple[str, str], int]


class TrlFiles:
    """The files of one release; `scratch` is where `datasets` keeps what it maps."""

    def __init__(self, release: Path, scratch: Path) -> None:
        """Read nothing yet."""
        self.release, self._scratch = release, scratch
        self._folder = release / "formats" / "trl"
        self._rows: dict[str, Rows] = {}

    @cached_property
    def times(self) -> Times:
        """How answers name times."""
        return read_manifest(self.release).formats.times

    def files(self, split: str) -> list[Path]:
        """The Parquet files of a split. Raises ConfigError where there are none."""
        if not (found := sorted(self._folder.glob(f"{split}-*.parquet"))):
            way = "`v2xum release WORKSPACE VERSION --format trl` makes a release that has them"
            raise ConfigError(f"{self.release}: no formats/trl for the split {split}, which this model reads: {way}")
        return found

    def rows(self, split: str) -> Rows:
        """The rows of a split. The tasks of a video share its pictures, which are kept once."""
        if split not in self._rows:
            rows = self._parquet(self.files(split), columns=["id", "task", "prompt", "completion"])
            places = {key: place for place, key in enumerate(zip(rows["id"], rows["task"], strict=True))}
            of_one_task = [("task", "==", rows[0]["task"])]
            shown = self._parquet(self.files(split), columns=["id", "images"], filters=of_one_task)
            number = {video: place for place, video in enumerate(shown["id"])}

            def with_pictures(some: dict[str, list[Any]]) -> dict[str, list[Any]]:
                return {**some, "images": [shown[number[video]]["images"] for video in some["id"]]}

            rows.set_transform(with_pictures)
            self._rows[split] = Rows(rows, places)
        return self._rows[split]

    def pairs(self, split: str) -> datasets.Dataset | None:
        """The preference pairs of a split (`id`, `prompt`, `chosen`, `rejected`, `images`); None without any.

        Pairs of texts have no pictures, and otherwise the form of those that have one.
        """
        texts = self._folder / FOLDER / "text" / f"{split}.jsonl"
        captions = sorted((self._folder / FOLDER / "caption" / split).glob("*.parquet"))
        found = []
        if texts.is_file():
            found.append(datasets.Dataset.from_list(list(map(_as_parts, read_lines(texts))), features=trl_features()))
        if captions:
            found.append(self._parquet(captions))
        return datasets.concatenate_datasets(found) if found else None

    def _parquet(self, files: Sequence[Path], **options: Any) -> datasets.Dataset:
        datasets.disable_progress_bars()
        return datasets.Dataset.from_parquet([str(path) for path in files], cache_dir=str(self._scratch), **options)


class ShownVideo(TrlFiles):
    """One video in place of a release, with the same prompts. There is nothing to learn from it."""

    def __init__(self, example: Example, picture: Callable[[int], bytes], choice: FormatChoice) -> None:
        """`picture` gives the JPEG of a sampled frame; `choice` is that of the release that the model learned from."""
        frames = [
            InputFrame(Seconds(float(example.seconds[index])), scaled(picture(index)), f"{index}.jpg")
            for index in input_indices(example.frames)
        ]
        pictures = [Image.open(io.BytesIO(frame.jpeg)) for frame in frames]
        tasks = tasks_of(choice, TASKS)
        self.times = choice.times
        self._shown = Rows(
            [{"prompt": prompt(frames, task), "images": pictures} for task in tasks],
            {(example.id, task): place for place, task in enumerate(tasks)},
        )

    def files(self, split: str) -> list[Path]:
        """None: there is no release."""
        return []

    def rows(self, split: str) -> Rows:
        """A row for each task, without an answer."""
        return self._shown


def _as_parts(row: dict[str, Any]) -> dict[str, Any]:
    def parts(turn: dict[str, str]) -> dict[str, Any]:
        return {"role": turn["role"], "content": [{"type": "text", "text": turn["content"]}]}

    turns = {name: [parts(turn) for turn in row[name]] for name in ("prompt", "chosen", "rejected")}
    return {"id": row["id"], **turns, "images": []}
