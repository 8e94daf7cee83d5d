from __future__ import annotations

import re
from xml.etree import ElementTree

from annotation.label_studio.interface import DECISIONS, JUDGEMENTS, NAMES, guidelines_html, interface, shown
from schemas.review import REASONS

SCREEN = ElementTree.fromstring(interface())


def values(name: str) -> list[str]:
    (tag,) = (tag for tag in SCREEN.iter("Choices") if tag.get("name") == name)
    return [str(choice.get("value")) for choice in tag]


def test_the_choices_are_those_of_the_schema() -> None:
    assert values(NAMES.decision) == list(DECISIONS) == ["accept", "fix", "reject"]
    assert values(NAMES.reasons) == [shown(reason) for reason in REASONS]
    assert values(f"{NAMES.judged}{{{{idx}}}}") == list(JUDGEMENTS) == ["ok", "wrong", "drop"]


def test_no_two_fixed_hotkeys_are_the_same() -> None:
    keys = [tag.get("hotkey") for tag in SCREEN.iter() if tag.get("hotkey")]
    assert len(keys) == len(set(keys)) and {"a", "f", "r", "m", "q", "1"} <= set(keys)


def test_every_name_is_in_the_screen() -> None:
    names = {tag.get("name", "").replace("{{idx}}", "") for tag in SCREEN.iter()}
    words = {tag.get("value") for tag in SCREEN.iter("Label")}
    assert set(NAMES) - {NAMES.sync} <= names | words


def test_the_guidelines_name_the_reasons_and_the_keys() -> None:
    page = guidelines_html()
    for reason in REASONS:
        assert f"<em>{shown(reason)}</em>" in page
    assert not re.search(r"<(script|iframe|img)", page)
