"""What reads an export: datasets, pandas, DuckDB, pyarrow; Markdown for the card; people for the contact sheet."""

import html
import io
import json
import string

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image, ImageFont

from curation.dataset.check import validate
from curation.dataset.rows import row_of, split_of
from curation.dataset.shards import SplitWriter
from curation.dataset.write import export
from demo.contact_sheet import contact_sheet, wrap
from pages.markdown import escape_markdown
from schemas.arrow import features
from schemas.configuration.config import ExportConfig
from schemas.errors import PermanentError
from schemas.safe_text import plain_line
from schemas.time import clock
from tests.curation.samples import SCORES, hostile_samples, make_sample, picture, read_picture

UNICODE = "Ünïcödé 漢字 🎞️ العربية \u0000\u202e|`<b>"
CONFIG = ExportConfig(rows_per_shard=9)


@pytest.fixture(scope="module")
def samples():
    """Plain ones, one of unicode, one of None everywhere, one with a huge title."""
    made = [make_sample(f"v{number:03d}", scores=SCORES) for number in range(20)]
    made.append(make_sample("v100", title=UNICODE, captions=(UNICODE, "b"), licence="CC BY\n# x", language="de"))
    made.append(make_sample("v101", title=None))
    made.append(make_sample("v102", title="long <script>" * 1000, tags=("a", "b")))
    return made


@pytest.fixture(scope="module")
def out(samples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "out"
    export(samples, read_picture, CONFIG, folder, name="test")
    assert validate(folder) == []
    return folder


@pytest.fixture(scope="module")
def expected(samples):
    """Rows as they must come back, pictures as bytes."""
    rows = {}
    for sample in samples:
        images = {index: read_picture(sample, index) for index in sample.extract.keyframes}
        row = row_of(sample, split_of(sample.video.sha256, CONFIG.splits), images)
        rows[sample.video.id] = json.loads(json.dumps(row, default=bytes.hex))
    return rows


def plain(value):
    """A value of any reader in JSON's types: arrays as lists, pictures as hex, NaN of pandas as None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and value != value else value


@pytest.fixture
def offline(monkeypatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    return datasets


@pytest.mark.slow
@pytest.mark.parametrize("streaming", [False, True], ids=["table", "streaming"])
def test_load_dataset_restores_rows_and_pictures(out, expected, offline, tmp_path, streaming):
    loaded = offline.load_dataset(str(out), cache_dir=str(tmp_path), streaming=streaming)
    assert set(loaded) == {row["split"] for row in expected.values()}
    seen = {}
    for split, rows in loaded.items():
        assert rows.features == features()
        for row in rows:
            assert row["split"] == split
            for keyframe in row["keyframes"]:
                shown = keyframe["image"]
                assert isinstance(shown, Image.Image)
                with Image.open(io.BytesIO(picture(keyframe["index"]))) as original:
                    assert shown.tobytes() == original.tobytes()
            wanted = {**expected[row["id"]], "keyframes": None}
            assert {**plain({**row, "keyframes": None})} == wanted
            seen[row["id"]] = row
    assert set(seen) == set(expected)


@pytest.mark.slow
def test_load_dataset_gives_the_rows_of_the_last_export_of_a_folder(samples, offline, tmp_path):
    """`datasets` keeps what it loaded by the folder's name and the card's entries, and looks at no file again."""
    for title in ("before", "after"):
        renamed = [make_sample("v000", scores=SCORES, title=title), *samples[1:3]]
        export(renamed, read_picture, CONFIG, tmp_path / "out", name="test")
        for streaming in (False, True):
            loaded = offline.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "c"), streaming=streaming)
            assert title in {row["title"] for rows in loaded.values() for row in rows}


def test_pandas_reads_it(out, expected):
    import pandas

    for shard in sorted((out / "data").iterdir()):
        frame = pandas.read_parquet(shard)
        for row in frame.to_dict("records"):
            assert plain(row) == expected[row["id"]]


def test_duckdb_reads_it(out, expected):
    import duckdb

    with duckdb.connect(":memory:") as connection:
        files = str(out / "data" / "*.parquet")
        counted = connection.execute(
            "select split, count(*), sum(list_sum(vsum_onehot)) from read_parquet(?) group by split", [files]
        ).fetchall()
        names = [keyframe["image"]["bytes"] for keyframe in expected["v000"]["keyframes"]]
        pictures = connection.execute(
            "select unnest(list_transform(keyframes, lambda k: hex(k.image.bytes)))"
            " from read_parquet(?) where id = 'v000'",
            [files],
        ).fetchall()
        titles = dict(connection.execute("select id, title from read_parquet(?)", [files]).fetchall())
    by_split: dict[str, int] = {}
    for row in expected.values():
        by_split[row["split"]] = by_split.get(row["split"], 0) + 1
    assert {split: rows for split, rows, _ in counted} == by_split
    assert sum(ones for _, _, ones in counted) == sum(sum(row["vsum_onehot"]) for row in expected.values())
    assert [text.lower() for (text,) in pictures] == names
    assert titles == {name: row["title"] for name, row in expected.items()}


def test_pyarrow_reads_it_with_checksums(out, expected):
    seen = {}
    for shard in sorted((out / "data").iterdir()):
        for row in pq.read_table(shard, page_checksum_verification=True).to_pylist():
            seen[row["id"]] = plain(row)
    assert seen == expected


def test_upstreams_own_files_load_as_json(out, expected):
    for path in (out / "json").iterdir():
        for record in json.loads(path.read_text(encoding="utf-8")):
            row = expected[record["id"]]
            assert record["conversations"] == row["conversations"]
            assert list(record["meta"]["token"].values()) == row["summary"]["v2v"]


@pytest.mark.slow
@given(st.data())
@settings(max_examples=15, deadline=None)
def test_shards_of_nones_and_anything_load_together(tmp_path_factory, data):
    """A shard whose optional columns are all None lies beside one where they are not."""
    from datasets import Dataset

    folder = tmp_path_factory.mktemp("shards")
    rows = [row_of(data.draw(hostile_samples(f"v{number}")), "train", None) for number in range(3)]
    rows.insert(1, row_of(make_sample("v0b", title=None), "train", None))
    with SplitWriter(folder, rows_per_shard=1) as writer:
        for row in rows:
            writer.add(row)
    tables = [pq.read_table(path) for path, _ in writer.files() if path.suffix == ".parquet"]
    assert [table.to_pylist()[0] for table in tables] == [json.loads(json.dumps(row)) for row in rows]
    assert len({table.schema for table in tables}) == 1
    assert Dataset(tables[0]).features == features()


@given(st.text() | st.text(alphabet=string.punctuation + string.ascii_letters[:4] + " \n"))
@settings(deadline=None)
def test_escaped_text_renders_as_itself(text):
    inline = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    shown = inline.renderInline("x " + escape_markdown(text) + " x")
    assert "<" not in shown
    assert html.unescape(shown) == " ".join(f"x {plain_line(text)} x".split(" "))
    table = inline.render(f"| a | b |\n|---|---|\n| {escape_markdown(text) or '-'} | c |\n")
    assert table.count("<td>") == 2
    assert table.count("<tr>") == 2


def test_card_is_whole_and_inert(out, samples, tmp_path):
    text = (out / "README.md").read_text(encoding="utf-8")
    _, header, body = text.split("---\n", 2)
    fields = yaml.safe_load(header)
    assert "license" not in fields and "pretty_name" not in fields, "what nobody stated is not claimed"
    assert body.startswith("# Untitled dataset\n") and "**Not stated.**" in body
    assert "As the ratio of the means it is 0.25." in body
    assert "| grounding | 20 | 0.3125 | 0.3125 | 0.3125 |" in body and "| judge |" not in body
    assert fields["size_categories"] == ["n<1K"]
    assert {item["split"] for item in fields["configs"][0]["data_files"]} == {
        path.name.partition("-")[0] for path in (out / "data").iterdir()
    }
    assert "*unreviewed*: 23 rows" in body
    hostile = make_sample("v", title="</p><img src=x onerror=a()>\n# Top\n[x](javascript:b)", licence="| a\n| b")
    titled = ExportConfig(title="a: b\n---\n# <script>", licence="x\nconfigs: []")
    export([hostile], read_picture, titled, tmp_path / "out", name="test")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    _, header, body = text.split("---\n", 2)
    assert yaml.safe_load(header)["pretty_name"] == "a: b --- # <script>"
    assert yaml.safe_load(header)["license"] == "other" and "Not stated" not in body, "the Hub knows no such licence"
    assert yaml.safe_load(header)["license_name"] == "x-configs"
    assert len(yaml.safe_load(header)["configs"]) == 1
    rendered = MarkdownIt("commonmark").enable(["table"]).render(body)
    assert "<script" not in rendered
    assert "<img" not in rendered
    assert "<a " not in rendered
    assert rendered.count("<h1>") == 1


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 7, 25, 120])
def test_contact_sheet_for_any_count(count):
    sample = make_sample(frames=count * 2, keyframes=tuple(range(0, count * 2, 2)), title=UNICODE)
    data = contact_sheet(sample, read_picture)
    with Image.open(io.BytesIO(data)) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width == 1280
        assert sheet.height < 9000
        colours = {colour for _, colour in sheet.convert("RGB").getcolors(1 << 24)}
    assert len(colours) > 10
    assert count > 10 or data == contact_sheet(sample, read_picture)


def test_contact_sheet_notes_what_it_leaves_out():
    many = make_sample(frames=130, keyframes=tuple(range(130)), title="x" * 10_000)
    asked = []

    def read(sample, index):
        asked.append(index)
        return read_picture(sample, index)

    contact_sheet(many, read)
    assert asked == list(range(120))
    with pytest.raises(PermanentError, match="unreadable_picture"):
        contact_sheet(many, lambda *_: b"no picture")


@given(st.text(max_size=300), st.integers(40, 400), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_wrapped_text_fits(text, width, lines):
    font = ImageFont.load_default(14)
    wrapped = wrap(text, font, width, lines)
    assert len(wrapped) <= lines
    assert all(font.getlength(line) <= width or len(line) <= 1 for line in wrapped)
    if wrapped and not wrapped[-1].endswith("…"):
        assert "".join("".join(wrapped).split()) == "".join(plain_line(text).split())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.94, "0:59.9"), (59.96, "1:00"), (3723.5, "1:02:03.5"), (600, "10:00")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
