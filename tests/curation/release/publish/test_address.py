"""What names a place to publish to, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.publish.address import HubAddress, StorageAddress, parse_address
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("me/films", "me/films"),
        ("our-lab/films_2.0", "our-lab/films_2.0"),
        ("hf://datasets/me/films", "me/films"),
        ("https://huggingface.co/datasets/me/films/", "me/films"),
    ],
)
def test_datasets_of_the_hub(text: str, name: str) -> None:
    assert parse_address(text) == HubAddress(name)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "films",
            "/films",
            "me/",
            "me/films/x",
            "me/../you",
            "../me/films",
            "me/films.git",
            "me/-films",
            "me/a--b",
            "me//films",
        ),
        *("./out", "", " ", "me/films ", "mé/films", f"me/{'x' * 100}", "me/fi\nlms"),
    ],
)
def test_what_is_no_name_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is no name of a dataset; give OWNER/NAME .* or an address such as s3://"):
        parse_address(text)


def test_addresses_of_stores() -> None:
    assert parse_address("s3://bucket/films/") == StorageAddress("s3://bucket/films", "s3://bucket/films")
    assert parse_address("file:///data/a b") == StorageAddress("file:///data/a b", "file:///data/a b")
    for text in ("https://example.org/films", "hf://buckets/me/films", "s3://", "file:///"):
        with pytest.raises(ConfigError):
            parse_address(text)


def test_an_address_with_a_secret_is_refused_and_not_repeated() -> None:
    for text in (
        "s3://AKIA:hunter2@bucket/films",
        "az://films?sig=hunter2",
        "https://me:hunter2@huggingface.co/datasets/me/f",
    ):
        with pytest.raises(ConfigError) as caught:
            parse_address(text)
        assert "hunter2" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_sentence(text: str) -> None:
    try:
        found = parse_address(text)
    except ConfigError as error:
        assert str(error)
    else:
        assert ".." not in found.repository if isinstance(found, HubAddress) else "://" in found.url


@pytest.mark.parametrize("text", ["s3://[", "s3://[::fff:1.0.1]/x", "gs://[x]y/z"])
def test_an_ipv6_address_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="is no address"):
        parse_address(text)
