"""A METEOR that is ready after half a second instead of nine, for tests that do not look at its scores of synonyms."""

from __future__ import annotations

import pytest

from evaluation.metrics import text
from schemas.repository import ROOT

_TABLE = ROOT / "tests" / "evaluation" / "data" / "few-paraphrases.gz"


@pytest.fixture
def quick_meteor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real program with two paraphrases in the place of its six million, whose loading takes nearly all the time.

    With all of them its scores are proven in metrics/test_text.py and test_stored.py.
    """
    monkeypatch.setattr(text, "METEOR_OPTIONS", (*text.METEOR_OPTIONS, "-a", str(_TABLE)))
