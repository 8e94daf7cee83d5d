"""Kept contact sheets: what is read has the bytes of what would be drawn, whatever lies in the folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import PIL
import pytest
from PIL import features

from curation.release import contact_sheet, kept_sheets
from curation.release.kept_sheets import KeptSheets
from tests.curation.samples import picture

TIMES, ASPECT = [0.0, 2.0, 4.5], 16 / 9
HASHES = [hashlib.sha256(picture(place)).hexdigest() for place in range(len(TIMES))]
DRAWN = contact_sheet.contact_sheet(TIMES, picture, ASPECT)


@pytest.fixture(autouse=True)
def _of_this_test() -> None:
    kept_sheets._drawn_by.cache_clear()


def never(place: int) -> bytes:
    raise AssertionError(f"the picture {place} is read although the sheet is kept")


def kept(folder: Path, read: Callable[[int], bytes] = picture, name: str = "v1") -> bytes:
    return KeptSheets(folder).sheet(name, TIMES, HASHES, read, ASPECT)


def test_a_sheet_is_drawn_once_and_has_the_same_bytes_afterwards(tmp_path: Path) -> None:
    assert kept(tmp_path / "sheets") == kept(tmp_path / "sheets", never) == DRAWN


def test_a_damaged_file_is_drawn_again_at_every_place(tmp_path: Path) -> None:
    kept(tmp_path)
    (path,) = tmp_path.glob("*/*")
    whole = path.read_bytes()
    for place in (0, 40, 64, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert kept(tmp_path) == DRAWN
        assert path.read_bytes() == whole
    for broken in (b"", whole[:30], whole[:64], whole[:-1], whole + b"x"):
        path.write_bytes(broken)
        assert kept(tmp_path) == DRAWN


def test_whatever_makes_a_sheet_makes_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path)
    sheets = KeptSheets(tmp_path)
    other = contact_sheet.contact_sheet([0.0, 2.0, 5.0], picture, ASPECT)
    assert sheets.sheet("v1", [0.0, 2.0, 5.0], HASHES, picture, ASPECT) == other != DRAWN
    assert kept(tmp_path) == DRAWN, "the other one has taken its place"
    shown = contact_sheet.contact_sheet(TIMES, lambda place: picture(place + 1), ASPECT)
    others = [hashlib.sha256(picture(place + 1)).hexdigest() for place in range(3)]
    assert sheets.sheet("v1", TIMES, others, lambda place: picture(place + 1), ASPECT) == shown != DRAWN
    assert sheets.sheet("v1", TIMES, HASHES, picture, 1.0) == contact_sheet.contact_sheet(TIMES, picture, 1.0) != DRAWN
    assert len([*tmp_path.glob("*/*")]) == 1, "a video has one file"
    for change in (
        lambda: monkeypatch.setattr(PIL, "__version__", "0.1"),
        lambda: monkeypatch.setattr(features, "version", lambda _: "0.1"),
        lambda: monkeypatch.setattr(kept_sheets.inspect, "getsource", lambda _: "other code"),  # type: ignore[attr-defined]
    ):
        kept(tmp_path)
        change()
        kept_sheets._drawn_by.cache_clear()
        with pytest.raises(AssertionError, match="is read although"):
            kept(tmp_path, never)


def test_sheets_of_other_videos_and_remains_are_removed(tmp_path: Path) -> None:
    for name in ("v1", "v2", "../../v3", "\ud800"):
        kept(tmp_path / "sheets", name=name)
    (first, *_) = sorted((tmp_path / "sheets").glob("*/*"))
    first.with_name(".half.1.2").write_bytes(b"of a killed process")
    KeptSheets(tmp_path / "sheets").keep_only(["v2", "../../v3"])
    assert len([path for path in (tmp_path / "sheets").rglob("*") if path.is_file()]) == 2
    assert kept(tmp_path / "sheets", never, "v2") == kept(tmp_path / "sheets", never, "../../v3") == DRAWN
    assert [path.name for path in tmp_path.iterdir()] == ["sheets"], "nothing lies elsewhere"
    KeptSheets(tmp_path / "none").keep_only([])


def test_where_nothing_can_be_written_the_sheet_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "sheets").write_bytes(b"a file")
    assert kept(tmp_path / "sheets") == kept(tmp_path / "sheets") == DRAWN
