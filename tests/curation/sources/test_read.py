"""Sources: every row becomes a source or a rejection, ids are stable, and hostile text stays data."""

import csv
import json
import os
import tracemalloc
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.sources.folders import natural_key
from curation.sources.interpret import interpret
from curation.sources.read import read_sources
from curation.sources.seen import Seen
from schemas.configuration.config import SourceSpec
from schemas.errors import ConfigError, StageError
from schemas.records import Rejection, Source

ID = "aB3_-678901"


def read(at, base, **spec):
    items = list(read_sources(SourceSpec(at=str(at), **spec), base=base))
    return [i for i in items if isinstance(i, Source)], [i for i in items if isinstance(i, Rejection)]


def write_csv(path, rows, delimiter=","):
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    return path


def test_a_thousand_rows_with_fifty_bad_ones(tmp_path):
    bad = ["", "file:///etc/passwd", "missing.mp4", "https://user:secret@h.example/v", "http://bad host/"]
    rows = [f"https://h.example/{k}.mp4" if k % 20 else bad[k // 20 % 5] for k in range(1000)]
    lines = [json.dumps({"link": row}) if k != 40 else '{"link": "https://h' for k, row in enumerate(rows)]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    sources, rejections = read("list.jsonl", tmp_path)
    assert (len(sources), len(rejections)) == (950, 50)
    assert len({r.id for r in rejections} | {s.id for s in sources}) == 1000
    assert Counter(r.error_class for r in rejections) == {"permanent": 20, "refused": 30}
    assert {r.reason for r in rejections} == {
        *("no_address", "scheme_not_allowed", "file_not_found", "credentials_in_address", "bad_address"),
        "unreadable_row",
    }
    assert all(r.stage == "source" and r.evidence.startswith("list.jsonl row ") for r in rejections)
    assert "secret" not in "".join(r.evidence for r in rejections)
    again = read("list.jsonl", tmp_path)
    assert again == (sources, rejections)


ROWS = [("https://h.example/a.mp4", "one", "First"), (ID, "../two", "Second"), ("https://h.example/b", "3", "Third")]


def as_csv(folder):
    return write_csv(folder / "l.csv", [("Video_URL", "ID", "Title"), *ROWS])


def as_tsv(folder):
    return write_csv(folder / "l.tsv", [("Video_URL", "ID", "Title"), *ROWS], "\t")


def as_jsonl(folder):
    (folder / "l.jsonl").write_text(
        "\n\n".join(json.dumps(dict(zip(("url", "id", "title"), r, strict=True))) for r in ROWS)
    )
    return folder / "l.jsonl"


def as_parquet(folder):
    columns = zip(*ROWS, strict=True)
    table = pa.table({"url": next(columns), "id": next(columns), "title": next(columns), "pixels": [b"x"] * 3})
    pq.write_table(table, folder / "l.parquet")
    return folder / "l.parquet"


@pytest.mark.parametrize("make", [as_csv, as_tsv, as_jsonl, as_parquet])
def test_every_list_format_gives_the_same_sources(tmp_path, make):
    sources, rejections = read(make(tmp_path), tmp_path)
    assert rejections == []
    assert [s.uri for s in sources] == [ROWS[0][0], f"https://www.youtube.com/watch?v={ID}", ROWS[2][0]]
    assert [s.id for s in sources] == ["one", ID, "3"]  # an unsafe id is not used, but kept as data
    assert [s.kind for s in sources] == ["url", "youtube", "url"]
    assert sources[1].metadata == {"id": "../two"}
    assert [s.title for s in sources] == ["First", "Second", "Third"]


def test_a_text_list_a_local_data_set_and_named_columns(tmp_path):
    (tmp_path / "l.txt").write_text(f"# comment\n\nhttps://h.example/a\n{ID}\n  youtu.be/{ID[::-1]}  \n")
    sources, _ = read("l.txt", tmp_path)
    assert [(s.id, s.origin.row) for s in sources[1:]] == [(ID, 4), (ID[::-1], 5)]
    write_csv(tmp_path / "odd.csv", [("where", "key", "licence"), ("https://h.example/x", "k1", "CC0")])
    (odd,), _ = read("odd.csv", tmp_path, column="where", id_column="key")
    assert (odd.id, odd.metadata) == ("k1", {"licence": "CC0"})


def test_rows_of_a_data_set(tmp_path):
    (tmp_path / "set").mkdir()
    rows = [{"video_id": video, "pixels": [1, 2]} for video in (f"v_{ID}", "/etc/passwd", "")]
    (tmp_path / "set" / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    sources, rejections = read("hf://datasets/./set", tmp_path)
    assert [s.uri for s in sources] == [f"https://www.youtube.com/watch?v={ID}"]
    assert [r.reason for r in rejections] == ["local_path_in_remote_list", "no_address"]
    for at, split in (("hf://datasets/./none", "train"), ("hf://datasets/./set", "nosplit"), ("hf://datasets/@", "x")):
        with pytest.raises(ConfigError):
            read(at, tmp_path, split=split)


def test_a_folder_is_read_in_natural_order(tmp_path):
    names = ["b/clip10.mp4", "b/clip2.MKV", "a.webm", "b/.hidden.mp4", "notes.txt", ".git/x.mp4", "B1.mov"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"x")
    sources, _ = read("in", tmp_path)
    found = [os.path.relpath(s.uri, tmp_path / "in") for s in sources]
    assert found == ["a.webm", "b/clip2.MKV", "b/clip10.mp4", "B1.mov"]
    assert all(s.kind == "file" and s.title for s in sources)
    flat, _ = read("in", tmp_path, recursive=False)
    assert len(flat) == 2


@settings(max_examples=50)
@given(st.lists(st.text(max_size=8), max_size=6))
def test_natural_order_is_total(names):
    keys = sorted(set(names), key=natural_key)
    backwards = keys[::-1]
    assert sorted(backwards, key=natural_key) == keys


def test_paths_in_a_list_start_at_the_list(tmp_path):
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "v.mp4").write_bytes(b"x")
    os.mkfifo(tmp_path / "lists" / "pipe.mp4")
    write_csv(tmp_path / "lists" / "l.csv", [("file",), ("v.mp4",), ("no.mp4",), ("pipe.mp4",), ("../lists/v.mp4",)])
    (only,), rejections = read("lists/l.csv", tmp_path)
    assert only.uri == str(tmp_path / "lists" / "v.mp4")
    assert [r.reason for r in rejections] == ["file_not_found", "not_a_regular_file", "repeated_source"]
    assert rejections[2].evidence.endswith("the same address as lists/l.csv row 1")
    assert str(tmp_path) not in "".join(r.evidence + r.id for r in rejections)


def test_repetitions_and_clashing_ids_are_rejected_and_name_the_first_row(tmp_path):
    rows = [("a", "https://h.example/1"), ("a", "https://h.example/2"), ("b", "HTTPS://H.example:443/1#t=3")]
    write_csv(tmp_path / "l.csv", [("id", "url"), *rows])
    (first,), rejections = read("l.csv", tmp_path)
    assert first.id == "a"
    assert [(r.reason, r.error_class) for r in rejections] == [
        ("duplicate_id", "permanent"),
        ("repeated_source", "permanent"),
    ]
    assert all("l.csv row 1" in r.evidence for r in rejections)
    seen = Seen()
    spec = SourceSpec(at="l.csv")
    assert len([s for s in read_sources(spec, base=tmp_path, seen=seen) if isinstance(s, Source)]) == 1
    assert not [s for s in read_sources(spec, base=tmp_path, seen=seen) if isinstance(s, Source)]
    seen.close()


hostile = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ["../../etc/passwd", "<script>", "x" * 10_000, "\x00\x01", "=cmd()", '"', "a\nb", "ftp://x/", "\u202e"]
)


@settings(max_examples=50)
@given(st.lists(st.tuples(hostile, hostile, hostile), min_size=1, max_size=8))
def test_whatever_a_list_holds_each_row_is_accounted_for(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "l.jsonl").write_text("\n".join(json.dumps({"url": a, "id": b, "title": c}) for a, b, c in rows))
    sources, rejections = read("l.jsonl", folder)
    assert len(sources) + len(rejections) == len(rows)
    for item in (*sources, *rejections):
        assert type(item).model_validate_json(item.canonical()) == item
    assert {s.origin.row for s in sources}.isdisjoint({int(r.evidence.split(":")[0].split()[-1]) for r in rejections})
    for item in sources:
        title = rows[item.origin.row - 1][2].strip()
        assert item.title == (title or None)


def test_a_table_with_broken_rows(tmp_path):
    text = 'url,title\nhttps://h.example/1,a\nhttps://h.example/2,"open\n' + "x" * 200_000 + "\nhttps://h.example/3,b\n"
    (tmp_path / "l.csv").write_text(text + "https://h.example/4,a,b,c\n")
    sources, rejections = read("l.csv", tmp_path)
    assert [s.uri[-1] for s in sources] == ["1", "3"]
    assert [r.reason for r in rejections] == ["unreadable_row", "unreadable_row", "malformed_row"]
    assert [r.evidence.partition(":")[0] for r in rejections] == [
        "l.csv row 2, line 3",
        "l.csv row 3, line 4",
        "l.csv row 5, line 6",
    ]


def test_bytes_that_are_not_utf8(tmp_path):
    (tmp_path / "l.jsonl").write_bytes(
        b'{"url": "https://h.example/\xff"}\n{"url": "https://h.example/1", "title": "\xff"}'
    )
    (source,), (rejection,) = read("l.jsonl", tmp_path)
    assert source.title == "\ufffd"
    assert rejection.reason == "unreadable_row"
    (tmp_path / "huge.jsonl").write_text('{"url": "' + "x" * 3_000_000 + '"}\n{"url": "https://h.example/1"}')
    (_,), (rejection,) = read("huge.jsonl", tmp_path)
    assert (rejection.reason, rejection.evidence.startswith("huge.jsonl row 1:")) == ("unreadable_row", True)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", "name,notes\na,b\n", ["l.csv", "'name'", "'notes'", "column"]),
        ("l.csv", "https://h.example/1\nhttps://h.example/2\n", ["l.csv", "header"]),
        ("l.jsonl", '{"a": 1}', ["l.jsonl", "'a'"]),
        ("l.jsonl", "[", ["l.jsonl", "row 1"]),
        ("l.parquet", "not parquet", ["l.parquet"]),
        ("l.txt", "# nothing\n", ["l.txt", "no video"]),
    ],
)
def test_files_that_are_not_lists(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError) as caught:
        read(name, tmp_path)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("at", ["none.csv", "gone.mp4", "file:///etc/passwd", "ftp://h.example/x", "hf://models/x", ""])
def test_sources_that_do_not_exist(tmp_path, at):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError) as caught:
        read(at or "empty", tmp_path)
    assert (at or "empty") in str(caught.value)


def test_a_missing_column(tmp_path):
    write_csv(tmp_path / "l.csv", [("url", "t"), ("https://h.example/1", "x")])
    with pytest.raises(ConfigError, match=r"l\.csv: sources\.id_column is 'key'.*'url', 't'"):
        read("l.csv", tmp_path, id_column="key")


def test_single_addresses(tmp_path):
    (tmp_path / ID).write_bytes(b"a file that has the name of an id")
    for at, kind in (
        ("https://h.example/x", "url"),
        (ID[::-1], "youtube"),
        (ID, "file"),
        (f"youtu.be/{ID}", "youtube"),
    ):
        (source,), _ = read(at, tmp_path)
        assert (source.kind, source.origin.row) == (kind, 0)


@settings(max_examples=50)
@given(st.text(max_size=30))
def test_any_text_becomes_a_place_or_an_error_with_a_reason(tmp_path_factory, text):
    try:
        place = interpret(text, None)
    except StageError as error:
        assert error.reason
    else:
        assert place.uri.startswith(("http://", "https://"))


@pytest.mark.slow
def test_memory_does_not_grow_with_the_list(tmp_path):
    def peak(rows):
        path = tmp_path / f"{rows}.txt"
        path.write_text("\n".join(f"https://h.example/{k}" for k in range(rows)))
        tracemalloc.start()
        count = sum(1 for _ in read_sources(SourceSpec(at=path.name), base=tmp_path))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == rows
        return size

    peak(100)  # imports
    small = peak(300)
    assert peak(3000) < small + 500_000  # 3000 records would be megabytes


def test_a_rejected_row_keeps_its_title_and_its_address_without_secrets(tmp_path):
    good = tmp_path / "good.mp4"
    good.write_bytes(b"x")
    rows = [
        ("url", "title"),
        ("/nope/x.mp4", "Gone"),
        ("https://me:pw@h.example/v.mp4?token=s3cret&id=7", "Secret"),
        ("h.example/v.mp4?token=s3cret", ""),
        ("", "Nothing"),
        (str(good), "First"),
        (str(good), "Second"),
    ]
    _, rejections = read(write_csv(tmp_path / "list.csv", rows), tmp_path)
    assert [(r.reason, r.title, r.address) for r in rejections] == [
        ("file_not_found", "Gone", "/nope/x.mp4"),
        ("credentials_in_address", "Secret", "https://h.example/v.mp4?id=7"),
        ("file_not_found", None, "h.example/v.mp4"),
        ("no_address", "Nothing", None),
        ("repeated_source", "Second", "good.mp4"),
    ]
    assert "no file '/nope/x.mp4'" in rejections[0].evidence
    assert "s3cret" not in "".join(r.canonical() for r in rejections)
