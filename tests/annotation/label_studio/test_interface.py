from __future__ import annotations

import json
import re
from xml.etree import ElementTree

from annotation.label_studio.interface import DECISIONS, JUDGEMENTS, MARKS, NAMES, guidelines_html, interface, shown
from annotation.label_studio.server import KEYMAP
from schemas.repository import ROOT
from schemas.review import REASONS

SCREEN = ElementTree.fromstring(interface())


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
    names = {tag.get("name", "").replace("{{idx}}", "") for tag in SCREEN.iter()}
    words = {tag.get("value") for tag in SCREEN.iter("Label")}
    assert set(NAMES) - {NAMES.sync, NAMES.region} <= names | words


def test_the_style_has_no_sign_that_label_studio_escapes() -> None:
    """It escapes HTML within the style, and a rule with `&gt;` does nothing."""
    (style,) = SCREEN.iter("Style")
    assert style.text is not None and not set("<>&") & set(style.text)


def test_the_guidelines_name_the_reasons_and_the_keys() -> None:
    page = guidelines_html()
    for reason in REASONS:
        assert f"<em>{shown(reason)}</em>" in page
    assert not re.search(r"<(script|iframe|img)", page)
