"""The comparison of exports after kills finds what is lost, doubled and different. tests/flows/test_kill.py kills."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from benchmarks.kills import Findings, files_of, rows_of, written

RIGHT = {
    "json/train.json": json.dumps([{"id": "a"}, {"id": "b"}]).encode(),
    "json/test.json": json.dumps([{"id": "c"}]).encode(),
    "data/train.parquet": b"PAR1",
}


def compared(changed: dict[str, bytes]) -> Findings:
    findings = Findings()
    findings.compare("workspace-001", {**RIGHT, **changed}, RIGHT)
    return findings


def test_the_same_bytes_are_no_finding() -> None:
    assert compared({}).document() | {"runs_that_ended": 0} == Findings().document()
    assert compared({}).ended == 1


def test_a_lost_row_and_a_doubled_one_are_named() -> None:
    findings = compared({"json/train.json": json.dumps([{"id": "a"}, {"id": "a"}]).encode()})
    assert findings.lost == ["workspace-001: b is lost"]
    assert findings.doubled == ["workspace-001: a stands 2 times"]
    assert findings.different == ["workspace-001: json/train.json"]
    assert findings.document()["details"][0].endswith("b is lost")


def test_other_bytes_and_files_that_are_missing_or_too_many_are_named() -> None:
    assert compared({"data/train.parquet": b"PAR2"}).different == ["workspace-001: data/train.parquet"]
    assert compared({"data/more.parquet": b""}).different == ["workspace-001: data/more.parquet"]
    findings = Findings()
    findings.compare("w", {}, RIGHT)
    assert len(findings.lost) == 3 and "data/train.parquet" in findings.different[0]


def test_exports_and_ledgers_that_are_not_there_are_empty(tmp_path: Path) -> None:
    assert files_of(tmp_path / "export") == {} and rows_of({}) == {} and written(tmp_path) == 0


def test_rows_of_a_ledger_are_counted(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "ledger.sqlite")
    connection.executescript("CREATE TABLE results (x); CREATE TABLE replies (x); INSERT INTO results VALUES (1), (2);")
    connection.commit()
    connection.close()
    assert written(tmp_path) == 2
