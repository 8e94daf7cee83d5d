"""Addresses of stores are as hostile as others: one scheme of five, no option, no password, no way up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.configuration.store_config import SCHEMES, StoreConfig, store_address

GOOD = {
    "s3://films": "s3://films",
    "s3://films/data/": "s3://films/data",
    "s3://my.films-1/a b/c=d/v1.0": "s3://my.films-1/a b/c=d/v1.0",
    "gs://films/data": "gs://films/data",
    "az://container/data": "az://container/data",
    "abfs://container/data": "abfs://container/data",
    "file:///mnt/films": "file:///mnt/films",
}
BAD = (
    *("", "films", "/mnt/films", "C:\\films", "S3://films", "s3:/films", "s3://", "s3:///data", "file://", "file:///"),
    *("file://host/films", "file://../films", "file:///a/../b", "s3://films/../other", "s3://films/./a", "s3://../a"),
    *(
        "s3://films//a",
        "s3://films/a\nb",
        "s3://films/a\x00",
        "s3://films/%2e%2e/a",
        "s3://films/a\\..\\b",
        "s3://a#b/c",
    ),
    *("simplecache::s3://films", "filecache::s3://films", "s3://films::file:///etc", "zip://a.zip::s3://films/x"),
    *("ssh://host/films", "sftp://host/a", "http://host/a", "memory://a", "local:///etc", "data://x", "hf://a/b"),
)
SECRET = (
    *("s3://key:hidden@films/a", "s3://films?key=hidden", "s3://films/a?secret=hidden&x=1", "gs://user:hidden@films"),
    *("abfs://container:hidden@account/a", "s3://hidden:hidden@films", "az://films/a?sig=hidden"),
)


@pytest.mark.parametrize("address", GOOD)
def test_an_address_is_kept_without_a_slash_at_its_end(address: str) -> None:
    assert store_address(address) == GOOD[address]
    assert StoreConfig.model_validate({"address": address}).address == GOOD[address]


@pytest.mark.parametrize("address", BAD)
def test_what_is_no_address_of_a_store_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="no address of a store"):
        store_address(address)
    with pytest.raises(ValidationError):
        StoreConfig.model_validate({"address": address})


@pytest.mark.parametrize("address", SECRET)
def test_a_password_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValueError, match="environment") as refused:
        store_address(address)
    assert "hidden" not in str(refused.value)


@given(st.one_of(st.text(), st.builds("{}://{}".format, st.sampled_from(SCHEMES), st.text())))
def test_an_address_that_is_taken_leads_nowhere_else(text: str) -> None:
    try:
        address = store_address(text)
    except ValueError:
        return
    scheme, _, rest = address.partition("://")
    assert scheme in SCHEMES and store_address(address) == address
    assert not {".", "..", ""} & set(rest.removeprefix("/").split("/"))
    assert not any(part in rest for part in ("::", "?", "#", "\\", "%", "\n", "\x00"))
