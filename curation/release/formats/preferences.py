"""Preference pairs in the forms of LLaMA-Factory's and TRL's DPO trainers, from the rows of `preferences`.

    dpo/text/SPLIT.jsonl                          keyframes and summaries: for models without eyes, too
    dpo/caption/SPLIT/SPLIT-NNNNN-of-NNNNN.parquet  captions, each with its picture behind the prompt

They hold the pairs that the published rows carry, and that a model could have answered (`applied`, no `departs`). Texts
cannot hold marks of trainers: captions are neutral, of other texts `<`, `>` and names of roles with a colon are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.release.formats.files import parquet, write_lines
from curation.release.formats.frames import IMAGE_MARK
from curation.release.formats.neutral import ROLES, neutral
from curation.release.formats.reading import read_rows
from curation.release.formats.registration import Entry, dataset_name, llamafactory_entry
from curation.release.written import Written

if TYPE_CHECKING:
    from datasets import Features

PREFERENCES, FOLDER = "preferences", "dpo"
_ANGLES = str.maketrans({**dict.fromkeys("<＜﹤", "‹"), **dict.fromkeys(">＞﹥", "›")})
_ROLE = re.compile(rf"\b({'|'.join(ROLES)})\s*[:：﹕]+", re.IGNORECASE)


@functools.cache
def features() -> Features:
    """The columns of captions for LLaMA-Factory: a picture is bytes, which it does not encode again."""
    from datasets import Features, List, Value

    string = Value("string")
    message = {"role": string, "content": string}
    pictures = List({"bytes": Value("binary"), "path": string})
    return Features(
        {"id": string, "messages": List(message), "chosen": message, "rejected": message, "images": pictures}
    )


@functools.cache
def trl_features() -> Features:
    """The columns of captions for TRL: the content of a message is a list of parts, so that the text comes first."""
    from datasets import Features, Image, List, Value

    string = Value("string")
    turns = List({"role": string, "content": List({"type": string, "text": string})})
    return Features({"id": string, "prompt": turns, "chosen": turns, "rejected": turns, "images": List(Image())})


def llamafactory_pairs(written: Written, folder: Path) -> dict[str, Entry]:
    """Write the pairs for LLaMA-Factory; return their entries of `dataset_info.json` by the dataset's name."""
    entries: dict[str, Entry] = {}
    for split, captions, texts in _splits(written):
        if texts:
            name = f"{FOLDER}/text/{split}.jsonl"
            write_lines(folder / name, (_ranked(row) for row in usable(written.folder, split) if _is_text(row)))
            entries[dataset_name(split, "dpo_text")] = llamafactory_entry(name, ranking=True)
        if captions:
            name = f"{FOLDER}/caption/{split}"
            with parquet(folder / name, split, features()) as files:
                for row in usable(written.folder, split):
                    if row["images"]:
                        files.add(_ranked(row))
            entries[dataset_name(split, "dpo_caption")] = llamafactory_entry(name, "images", ranking=True)
    return entries


def trl_pairs(written: Written, folder: Path) -> None:
    """Write the pairs for TRL's DPOTrainer."""
    for split, captions, texts in _splits(written):
        if texts:
            path = folder / FOLDER / "text" / f"{split}.jsonl"
            write_lines(path, (_plain(row) for row in usable(written.folder, split) if _is_text(row)))
        if captions:
            with parquet(folder / FOLDER / "caption" / split, split, trl_features()) as files:
                for row in usable(written.folder, split):
                    if row["images"]:
                        files.add(_with_picture(row))


def usable(release: Path, split: str) -> Iterator[dict[str, Any]]:
    """The rows of `preferences` that trainers take, in their order."""
    paths = sorted((release / PREFERENCES).glob(f"{split}-*.parquet"))
    return (row for row in read_rows(paths) if row["applied"] and row["departs"] is None)


def _splits(written: Written) -> Iterator[tuple[str, bool, bool]]:
    """The splits with usable pairs, and whether they have captions with pictures, and texts."""
    known = next((each.splits for each in written.manifest.configurations if each.name == PREFERENCES), ())
    for each in known:
        kinds = [(bool(row["images"]), _is_text(row)) for row in usable(written.folder, each.split)]
        if kinds:
            yield each.split, any(captions for captions, _ in kinds), any(texts for _, texts in kinds)


def _is_text(row: dict[str, Any]) -> bool:
    return bool(row["kind"] != "caption")


def _ranked(row: dict[str, Any]) -> dict[str, Any]:
    mark = "" if _is_text(row) else f"\n{IMAGE_MARK}"
    record: dict[str, Any] = {
        "id": row["id"],
        "messages": [{"role": "user", "content": _question(row) + mark}],
        "chosen": {"role": "assistant", "content": _answer(row, "chosen")},
        "rejected": {"role": "assistant", "content": _answer(row, "rejected")},
    }
    return record if _is_text(row) else record | {"images": row["images"]}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "prompt": [{"role": "user", "content": _question(row)}],
        "chosen": [{"role": "assistant", "content": _answer(row, "chosen")}],
        "rejected": [{"role": "assistant", "content": _answer(row, "rejected")}],
    }


def _with_picture(row: dict[str, Any]) -> dict[str, Any]:
    turns = {
        name: [{"role": "assistant", "content": [{"type": "text", "text": _answer(row, name)}]}]
        for name in ("chosen", "rejected")
    }
    asked = [{"type": "text", "text": _question(row)}, {"type": "image", "text": None}]
    return {"id": row["id"], "prompt": [{"role": "user", "content": asked}], **turns, "images": row["images"]}


def _question(row: dict[str, Any]) -> str:
    return unmarked(row["prompt"][0]["content"])


def _answer(row: dict[str, Any], name: str) -> str:
    text = row[name][0]["content"]
    return unmarked(text) if _is_text(row) else neutral(text)


def unmarked(text: str) -> str:
    """A prompt or a JSON answer without `<`, `>` and role names with a colon; brackets stay, which are its form."""
    return _ROLE.sub(r"\1 -", text.translate(_ANGLES))
