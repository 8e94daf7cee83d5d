"""Templates: data is escaped and plain, and the policy allows this style and script alone."""

from __future__ import annotations

import base64
import hashlib

import pytest
from markupsafe import Markup

from pages.templates import asset, picture, policy, trusted


def test_the_policy_names_style_and_script_by_hash() -> None:
    css, js = asset("report.css"), asset("report.js")
    text = policy(css, js)
    for source in (css, js):
        assert base64.b64encode(hashlib.sha256(source.encode()).digest()).decode() in text
    assert text.startswith("default-src 'none'") and "unsafe" not in text and "img-src data:" in text
    assert "img-src" not in policy(css, pictures=False) and "script-src" not in policy(css)


@pytest.mark.parametrize(
    "uri", ["", 'data:image/jpeg;base64,A"B', "data:image/svg+xml;base64,AA", "https://example.org/a.jpg"]
)
def test_a_text_that_is_no_picture_is_never_printed(uri: str) -> None:
    with pytest.raises(ValueError, match="not a JPEG"):
        picture(uri)


def test_trusted_text_is_not_escaped() -> None:
    assert trusted("<b>") == Markup("<b>") and isinstance(trusted("a"), Markup)
