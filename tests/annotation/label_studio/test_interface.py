from __future__ import annotations

import hashlib
import json
import re
from xml.etree import ElementTree

from annotation.label_studio.interface import (
    DECISIONS,
    JUDGEMENTS,
    MARKS,
    NAMES,
    guidelines_html,
    interface,
    shown,
    shows_speech,
)
from annotation.label_studio.server import KEYMAP
from schemas.repository import ROOT
from schemas.review import REASONS

SCREEN = ElementTree.fromstring(interface())
SPOKEN = ElementTree.fromstring(interface(spoken=True))
# SHA-256 of the screen and of the guidelines of the commit before transcripts came to the screen.
BEFORE = (
    "12ac7e25765ad00dae307e46d70b491c348c3894e311d82a9fd70acabffb4685",
    "98ebb2b258cff6891d272311926248cf13f2436cc3c69ee48a19d47ab8c92996",
)


def values(name: str) -> list[str]:
    (tag,) = (tag for tag in SCREEN.iter("Choices") if tag.get("name") == name)
    return [str(choice.get("value")) for choice in tag]


def test_the_choices_are_those_of_the_schema() -> None:
    assert values(NAMES.decision) == list(DECISIONS) == ["accept", "fix", "reject"]
    assert values(NAMES.reasons) == [shown(reason) for reason in REASONS]
    (marks,) = (tag for tag in SCREEN.iter("ParagraphLabels") if tag.get("name") == NAMES.marks)
    assert [label.get("value") for label in marks] == [*JUDGEMENTS, NAMES.unjudged] == list(MARKS)
    assert values(f"{NAMES.judged}{{{{idx}}}}") == list(JUDGEMENTS) == ["ok", "wrong", "drop"]


def test_no_two_fixed_hotkeys_are_the_same() -> None:
    keys = [tag.get("hotkey") for tag in SCREEN.iter() if tag.get("hotkey")]
    assert len(keys) == len(set(keys)) and {"a", "f", "r", "o", "w", "d", "m", "q", "1"} <= set(keys)
    moves = {move["key"] for move in KEYMAP.values()}
    assert not moves & set(keys) and moves == {"down", "up"}


def test_the_guide_gives_other_servers_the_same_keys() -> None:
    guide = (ROOT / "docs" / "guides" / "review.md").read_text(encoding="utf-8")
    assert f"export EDITOR_KEYMAP='{json.dumps(KEYMAP)}'" in guide


def test_a_choice_without_a_key_is_one_that_no_task_shows() -> None:
    """Label Studio gives keys of its own to what has none, and those look random."""
    (earlier,) = SCREEN.iter("Repeater")
    hidden = set(earlier.iter())
    assert all(tag.get("hotkey") for tag in SCREEN.iter() if tag.tag in ("Choice", "Label") and tag not in hidden)
    assert earlier.get("on") == "$frames[0].earlier"


def test_every_name_is_in_the_screen() -> None:
    names = {tag.get("name", "").replace("{{idx}}", which) for tag in SPOKEN.iter() for which in ("", "0")}
    words = {tag.get("value") for tag in SPOKEN.iter("Label")}
    assert set(NAMES) - {NAMES.sync, NAMES.region, NAMES.line} <= names | words


def test_without_transcripts_the_screen_and_the_guidelines_are_what_they_were() -> None:
    """A push would change every project for nothing, and ask people who changed theirs by hand for another."""
    pages = (interface(), guidelines_html())
    assert tuple(hashlib.sha256(page.encode()).hexdigest() for page in pages) == BEFORE
    assert not shows_speech(interface()) and shows_speech(interface(spoken=True))
    assert guidelines_html(spoken=True).startswith(guidelines_html())


def test_lines_are_shown_where_the_first_frame_has_some_and_before_the_keyframes() -> None:
    """The arrow keys belong to the last list of the screen. Old tasks have no lines, and must stay valid."""
    repeater, _ = SPOKEN.iter("Repeater")
    assert repeater.get("on") == "$frames[0].spoken"
    assert all(tag.get("value", "").startswith("$frames[0].spoken") for tag in repeater.iter() if tag.get("value"))
    lists = [str(tag.get("name")).replace("{{idx}}", "0") for tag in SPOKEN.iter("Paragraphs")]
    assert lists == [NAMES.spoken, NAMES.script]


def test_the_style_has_no_sign_that_label_studio_escapes() -> None:
    """It escapes HTML within the style, and a rule with `&gt;` does nothing."""
    for screen in (SCREEN, SPOKEN):
        (style,) = screen.iter("Style")
        assert style.text is not None and not set("<>&") & set(style.text)


def test_the_guidelines_name_the_reasons_and_the_keys() -> None:
    page = guidelines_html()
    for reason in REASONS:
        assert f"<em>{shown(reason)}</em>" in page
    assert not re.search(r"<(script|iframe|img)", page)
