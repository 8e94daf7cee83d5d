"""YAML from anybody: plain values, or an error that repeats nothing of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kit.yaml_values import NotYaml, yaml_values


@pytest.mark.parametrize(
    "text",
    [
        *("a: 2020-99-99", "a: !!int secret", "a: !!bool secret", "a: !!float secret", "a: !!timestamp secret"),
        *("[" * 5000, "a: [", "a: *secret", "a: &x [*y]", "!!python/object/apply:os.system [secret]", "? [a]\n: 1"),
        *("!!python/name:os.system", "a: " + "9" * 5000, "\x00", "a: !!int ''", "a: !secret b", "secret: b: c"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_plain_yaml_is_told_without_its_text(text: str) -> None:
    with pytest.raises(NotYaml) as told:
        yaml_values(text)
    assert str(told.value) and len(str(told.value)) < 300
    assert "password" not in str(told.value)


@given(st.text(alphabet="ab:-[]{}!&*?|>%@`'\"\n 0129.~<#,\\"))
def test_nothing_else_comes_out(text: str) -> None:
    try:
        yaml_values(text)
    except NotYaml as error:
        assert str(error)


def test_plain_values_are_read() -> None:
    assert yaml_values("a: [1, 2.5, x, null, true]\nb: {c: '2020-99-99'}") == {
        "a": [1, 2.5, "x", None, True],
        "b": {"c": "2020-99-99"},
    }
