"""What the page of a comparison shows of a row."""

from __future__ import annotations

from curation.release.diff.changed import Change
from curation.release.diff.examples import Line, differences
from tests.curation.release.diff.test_changed import reviewed, said
from tests.curation.release.diff.written import row


def test_a_corrected_line_is_shown_with_its_time_and_both_texts() -> None:
    first = row("v") | said("<b>Now</b> the kight.", "It is red.")
    second = row("v", **reviewed(transcript_edited=[0])) | said("<b>Now</b> the kite.", "It is red.", "End.")
    change = Change(first, second, frozenset({"transcript", "review"}))
    assert list(differences(change)) == [
        Line("said at 0 s", "<b>Now</b> the kight.", "<b>Now</b> the kite."),
        Line("said at 2 s", None, "End."),
        Line("review", "unreviewed", "fixed by ann"),
    ]
