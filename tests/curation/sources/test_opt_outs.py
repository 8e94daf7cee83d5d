"""Lists of opt-outs: what a line may say, which videos it concerns, and that a wrong line is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.sources.opt_outs import OptOut, keys_of, opt_out, read_opt_outs
from schemas.errors import ConfigError
from schemas.records import Origin, Publication, Source

YOUTUBE = "dQw4w9WgXcQ"


def source(uri: str = "https://example.org/film.mp4", **fields: object) -> Source:
    kind = fields.pop("kind", "url")
    return Source.model_validate(
        {"id": "v1", "kind": kind, "uri": uri, "origin": Origin(list_name="l", row=1), **fields}
    )


def read(tmp_path: Path, *lines: object) -> dict[str, OptOut]:
    path = tmp_path / "optout.jsonl"
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return read_opt_outs(path).in_force


def concerned(tmp_path: Path, line: object, *videos: tuple[Source, Publication | None]) -> list[bool]:
    wanted = read(tmp_path, line).keys()
    return [not keys_of(*video).isdisjoint(wanted) for video in videos]


def test_a_line_concerns_a_video_by_id_address_or_channel(tmp_path: Path) -> None:
    said = Publication(channel="Blender  Films", channel_id="UCx", uploader="ann", webpage_url="https://e.org/w?v=1")
    video, other = (source(), said), (source("https://example.org/other.mp4", id="v2"), Publication(channel="Blend"))
    for line in (
        {"id": "v1"},
        {"address": "https://EXAMPLE.org:443/film.mp4#t=1"},
        {"address": "http://example.org/film.mp4", "date": "2026-11-30", "note": "by mail"},
        {"address": "https://e.org/w?v=1"},
        {"channel": "blender films"},
        {"channel": "UCx"},
        {"channel": "https://www.youtube.com/channel/UCx/"},
        {"channel": "https://www.youtube.com/channel/UCx/videos?view=0"},
        {"channel": "https://m.youtube.com/channel/UCx#about"},
        {"channel": "https://films.example/people/ann"},
        {"channel": "ann"},
    ):
        assert concerned(tmp_path, line, video, other) == [True, False], line
    assert concerned(tmp_path, {"channel": "Blender"}, video, other) == [False, False], "whole names only"
    assert concerned(tmp_path, {"id": "V1"}, video) == [False], "ids are told apart by their case"
    listed = source(kind="file", uri="/films/a.mp4", metadata={"channel_id": "UCx", "id": "an odd id!"})
    assert concerned(tmp_path, {"channel": "UCx"}, (listed, None)) == [True]
    assert concerned(tmp_path, {"id": "an odd id!"}, (listed, None)) == [True]


@pytest.mark.parametrize(
    "address", [f"https://youtu.be/{YOUTUBE}", f"https://m.youtube.com/watch?v={YOUTUBE}&t=3", YOUTUBE]
)
def test_a_youtube_video_is_meant_under_all_its_addresses(tmp_path: Path, address: str) -> None:
    line = {"id": address} if address == YOUTUBE else {"address": address}
    video = source(f"https://www.youtube.com/watch?v={YOUTUBE}", kind="youtube", id="row-7")
    embedding = source("https://blog.example/post"), Publication(webpage_url=f"https://www.youtube.com/embed/{YOUTUBE}")
    assert concerned(tmp_path, line, (video, None), embedding) == [True, True]


def test_a_published_hash_means_the_same_as_the_name(tmp_path: Path) -> None:
    for kind, name in (("id", "v1"), ("address", "https://example.org/film.mp4"), ("channel", "Ann")):
        plain = opt_out(kind, name)  # type: ignore[arg-type]
        line = {"kind": kind, "sha256": plain.sha256}
        assert concerned(tmp_path, line, (source(), Publication(channel="ann"))) == [True]
        assert name not in json.dumps(line)


def test_signatures_are_no_part_of_an_address(tmp_path: Path) -> None:
    line = {"address": "https://example.org/film.mp4?X-Amz-Signature=SECRET"}
    assert concerned(tmp_path, line, (source(), None)) == [True]


def test_the_last_line_about_a_name_counts(tmp_path: Path) -> None:
    assert read(tmp_path, {"id": "a"}, "", {"id": "a", "lifted": True}, {"id": "b"}).keys() == {opt_out("id", "b").key}
    assert read(tmp_path, {"id": "a", "lifted": True}, {"id": "a"}).keys() == {opt_out("id", "a").key}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("v1", "not JSON"),
        ('["v1"]', "not a JSON object"),
        ("{}", "name one of id, address, channel; it names 0"),
        ('{"id": "a", "channel": "b"}', "it names 2"),
        ('{"id": "a", "id": "b"}', "a key stands there twice"),
        ('{"id": 7}', '"id" is a text that is not empty'),
        ('{"id": "  "}', '"id" is a text that is not empty'),
        ('{"video": "a"}', "unknown key 'video' \\(known here: id, address"),
        ('{"id": "a", "lifted": "yes"}', '"lifted" is true or false'),
        ('{"id": "a", "note": 1}', '"note" is a text'),
        ('{"address": "example.org/film.mp4"}', "an address begins with https://"),
        ('{"address": "https://"}', "not an address"),
        ('{"address": "https://user:PASSWORD@"}', "not an address"),
        ('{"channel": "@ann"}', "a handle \\(@name\\) is not known of videos"),
        ('{"channel": "https://www.youtube.com/@ann/videos"}', "a handle \\(@name\\) is not known of videos"),
        ('{"kind": "person", "sha256": "00"}', '"kind" is one of id, address, channel'),
        ('{"kind": "id", "sha256": "00"}', "64 hex digits"),
        ('{"id": "\\ud800"}', "not text in UTF-8"),
        ("[" * 5000, "not JSON"),
        ('{"id": "' + "a" * 10_000 + '"}', "longer than 10,000 characters"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"optout\.jsonl: line 3: .*{said}") as caught:
        read(tmp_path, {"id": "a"}, "", line)
    assert "PASSWORD" not in str(caught.value)


def test_files_that_are_no_list_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read \(No such file"):
        read_opt_outs(tmp_path / "none.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b'{"id": "a"}\n\xff\xfe\n')
    with pytest.raises(ConfigError, match="not text in UTF-8"):
        read_opt_outs(tmp_path / "binary.jsonl")
    with_mark = tmp_path / "windows.jsonl"
    with_mark.write_bytes(b'\xef\xbb\xbf{"id": "a"}\r\n')
    assert len(read_opt_outs(with_mark).in_force) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "channel", "x"]), inner),
    max_leaves=4,
)


@given(st.lists(st.text(max_size=40).filter(str.isprintable) | VALUES.map(json.dumps), max_size=4))
def test_any_list_is_read_or_its_first_wrong_line_is_named(tmp_path_factory: pytest.TempPathFactory, lines) -> None:
    path = tmp_path_factory.mktemp("list") / "optout.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    try:
        found = read_opt_outs(path)
    except ConfigError as error:
        assert str(error).startswith(f"{path}: line ")
    else:
        assert all(len(one.sha256) == 64 for one in found.in_force.values())


MAYBE = st.none() | st.text(max_size=30)


@given(MAYBE, MAYBE, MAYBE, MAYBE, st.text(max_size=30))
def test_whatever_a_publisher_says_gives_keys(channel, channel_id, uploader, address, uri) -> None:
    said = Publication(channel=channel, channel_id=channel_id, uploader=uploader, webpage_url=address)
    assert opt_out("id", "v1").key in keys_of(source(uri, metadata={"uploader": uri}), said)


@pytest.mark.parametrize("name", ["?://x", "#://", "?a=b://c", "/?://"])
def test_a_channel_that_is_no_address_is_compared_as_it_stands(tmp_path: Path, name: str) -> None:
    assert keys_of(source(), Publication(channel=name)) & set(read(tmp_path, {"channel": name}))
