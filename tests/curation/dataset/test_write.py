"""The export: golden row, determinism, splits, hostile text, and the checker."""

import base64
import json
import math
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset.check import validate
from curation.dataset.rows import row_of, split_of, upstream_record
from curation.dataset.write import export
from schemas.arrow import arrow_schema
from schemas.configuration.config import ExportConfig, SplitConfig
from schemas.errors import PermanentError
from schemas.instructions import ASK_V2T, ASK_V2V, ASK_V2VT
from schemas.manifest import Manifest
from schemas.records import Sentence
from schemas.safe_text import public_text, public_uri, public_url
from schemas.temporal import parse_seconds, parse_slots, parse_stored
from tests.curation.samples import (
    LONG,
    SCORES,
    contents,
    hostile_samples,
    make_sample,
    numbered,
    read_picture,
    run_export,
    sha,
)

GOLDEN = Path(__file__).parent / "golden" / "row.json"


def test_golden_row():
    """What is published changes only on purpose: then renew the file and raise schemas.arrow.SCHEMA_VERSION."""

    def picture(number, *_):
        return f"picture {number}".encode()

    sample = make_sample(
        "golden",
        pictures=picture,
        scores=SCORES,
        licence="CC BY",
        channel="Harbour",
        webpage_url="https://a.b/c?sig=1",
    )
    sample = sample.model_copy(
        update={
            "summary": sample.summary.model_copy(
                update={
                    "v2vt": (
                        Sentence(times=(0.0, 3.0), text="A kite flies, marked [12]."),
                        Sentence(times=(9.0,), text="A child draws."),
                    )
                }
            )
        }
    )
    row = row_of(sample, "train", {index: picture(index) for index in sample.extract.keyframes})
    text = json.dumps(row, indent=1, default=lambda data: base64.b64encode(data).decode()) + "\n"
    assert json.loads(text) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_upstream_record_is_upstreams_shape():
    record = upstream_record(row_of(make_sample(), "train", None))
    assert list(record) == ["id", "meta", "conversations", "vsum_onehot"]
    assert record["meta"]["token"] == {"<f0>": 0.0, "<f1>": 3.0, "<f2>": 9.0}
    assert record["conversations"][0] == {"from": "human", "value": ASK_V2VT}
    assert record["vsum_onehot"] == [1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]
    asks = [ask.removeprefix("<video>\n").removesuffix(" for this video.") for ask in (ASK_V2V, ASK_V2T, ASK_V2VT)]
    assert asks == [
        "Please generate a VIDEO summarization",
        "Please generate a TEXT summarization",
        "Please generate BOTH video and text summarization",
    ]


@given(hostile_samples("any"))
@settings(max_examples=60, deadline=None)
def test_any_text_survives_in_every_form(sample):
    row = row_of(sample, "train", None)
    token = {entry["placeholder"]: entry["seconds"] for entry in row["meta"]["token"]}
    assert parse_seconds(row["summary"]["v2vt_seconds"]) == sample.summary.v2vt
    assert parse_stored(row["conversations"][1]["value"], token) == sample.summary.v2vt
    assert [line.text for line in parse_slots(row["summary"]["v2vt_slots"])] == [s.text for s in sample.summary.v2vt]
    assert sorted(token.values()) == list(sample.summary.v2v)
    marks = row["conversations_v2v"][1]["value"].split(" ")
    assert [token[mark[1:-1]] for mark in marks] == list(sample.summary.v2v)
    chosen = [index for index, flag in enumerate(row["vsum_onehot"]) if flag]
    assert chosen == list(sample.extract.keyframes)
    assert row["provenance"]["refine"]["repaired"] is True
    assert row["review"]["status"] == "unreviewed"


def test_no_path_or_credential_is_published(tmp_path):
    sample = make_sample()
    assert public_uri(sample.source) == "v000.mp4"
    assert public_url("https://me:pw@host:8/v?id=7&X-Amz-Signature=ab&token=c#t=1") == "https://host:8/v?id=7"
    assert public_url("javascript:alert(1)") is None
    assert public_url("http://[broken") is None
    assert (
        public_text("open '/home/me/My Videos/a.mp4': no; C:\\Users\\me\\b.ts; 3/4 s")
        == "open 'a.mp4': no; b.ts; 3/4 s"
    )
    assert public_text("GET https://u:p@h/a?key=s failed") == "GET https://h/a failed"
    run_export(
        tmp_path / "out",
        [
            sample.model_copy(
                update={"frames": sample.frames.model_copy(update={"defects": ("bad /srv/private/file.mp4",)})}
            )
        ],
    )
    for name, data in contents(tmp_path / "out").items():
        assert b"/srv/private" not in data, name
        assert b"/home/me" not in data, name
        assert str(tmp_path).encode() not in data, name


@given(st.text(), st.text())
def test_public_text_is_stable_and_drops_credentials(before, password):
    text = public_text(before)
    assert public_text(public_text(text)) == public_text(text)
    url = public_url(f"https://user:secret-{password}@host/v?token=secret-{password}")
    assert url is None or "secret-" not in url.partition("host")[0]


def test_equal_input_gives_equal_bytes(tmp_path):
    first = run_export(tmp_path / "a", numbered(25), rows=4)
    second = run_export(tmp_path / "b" / "deep", iter(numbered(25)), rows=4)
    assert first == second
    assert contents(tmp_path / "a") == contents(tmp_path / "b" / "deep")
    run_export(tmp_path / "a", numbered(25), rows=4)
    assert contents(tmp_path / "a") == contents(tmp_path / "b" / "deep")
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


def test_files_and_manifest_agree(tmp_path):
    out = tmp_path / "out"
    manifest = run_export(out, numbered(60), rows=7)
    assert validate(out) == []
    assert Manifest.model_validate_json((out / "manifest.json").read_bytes()) == manifest
    assert {file.path for file in manifest.files} == set(contents(out)) - {"manifest.json"}
    assert sum(item.rows for item in manifest.splits) == manifest.samples == 60
    for item in manifest.splits:
        shards = sorted((out / "data").glob(f"{item.split}-*.parquet"))
        assert [shard.name for shard in shards] == [
            f"{item.split}-{number:05d}-of-{item.shards:05d}.parquet" for number in range(math.ceil(item.rows / 7))
        ]
        ids = [name for shard in shards for name in pq.read_table(shard, columns=["id"])["id"].to_pylist()]
        assert (
            ids == sorted(ids) == [row["id"] for row in json.loads((out / "json" / f"{item.split}.json").read_text())]
        )
    rejected = [json.loads(line) for line in (out / "rejections.jsonl").read_text().splitlines()]
    assert rejected == [LONG.model_dump() | {"evidence": "'x.mp4': 951 s"}]


def test_row_groups_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr("curation.dataset.shards.GROUP_BYTES", 4_000)
    run_export(tmp_path / "out", numbered(30), rows=1000)
    (shard,) = (tmp_path / "out" / "data").glob("train-*.parquet")
    metadata = pq.read_metadata(shard)
    assert max(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)) <= 3


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=1, unique=True))
def test_split_depends_on_content_alone(contents):
    shares = SplitConfig()
    hashes = [sha(content) for content in contents]
    assert [split_of(one, shares) for one in hashes] == [split_of(one, shares) for one in hashes]
    assert all(split_of(one, SplitConfig(train=1, validation=0, test=0)) == "train" for one in hashes)
    assert all(split_of(one, SplitConfig(train=0, validation=0, test=1)) == "test" for one in hashes)


def test_split_shares_hold():
    counted = [split_of(sha(str(number)), SplitConfig()) for number in range(6000)]
    for split, share in SplitConfig().model_dump().items():
        sigma = math.sqrt(share * (1 - share) / 6000)
        assert abs(counted.count(split) / 6000 - share) < 4 * sigma


def test_copies_share_a_split_and_newcomers_move_nobody(tmp_path):
    few = [make_sample(f"v{n:03d}", content=f"film {n % 9}") for n in range(0, 40, 2)]
    many = [make_sample(f"v{n:03d}", content=f"film {n % 9}") for n in range(40)]
    owners: dict[str, set[str]] = {}
    splits = []
    for name, samples in (("few", few), ("many", many)):
        run_export(tmp_path / name, samples, images=False)
        rows = [
            row
            for shard in sorted((tmp_path / name / "data").iterdir())
            for row in pq.read_table(shard, columns=["id", "split", "file"]).to_pylist()
        ]
        splits.append({row["id"]: row["split"] for row in rows})
        for row in rows:
            owners.setdefault(row["file"]["sha256"], set()).add(row["split"])
    assert all(len(found) == 1 for found in owners.values())
    assert splits[0].items() <= splits[1].items()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_empty_splits_are_left_out_everywhere(tmp_path, count):
    out = tmp_path / "out"
    manifest = run_export(out, numbered(count))
    assert validate(out) == []
    assert manifest.samples == count
    assert len(list(out.rglob("*.parquet"))) == len(manifest.splits) == len(list(out.rglob("*.json"))) - 1
    card = (out / "README.md").read_text(encoding="utf-8")
    assert ("configs:" in card) == (count > 0)


def test_samples_that_do_not_fit_become_rejections(tmp_path):
    good, other = make_sample("a"), make_sample("b", content="other", fps=2.0)
    mixed = [
        good,
        make_sample("b1").model_copy(update={"captions": other.captions}),
        make_sample("b2").model_copy(update={"summary": other.summary}),
        make_sample("b3", size=(70, 40)),
        make_sample("b4", frames=200, keyframes=(199,)),
    ]

    def read(sample, index):
        if index == 199:
            raise FileNotFoundError(2, "gone", "/srv/private/000199.jpg")
        return read_picture(good, index)

    seen = []
    manifest = export(mixed, read, ExportConfig(), tmp_path / "out", name="test", on_rejection=seen.append)
    assert manifest.samples == 1
    assert [(rejection.id, rejection.reason) for rejection in seen] == [
        ("b1", "inconsistent_sample"),
        ("b2", "inconsistent_sample"),
        ("b3", "image_changed"),
        ("b4", "image_missing"),
    ]
    written = (tmp_path / "out" / "rejections.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == [rejection.model_dump() for rejection in seen]
    assert [(r.title, r.address) for r in seen] == [("Harbour & hills", f"b{n}.mp4") for n in (1, 2, 3, 4)]
    assert {count.stage for count in manifest.rejections} == {"export"}
    assert validate(tmp_path / "out") == []


def test_order_is_demanded(tmp_path):
    with pytest.raises(ValueError, match="ascend"):
        run_export(tmp_path / "out", [make_sample("b"), make_sample("a")])
    assert list(tmp_path.iterdir()) == []


def test_the_checker_finds_what_is_wrong(tmp_path):
    out = tmp_path / "out"
    run_export(out, numbered(12))
    assert validate(tmp_path) != []
    shard = next((out / "data").iterdir())
    name = f"data/{shard.name}"
    whole = shard.read_bytes()

    def restated() -> None:
        manifest = Manifest.model_validate_json((out / "manifest.json").read_bytes())
        files = [
            file.model_copy(update={"sha256": sha(shard.read_bytes()), "bytes": shard.stat().st_size})
            if file.path == name
            else file
            for file in manifest.files
        ]
        (out / "manifest.json").write_text(manifest.model_copy(update={"files": tuple(files)}).model_dump_json())

    flipped = bytearray(whole)
    flipped[5_000] ^= 1
    shard.write_bytes(flipped)
    assert any(name in problem and "SHA-256" in problem for problem in validate(out))
    restated()
    assert any(name in problem for problem in validate(out))

    shard.write_bytes(whole)
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[0]["keyframes"][0]["image"]["bytes"] = b"another picture"
    rows[0]["vsum_onehot"][1] = 1
    pq.write_table(type(table).from_pylist(rows, schema=arrow_schema()), shard)
    restated()
    problems = " ".join(validate(out))
    assert "another one than its SHA-256 says" in problems
    assert "vsum_onehot" in problems

    pq.write_table(table.drop_columns(["ratio"]), shard)
    restated()
    assert any("columns or features" in problem for problem in validate(out))
    shard.unlink()
    (out / "stray.txt").write_text("x")
    problems = " ".join(validate(out))
    assert f"{name}: missing" in problems
    assert "stray.txt: not named" in problems


def test_row_of_refuses_pictures_that_changed():
    sample = make_sample()
    images = {index: read_picture(sample, index) for index in sample.extract.keyframes}
    images[3] += b"\0"
    with pytest.raises(PermanentError, match="image_changed: frame 3"):
        row_of(sample, "train", images)


def test_pictures_that_were_compared_are_not_compared_again():
    sample = make_sample()
    images = {index: read_picture(sample, index) for index in sample.extract.keyframes}
    assert row_of(sample, "train", images, compared=True) == row_of(sample, "train", images)
    other = row_of(sample, "train", dict.fromkeys(images, b"other"), compared=True)
    assert {keyframe["image"]["bytes"] for keyframe in other["keyframes"]} == {b"other"}
