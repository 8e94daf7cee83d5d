"""The Arrow schema: complete, restorable, and light to import around."""

import json
import subprocess
import sys

import pyarrow as pa
import pytest

from curation.dataset.rows import row_of
from schemas.arrow import arrow_schema, features
from tests.curation.samples import make_sample, read_picture


def leaf_types(kind: pa.DataType) -> set[pa.DataType]:
    if pa.types.is_struct(kind):
        return set().union(*(leaf_types(field.type) for field in kind))
    return leaf_types(kind.value_type) if pa.types.is_list(kind) else {kind}


def assert_covers(kind: pa.DataType, value: object, where: str) -> None:
    """Every struct of `kind` is a dict with exactly its fields: pyarrow itself would fill gaps with nulls."""
    if pa.types.is_struct(kind) and value is not None:
        assert isinstance(value, dict), where
        assert set(value) == {field.name for field in kind}, where
        for field in kind:
            assert_covers(field.type, value[field.name], f"{where}.{field.name}")
    elif pa.types.is_list(kind) and value is not None:
        assert isinstance(value, list | tuple), where
        for item in value:
            assert_covers(kind.value_type, item, where)


def test_rows_have_exactly_the_columns():
    sample = make_sample()
    row = row_of(sample, "train", {index: read_picture(sample, index) for index in sample.extract.keyframes})
    assert set(row) == set(arrow_schema().names)
    for field in arrow_schema():
        assert_covers(field.type, row[field.name], field.name)


def test_metadata_restores_the_features():
    from datasets import Features

    assert Features.from_arrow_schema(arrow_schema()) == features()
    assert "huggingface" in {key.decode() for key in arrow_schema().metadata}
    assert json.loads(arrow_schema().metadata[b"huggingface"])["info"]["features"]["keyframes"]


def test_no_column_is_left_without_a_type():
    assert pa.null() not in leaf_types(pa.struct(list(arrow_schema())))


@pytest.mark.parametrize("module", ["schemas.records", "schemas.manifest", "schemas.arrow", "curation.dataset.rows"])
def test_records_stay_light(module):
    code = f"import sys, {module}; sys.exit('datasets' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
