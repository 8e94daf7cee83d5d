"""Preference pairs in the forms of LLaMA-Factory's and TRL's DPO trainers, from the rows of `preferences`.

    dpo/text/SPLIT.jsonl                          keyframes and summaries: for models without eyes, too
    dpo/caption/SPLIT/SPLIT-NNNNN-of-NNNNN.parquet  captions, each with its picture behind the prompt

They hold the pairs that the published rows carry, and that a model could have answered (`applied`, no `departs`). Texts
cannot hold marks of trainers: captions are neutral, of other texts `<`, `>` and names of roles with a colon are.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from curation.release.formats.files import parquet, write_lines
from curation.release.formats.frames import IMAGE_MARK
from curation.release.formats.reading import read_lines, read_rows, side_by_side
from curation.release.formats.registration import Entry, Media, dataset_name, llamafactory_entry
from curation.release.written import Written
from schemas.kit.neutral import ROLES, neutral
from schemas.release import ReleaseManifest

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
    _write(written, folder, LLAMAFACTORY_PAIRS)
    return pair_entries(written.folder, written.manifest)


def trl_pairs(written: Written, folder: Path) -> None:
    """Write the pairs for TRL's DPOTrainer."""
    _write(written, folder, TRL_PAIRS)


def pair_entries(release: Path, manifest: ReleaseManifest) -> dict[str, Entry]:
    """The entries of LLaMA-Factory's `dataset_info.json` for the pairs, by the dataset's name."""
    entries: dict[str, Entry] = {}
    for each in _files(release, manifest):
        media: Media | None = None if each.texts else "images"
        entries[dataset_name(each.split, f"{FOLDER}_{each.kind}")] = llamafactory_entry(each.name, media, ranking=True)
    return entries


def check_pairs(release: Path, folder: Path, manifest: ReleaseManifest, form: Form) -> Iterator[str]:
    """The faults of the pairs' files in a format's folder in words, beside the rows of `preferences`.

    Raises NotRecords, OSError, pyarrow.ArrowException, KeyError, TypeError and ValueError for files that are none.
    """
    known = _files(release, manifest)
    places = [folder / each.name for each in known]
    for path in sorted((folder / FOLDER).rglob("*")):
        if path.is_file() and path not in places and path.parent not in places:
            yield f"{path.relative_to(folder).as_posix()}: the release has no pairs for it"
    for each, path in zip(known, places, strict=True):
        found = read_lines(path) if each.texts else read_rows(sorted(path.glob("*.parquet")))
        for row, record in side_by_side(each.rows(release), found):
            if (problem := _problem(form.record(row), record)) is not None:
                yield f"{each.name}: {row['id']}: {problem}"


def usable(release: Path, split: str) -> Iterator[dict[str, Any]]:
    """The rows of `preferences` that trainers take, in their order.

    Rows whose two answers are one text once they are unmarked are left out: nobody learns from them.
    """
    for row in read_rows(sorted((release / PREFERENCES).glob(f"{split}-*.parquet"))):
        if row["applied"] and row["departs"] is None and _answer(row, "chosen") != _answer(row, "rejected"):
            yield row


class _PairFile(NamedTuple):
    """A file of pairs, or a folder of Parquet: its split, and whether it holds texts or captions with pictures."""

    split: str
    texts: bool

    @property
    def kind(self) -> str:
        return "text" if self.texts else "caption"

    @property
    def name(self) -> str:
        """Its place in the format's folder."""
        return f"{FOLDER}/{self.kind}/{self.split}" + (".jsonl" if self.texts else "")

    def rows(self, release: Path) -> Iterator[dict[str, Any]]:
        """Its rows of `preferences`; captions whose picture the release leaves out are in no file."""
        return (row for row in usable(release, self.split) if (_is_text(row) if self.texts else row["images"]))


def _files(release: Path, manifest: ReleaseManifest) -> list[_PairFile]:
    """The files that a format has of the release's pairs; those without a row are left out."""
    known = next((each.splits for each in manifest.configurations if each.name == PREFERENCES), ())
    made = [_PairFile(each.split, texts) for each in known for texts in (True, False)]
    return [each for each in made if next(each.rows(release), None) is not None]


def _write(written: Written, folder: Path, form: Form) -> None:
    for each in _files(written.folder, written.manifest):
        records = map(form.record, each.rows(written.folder))
        if each.texts:
            write_lines(folder / each.name, records)
            continue
        with parquet(folder / each.name, each.split, form.features()) as files:
            for record in records:
                files.add(record)


def _problem(expected: dict[str, Any], record: dict[str, Any]) -> str | None:
    """Why a record is not the pair that is expected."""
    if record.keys() != expected.keys():
        return f"has the fields {', '.join(map(str, record))}"
    other = next((name for name, value in expected.items() if record[name] != value), None)
    return None if other is None else f"another `{other}` than by `{PREFERENCES}`"


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


class Form(NamedTuple):
    """How a trainer takes a pair: the record of a row of `preferences`, and the columns of those with a picture."""

    record: Callable[[dict[str, Any]], dict[str, Any]]
    features: Callable[[], Features]


LLAMAFACTORY_PAIRS = Form(_ranked, features)
TRL_PAIRS = Form(lambda row: _plain(row) if _is_text(row) else _with_picture(row), trl_features)


def _question(row: dict[str, Any]) -> str:
    return unmarked(row["prompt"][0]["content"])


def _answer(row: dict[str, Any], name: str) -> str:
    text = row[name][0]["content"]
    return unmarked(text) if _is_text(row) else neutral(text)


def unmarked(text: str) -> str:
    """A prompt or a JSON answer without `<`, `>` and role names with a colon; brackets stay, which are its form."""
    return _ROLE.sub(r"\1 -", text.translate(_ANGLES))
