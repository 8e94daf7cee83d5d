"""The published page says what its JSON says, whatever the figures are."""

from __future__ import annotations

import copy
import json

from benchmarks.ocr_study.figures import KINDS
from benchmarks.ocr_study.page import WAYS, claim, page
from schemas.repository import ROOT

RESULTS = ROOT / "docs" / "results"
STATED = json.loads((RESULTS / "screen-text.json").read_text(encoding="utf-8"))


def test_the_page_is_made_of_the_json() -> None:
    assert (RESULTS / "screen-text.md").read_text(encoding="utf-8") == page(STATED)
    for way in WAYS:
        one = STATED["ways"][way]
        assert sum(one["found"][kind][0] for kind in KINDS) == one["all"][0] <= one["all"][1]
        assert one["exact"][0] <= one["all"][0] and one["read"] <= one["frames"]
    assert STATED["ways"]["every"]["read"] == STATED["ways"]["every"]["frames"]


def test_a_loss_and_a_gain_are_told_as_such() -> None:
    for found, told in ((90, "10 lines fewer, of 120"), (100, "as many lines, of 120"), (104, "4 lines more, of 120")):
        ways = copy.deepcopy(STATED["ways"])
        ways["every"]["all"] = [100, 120, 0, 0, 0]
        ways["changed"]["all"] = [found, 120, 0, 0, 0]
        assert told in claim(ways)
