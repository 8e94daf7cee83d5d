"""Text from outside becomes text that UTF-8 and every database can store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import HostBlocked, PermanentError
from schemas.kit.utf8 import is_utf8, quoted, storable_text, utf8_text
from schemas.records import Rejection

ANY = st.text(st.characters(categories=["L", "Cs", "Cc"]))


@given(ANY)
def test_any_text_becomes_storable_and_keeps_its_length(text) -> None:
    for made in (utf8_text(text), storable_text(text)):
        assert is_utf8(made) and len(made) == len(text)
        made.encode()
    assert "\x00" not in storable_text(text)
    assert storable_text(text) == text or not is_utf8(text) or "\x00" in text
    quoted(text).encode()


@pytest.mark.parametrize("evidence", ["a \ud800 b", "a \udc80 b \x00"])
def test_an_error_keeps_its_evidence_in_a_storable_form(evidence) -> None:
    """A page may put anything into the message of an extractor."""
    for error in (PermanentError("removed", evidence), HostBlocked("bot_check", evidence, "h", 1.0)):
        row = Rejection(id="a", stage="download", error_class="permanent", reason="removed", evidence=error.evidence)
        assert row.canonical().encode()
        assert "\ufffd" in error.evidence and str(error).encode()
