"""Long records are kept compressed in SQLite; older and damaged ones are read as what they are."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from curation.ledger import tables
from curation.ledger.databases import FILE
from curation.ledger.entries import record_entry
from curation.ledger.ledger import Ledger
from curation.ledger.tables import packed, unpacked
from schemas.errors import LedgerDamaged
from schemas.records import FilterScore, Judgement

_HASH = "0" * 64
LONG = Judgement(scores=tuple(FilterScore(name=f"score {n}", value=0.5, passed=True, enforced=True) for n in range(40)))


@given(st.text(min_size=512))
@example("\ud800" * 600)
def test_packed_text_is_the_same_text(text: str) -> None:
    kept = packed(text)
    assert isinstance(kept, bytes) and unpacked(kept) == text


@given(st.text(max_size=511))
def test_short_text_is_kept_as_it_is(text: str) -> None:
    assert packed(text) == text


@given(st.integers(0), st.integers(1, 255), st.integers(0, 40))
def test_damaged_bytes_are_never_other_text(place: int, change: int, cut: int) -> None:
    text = LONG.canonical()
    kept = packed(text)
    assert isinstance(kept, bytes)
    place %= len(kept)
    altered = kept[:place] + bytes([kept[place] ^ change]) + kept[place + 1 :]
    assert unpacked(altered) in ("", text)  # a bit of zlib's header tells the level alone
    assert not cut or unpacked(kept[:-cut]) == ""


def test_what_would_fill_the_memory_is_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_MOST_UNPACKED", 1 << 20)
    bomb = b"\0z" + zlib.compress(b"a" * (1 << 20) + b"a")
    assert len(bomb) < 1 << 11 and unpacked(bomb) == ""


def test_a_ledger_keeps_long_records_small_and_reads_plain_ones(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with closing(Ledger(f"sqlite:///{file}")) as ledger:
        for name in ("a", "b", "c"):
            ledger.write(record_entry(name, "filter", _HASH, LONG, 0.0), ())
        plain = LONG.canonical()
        with closing(sqlite3.connect(file)) as connection:
            sizes = connection.execute("SELECT typeof(payload), length(payload) FROM results").fetchall()
            assert {kind for kind, _ in sizes} == {"blob"} and max(size for _, size in sizes) < len(plain) / 2
            connection.execute("UPDATE results SET payload = ? WHERE video_id = 'b'", (plain,))
            connection.execute("UPDATE results SET payload = x'007a00' WHERE video_id = 'c'")
            connection.commit()
        found = {name: text for name, _, text in ledger.payloads(["a", "b"], ["filter"])}
        assert found == {"a": plain, "b": plain}
        with pytest.raises(LedgerDamaged, match="the result of filter for video c"):
            list(ledger.payloads(["c"], ["filter"]))
