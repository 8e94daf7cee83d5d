"""The reference in docs/reference is what the code says now."""

from __future__ import annotations

import pytest

from flows.cli.reference.pages import FOLDER, PAGES


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), "write it anew: python -m flows.cli.reference"
