"""Folders of releases, written from samples without a ledger, and pages of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.dataset.rows import row_of
from curation.release.browse.make import make_site
from curation.release.configurations.configuration import Published
from curation.release.configurations.default import DEFAULT
from curation.release.configurations.full import FULL
from curation.release.contact_sheet import contact_sheet
from curation.release.writer import ConfigurationWriter
from curation.store.files import hash_file
from schemas.manifest import SplitName
from schemas.records import Sample
from tests.curation.samples import picture

Row = dict[str, Any]
SPLITS: tuple[SplitName, ...] = ("train", "train", "validation", "test")


def _keep(row: Row) -> Row:
    return row


def release_folder(
    folder: Path, samples: Sequence[Sample], change: Callable[[Row], Row] = _keep, **manifest: Any
) -> Path:
    """A release of the samples with the configurations `default` and `full`; `change` changes rows of `full`.

    Samples lie in train, train, validation, test, train and so on. `manifest` replaces fields of the manifest.
    """
    folder.mkdir(parents=True)
    with ConfigurationWriter(folder, DEFAULT) as default, ConfigurationWriter(folder, FULL) as full:
        for place, sample in enumerate(samples):
            keyframes = sample.extract.keyframes
            sheet = contact_sheet(sample.extract.times, lambda at, of=keyframes: picture(of[at]), 16 / 9)
            row = change(row_of(sample, SPLITS[place % len(SPLITS)], None))
            for writer in (default, full):
                assert writer.configuration.of_sample is not None
                for line in writer.configuration.of_sample(Published(sample, row, sheet)):
                    writer.add(line)
    write_manifest(folder, len(samples), **manifest)
    return folder


def write_manifest(folder: Path, samples: int, **other: Any) -> None:
    """The parts of a manifest that a page needs, of the Parquet files that are there."""
    paths = sorted(folder.glob("*/*.parquet"))
    files = [
        {
            "path": path.relative_to(folder).as_posix(),
            "sha256": hash_file(path)[0],
            "bytes": path.stat().st_size,
            "rows": pq.read_metadata(path).num_rows,
        }
        for path in paths
    ]
    known = {"version": "1.2.3", "made_from": "0" * 64, "name": "films", "title": "Films", "licence": "cc-by-4.0"}
    document = {**known, "images": True, "samples": samples, "files": files, **other}
    (folder / "manifest.json").write_text(json.dumps(document))


def write_rows(folder: Path, name: str, rows: Iterable[Mapping[str, Any]], schema: pa.Schema | None = None) -> None:
    """One file of a configuration with rows of any form, in the split train."""
    path = folder / name / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path)


def values(site: Path, name: str) -> list[Any]:
    """The values in all files of a name, read as JSON: the text between the brackets of the call."""
    found: list[Any] = []
    for path in sorted(site.glob(f"data/{name}/*/*.js")):
        text = path.read_text(encoding="utf-8")
        number = int(path.stem)
        head = f'v2xum.take("{name}",{number},'
        assert text.startswith(head) and text.endswith(");\n")
        found += json.loads(text[len(head) : -3])
    return found


def site_values(site: Path) -> dict[str, Any]:
    """The values of data/site.js."""
    text = (site / "data" / "site.js").read_text(encoding="utf-8")
    head = 'v2xum.take("site",0,'
    assert text.startswith(head)
    document: dict[str, Any] = json.loads(text[len(head) : -3])
    return document


def listed(site: Path) -> list[dict[str, Any]]:
    """What the list has of every row."""
    chunks = values(site, "rows")
    return [{name: column[at] for name, column in chunk.items()} for chunk in chunks for at in range(len(chunk["id"]))]


def make_in_a_process(release: Path, out: Path, ready: Connection) -> None:
    """Make a page in a process that may be killed; `ready` is told when it begins."""
    ready.send("now")
    make_site(release, out)
