"""Small releases written straight from rows, by the release's own writer, for comparisons."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from curation.dataset.rows import row_of
from curation.release.configurations.configuration import Configuration
from curation.release.configurations.full import FULL
from curation.release.configurations.lineage import LINEAGE
from curation.release.configurations.rejections import REJECTIONS
from curation.release.writer import ConfigurationWriter
from curation.store.files import hash_file
from schemas.arrow import SCHEMA_VERSION
from schemas.manifest import SPLITS, SplitName
from schemas.release import StageState
from tests.curation.samples import make_sample, picture

Row = dict[str, Any]


@functools.cache
def _base(images: bool) -> Row:
    sample = make_sample("v000", licence="CC BY")
    pictures = {index: picture(index) for index in sample.extract.keyframes}
    return row_of(sample, "train", pictures if images else None)


def row(video_id: str, split: SplitName = "train", *, images: bool = False, **columns: Any) -> Row:
    """A row of `full`; `columns` replace values, those of a structure key by key."""
    made = copy.deepcopy(_base(images)) | {"id": video_id, "split": split}
    for name, value in columns.items():
        made[name] = {**made[name], **value} if isinstance(value, dict) else value
    return made


def write_release(
    folder: Path,
    rows: Iterable[Row],
    version: str = "0.1.0",
    *,
    states: Sequence[StageState] = (),
    rejections: Sequence[Row] = (),
    lineage: Sequence[Row] = (),
    full: Configuration = FULL,
    **stated: Any,
) -> Path:
    """Write a release of these rows, split by split in the order of ids, and return its folder."""
    folder.mkdir(parents=True)
    counts: dict[str, int] = {}
    for configuration, lines in ((full, list(rows)), (REJECTIONS, rejections), (LINEAGE, lineage)):
        names = configuration.features()
        with ConfigurationWriter(folder, configuration) as writer:
            for line in sorted(lines, key=lambda line: line["id"]):
                writer.add({name: line.get(name) for name in names})
        counts |= {path.relative_to(folder).as_posix(): count for path, count in writer.files}
    write_manifest(folder, counts, version, states, **stated)
    return folder


def write_manifest(
    folder: Path, counts: Mapping[str, int], version: str = "0.1.0", states: Sequence[StageState] = (), **stated: Any
) -> None:
    """Write the part of a manifest that a comparison reads, of the files as they are now."""
    files = []
    for name in sorted(counts):
        sha256, size = hash_file(folder / name)
        files.append({"path": name, "sha256": sha256, "bytes": size, "rows": counts[name]})
    samples = sum(count for name, count in counts.items() if name.startswith("full/"))
    said = {"version": version, "schema_version": SCHEMA_VERSION, "samples": samples, "files": files, **stated}
    manifest = said | {"stages": [state.model_dump() for state in states]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def out(video_id: str, stage: str, reason: str, kind: str = "permanent", evidence: str = "") -> Row:
    """A row of `rejections`."""
    named = {"id": video_id, "stage": stage, "reason": reason, "error_class": kind, "evidence": evidence}
    return named | {"split": "rejected"}


def line(video_id: str, split: str = "out", due: str | None = None, **digests: str) -> Row:
    """A row of `lineage`."""
    return {"id": video_id, "split": split, "due": due, **digests}


def split_of_number(number: int) -> SplitName:
    """A split for a number."""
    return SPLITS[number % 3]
