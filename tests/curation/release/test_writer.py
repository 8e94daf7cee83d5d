"""Files of a configuration: bounded row groups and files, names, checksums, and equal bytes for equal rows."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from curation.release import writer as writing
from curation.release.configurations.configuration import Configuration
from curation.release.writer import ConfigurationWriter
from tests.curation.samples import contents

TEXT = datasets.Value("string")
FEATURES = datasets.Features(
    {"id": datasets.Value("string"), "picture": datasets.Image(), "split": datasets.Value("string")}
)
TOY = Configuration("toy", "A row.", lambda: FEATURES)
ALBUM = Configuration(
    "album",
    "A row with pictures in a list.",
    lambda: datasets.Features(
        {"id": datasets.Value("string"), "pages": datasets.List({"shown": datasets.Image()}), "split": TEXT}
    ),
)


def rows(count: int, size: int = 1000, split: str = "train") -> Iterator[dict[str, Any]]:
    for number in range(count):
        data = number.to_bytes(4, "big") * (size // 4)
        yield {"id": f"{split}{number}", "picture": {"bytes": data, "path": None}, "split": split}


def albums(count: int, size: int) -> Iterator[dict[str, Any]]:
    for row in rows(count, size):
        yield {"id": row["id"], "pages": [{"shown": row["picture"]}], "split": row["split"]}


def write(folder: Path, *groups: Iterator[dict[str, Any]], configuration: Configuration = TOY) -> ConfigurationWriter:
    folder.mkdir()
    with ConfigurationWriter(folder, configuration) as writer:
        for group in groups:
            for row in group:
                writer.add(row)
    return writer


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of 100 kB and files of 300 kB."""
    monkeypatch.setattr(writing, "GROUP_BYTES", 100_000)
    monkeypatch.setattr(writing, "FILE_BYTES", 300_000)


@pytest.mark.usefixtures("small")
def test_row_groups_and_files_are_bounded_and_hold_every_row_once(tmp_path: Path) -> None:
    writer = write(tmp_path / "r", rows(1000), rows(10, split="test"))
    assert [path.name for path, _ in writer.files] == [
        "train-00000-of-00003.parquet", "train-00001-of-00003.parquet", "train-00002-of-00003.parquet",
        "test-00000-of-00001.parquet",
    ]  # fmt: skip
    read = []
    for path, count in writer.files:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            assert file.metadata.num_rows == count
            for number in range(file.metadata.num_row_groups):
                group = file.metadata.row_group(number)
                assert group.total_byte_size < 200_000
                assert group.column(0).has_column_index and group.column(0).has_offset_index
            read += file.read().to_pylist()
    assert read == [*rows(1000), *rows(10, split="test")]
    counted = writer.count()
    assert [(each.split, each.rows, each.shards) for each in counted.splits] == [("train", 1000, 3), ("test", 10, 1)]


@pytest.mark.parametrize(("made", "configuration"), [(rows, TOY), (albums, ALBUM)])
def test_row_groups_stay_below_100_megabytes_even_with_large_rows(
    tmp_path: Path, made: Callable[[int, int], Iterator[dict[str, Any]]], configuration: Configuration
) -> None:
    writer = write(tmp_path / "r", made(12, 9_000_000), configuration=configuration)
    ((path, _),) = writer.files
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    assert len(sizes) > 1 and max(sizes) < 100_000_000


def test_a_changed_byte_of_a_page_is_detected(tmp_path: Path) -> None:
    writer = write(tmp_path / "r", rows(50))
    ((path, _),) = writer.files
    column = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    data[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(data)
    with (
        pq.ParquetFile(path, page_checksum_verification=True) as file,
        pytest.raises(OSError, match=r"(?i)crc|checksum"),
    ):
        file.read()


@pytest.mark.usefixtures("small")
def test_equal_rows_give_equal_bytes_and_a_new_row_changes_few_pages(tmp_path: Path) -> None:
    write(tmp_path / "a", rows(300))
    write(tmp_path / "b", rows(300))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_configuration_without_rows_has_no_file(tmp_path: Path) -> None:
    writer = write(tmp_path / "r")
    assert writer.files == [] and writer.count().splits == () and contents(tmp_path / "r") == {}


def test_an_error_leaves_no_file_with_a_final_name(tmp_path: Path) -> None:
    def failing() -> Iterator[dict[str, Any]]:
        yield from rows(200)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write(tmp_path / "r", failing())
    assert all(name.endswith(".part") for name in contents(tmp_path / "r"))
