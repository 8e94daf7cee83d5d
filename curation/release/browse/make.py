"""Makes the browse page of a release: a folder of static files that needs no server and loads nothing from elsewhere.

    index.html, assets/           the page, its style and its scripts (data/report/browse)
    data/site.js                  the release, all values to filter by, and which rows are in which file
    data/rows/FFF/NNNNN.js        what the list shows of every row, column by column
    data/texts/...                the texts that a search looks through, folded
    data/details/... captions/... all else of a sample, loaded when it is opened
    pictures/FFF/NNNNN.jpg        its contact sheet
    browse.json                   says that the folder is a page of `v2xum browse`

Rows are numbered in the order of the release. Equal releases give equal bytes. Memory holds some numbers a row, and a
batch of rows.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from curation.release.browse import samples
from curation.release.browse.overview import COLUMNS, SCORES, VALUED, Overview, part, parts
from curation.release.browse.page import write_page
from curation.release.browse.place import MARKER, new_site
from curation.release.browse.release_rows import Listed, ReleaseRows
from curation.release.browse.script_files import ScriptFiles, json_text, numbered
from curation.release.browse.texts import number, shown
from curation.store.folder_swap import names
from schemas.errors import ConfigError, StorageFull, is_storage_full
from schemas.kit.picture_errors import PICTURE_ERRORS

FORM = 1  # of browse.json
LIST_ROWS = 2000  # rows of a file of data/rows
_TEXT_BYTES = 2**20
_SHEET = ("id", "address", "contact_sheet")


class Site(NamedTuple):
    """A page that was made: its rows, files and bytes, the contact sheets in it, and the rows that have none."""

    folder: Path
    rows: int
    files: int
    bytes: int
    pictures: int
    without_picture: int


def make_site(release: Path, out: Path, *, pictures: bool = True) -> Site:
    """Write the page of the release in the folder `release` to `out`; without `pictures` it has no contact sheets.

    `out` is replaced in one step, if it is an earlier page. Raises ConfigError when it is something else, and for a
    release that is damaged or none; WorkspaceBusy, StorageFull and OSError.
    """
    rows = ReleaseRows(release)
    overview = Overview(rows.rows("full", COLUMNS))
    try:
        with new_site(out, release) as new:
            counted = _write(rows, overview, new, pictures and rows.manifest.images)
            there = [new / name for name in names(new)]
            site = Site(out, overview.rows, len(there), sum(path.stat().st_size for path in there), *counted)
    except OSError as error:
        if is_storage_full(error):
            raise StorageFull(f"no space left while writing the page {out}") from error
        raise
    return site


def _write(rows: ReleaseRows, overview: Overview, new: Path, pictures: bool) -> tuple[int, int]:
    """Write all files; returns how many rows have a contact sheet, and how many lack one."""
    listed, texts = ScriptFiles(new, "rows", most=1), ScriptFiles(new, "texts", _TEXT_BYTES)
    details, captions = ScriptFiles(new, "details"), ScriptFiles(new, "captions")
    lines: list[dict[str, Any]] = []
    troubled, drawn = Counter[str](), 0
    for count, (row, address, sheet) in enumerate(_paired(rows, pictures)):
        shape = _picture(new, count, sheet) if pictures else 0.0
        drawn += shape > 0
        line = _line(row, overview, count, shape)
        troubled.update(name for place, (name, _, _) in enumerate(samples.PROBLEMS) if line["problems"] >> place & 1)
        lines.append(line)
        if len(lines) == LIST_ROWS:
            listed.add(_by_column(lines))
            lines = []
        texts.add(samples.texts(row))
        details.add(samples.details(row, address))
        captions.add(samples.captions(row))
    if lines:
        listed.add(_by_column(lines))
    for files in (listed, texts, details, captions):
        files.close()
    starts = {"texts": texts.starts, "details": details.starts, "captions": captions.starts}
    site = _site(rows.manifest, overview, troubled, pictures)
    site |= {"starts": {"rows": list(range(0, overview.rows, LIST_ROWS)), **starts}, "textBytes": texts.bytes}
    content = f'v2xum.take("site",0,{json_text(site)});\n'
    (new / "data").mkdir(exist_ok=True)
    (new / "data" / "site.js").write_text(content, encoding="utf-8", newline="\n")
    write_page(new, rows.manifest, overview.rows)
    marker = {"made_by": "v2xum browse", "form": FORM, "version": rows.manifest.version}
    marker |= {"made_from": rows.manifest.made_from, "rows": overview.rows, "pictures": pictures}
    (new / MARKER).write_text(json_text(marker) + "\n", encoding="utf-8", newline="\n")
    return drawn, overview.rows - drawn if pictures else 0


def _paired(rows: ReleaseRows, pictures: bool) -> Iterator[tuple[Mapping[str, Any], str | None, bytes | None]]:
    """Each row of `full` with its address and its contact sheet, which `default` has at the same place."""
    first = rows.rows("default", _SHEET if pictures else _SHEET[:2])
    for row in rows.rows("full", samples.COLUMNS):
        other = next(first, {})
        if not isinstance(row.get("id"), str) or other.get("id") != row["id"]:
            raise ConfigError(
                f"{rows.folder}: the configurations default and full have other rows, or rows in another order; this "
                "is no release of `v2xum release`"
            )
        sheet = part(other, "contact_sheet").get("bytes")
        yield row, other.get("address"), sheet if isinstance(sheet, bytes) else None


def _picture(new: Path, count: int, sheet: bytes | None) -> float:
    """Write a contact sheet; returns its height / width, 0 where it is missing or no JPEG."""
    if sheet is None:
        return 0.0
    try:
        with Image.open(io.BytesIO(sheet), formats=("JPEG",)) as picture:
            width, height = picture.size
    except PICTURE_ERRORS:
        return 0.0
    path = new / f"{numbered('pictures', count)}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(sheet)
    return max(round(height / width, 4), 0.0001)


def _line(row: Mapping[str, Any], overview: Overview, count: int, shape: float) -> dict[str, Any]:
    """What the list shows of a row."""
    share = float(overview.standing.share[count])
    return {
        "id": shown(row["id"], 200) or "",
        "title": samples.title(row),
        "lead": shown(part(row, "summary").get("v2t"), samples.LEAD),
        "duration": number(part(row, "meta").get("duration")),
        "frames": number(part(row, "meta").get("sampled_frames")),
        "keyframes": len(parts(row, "keyframes")),
        "ratio": number(row.get("ratio")),
        "share": None if share != share else round(share, 6),
        "by": int(overview.standing.by[count]),
        "scores": [number(float(value)) for value in overview.scores[:, count]],
        "problems": samples.problems(row),
        "sheet": shape,
        **overview.codes(row),
    }


def _by_column(lines: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [line[name] for line in lines] for name in lines[0]}


def _site(manifest: Listed, overview: Overview, troubled: Counter[str], pictures: bool) -> dict[str, Any]:
    return {
        "version": shown(manifest.version, 100),
        "rows": overview.rows,
        "pictures": pictures,
        "values": {name: [list(pair) for pair in overview.values[name].items()] for name in VALUED},
        "problems": [[name, told, troubled[name]] for name, told, _ in samples.PROBLEMS],
        "scores": [[name, good] for name, good in SCORES.items()],
    }
