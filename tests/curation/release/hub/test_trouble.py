"""Errors of the Hub's libraries as sentences."""

import pytest

from curation.release.hub.trouble import is_transient, sentence, status_of
from schemas.errors import ConfigError, NotPublished


@pytest.mark.parametrize(
    ("said", "status", "kind", "words"),
    [
        ("HTTP status client error (403 Forbidden) for url (https://cas/)", 403, ConfigError, "may not do that"),
        ("HTTP status client error (402 Payment Required)", 402, NotPublished, "is used up"),
        ("HTTP status server error (503 Service Unavailable)", 503, NotPublished, "a fault of the Hub"),
        ("error sending request", None, NotPublished, "no connection to the Hub"),
    ],
)
def test_a_status_that_xet_says_in_words_is_no_broken_connection(
    said: str, status: int | None, kind: type[Exception], words: str
) -> None:
    error = ConnectionError(said)
    assert status_of(error) == status and is_transient(error) == (status in (None, 503))
    told = sentence(error, "films/kitchen", "uploading files", "hf_secret")
    assert isinstance(told, kind) and words in str(told)
