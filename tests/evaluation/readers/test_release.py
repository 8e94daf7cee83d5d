"""References from a real export."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.readers.any import kind_of, read_references, sha256_of
from evaluation.readers.instruct_v2xum import read_instruct
from evaluation.readers.release import read_release, release_shards
from schemas.errors import ConfigError
from tests.curation.samples import numbered, read_picture, run_export


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("workspace") / "export"
    run_export(out, numbered(12))
    return out


def test_a_release_is_read_from_every_side(release: Path) -> None:
    samples = {sample.video.id: sample for sample in numbered(12)}
    found = read_references(release)
    assert not found.problems
    assert {item.id for item in found.items} == set(samples)
    for item in found.items:
        sample = samples[item.id]
        assert item.frames == len(sample.frames.frames)
        assert item.selections is not None and item.selections.shape == (1, item.frames)
        assert item.selections[0].nonzero()[0].tolist() == list(sample.extract.keyframes)
        assert item.texts == (sample.summary.v2t,)
        assert item.fps == sample.frames.fps
        assert item.pictures == {}
    for other in (release.parent, release / "data"):
        assert kind_of(other) == "release"
        assert [item.id for item in read_references(other).items] == [item.id for item in found.items]
    one = read_references(release_shards(release)[0])
    assert {item.id for item in one.items} < set(samples)
    assert sha256_of(release) == sha256_of(release.parent) == sha256_of(release / "data")


def test_splits(release: Path) -> None:
    everything = read_release(release).items
    splits = {item.split for item in everything if item.split}
    assert len(splits) > 1
    for split in splits:
        assert {i.id for i in read_release(release, [split]).items} == {i.id for i in everything if i.split == split}
    with pytest.raises(ConfigError, match="no split dev"):
        read_release(release, ["dev"])


def test_pictures_of_keyframes(release: Path) -> None:
    samples = {sample.video.id: sample for sample in numbered(12)}
    expected = {
        id_: {index: read_picture(sample, index) for index in sample.extract.keyframes}
        for id_, sample in samples.items()
    }
    assert {item.id: item.pictures for item in read_release(release, pictures=True).items} == expected


def test_its_json_gives_the_same_references(release: Path) -> None:
    rows = {item.id: item for item in read_release(release).items}
    for path in (release / "json").glob("*.json"):
        for item in read_instruct(path).items:
            other = rows[item.id]
            assert (item.frames, item.split) == (other.frames, other.split)
            assert item.selections is not None and other.selections is not None
            assert item.selections.tolist() == other.selections.tolist()


def test_what_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no Parquet shards"):
        read_release(tmp_path)
    odd = tmp_path / "odd.parquet"
    pq.write_table(pa.table({"id": ["a"], "split": ["test"]}), odd)
    with pytest.raises(ConfigError, match="no column title: not a release"):
        read_release(odd)
    odd.write_bytes(b"PAR1 nonsense PAR1")
    with pytest.raises(ConfigError, match="cannot be read as Parquet"):
        read_release(odd)


@pytest.mark.parametrize("change", [{"vsum_onehot": 3}, {"id": 7}, {"split": None}, {"meta": 1}, {"summary": "x"}])
def test_rows_of_other_types_are_refused(change: dict[str, object], release: Path, tmp_path: Path) -> None:
    rows = pq.read_table(next((release / "data").rglob("*.parquet"))).to_pylist()[:1]
    for row in rows:
        row.pop("keyframes")
    pq.write_table(pa.Table.from_pylist([{**row, **change} for row in rows]), tmp_path / "x.parquet")
    with pytest.raises(ConfigError, match=r"x\.parquet"):
        read_release(tmp_path / "x.parquet")
