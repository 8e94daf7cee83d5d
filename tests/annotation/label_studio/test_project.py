"""Which screens are this program's own, and which were changed by hand."""

from __future__ import annotations

import hashlib

import pytest

from annotation.label_studio.client import Project
from annotation.label_studio.interface import interface
from annotation.label_studio.project import OwnProject


def own(label_config: str, given: str) -> OwnProject:
    """A project with this screen, which notes that it was given another."""
    project = Project(
        id=1,
        title="Films",
        description="",
        label_config=label_config,
        maximum_annotations=1,
        tasks=0,
        finished=0,
        skips_count=False,
    )
    return OwnProject(project, "k" * 32, hashlib.sha256(" ".join(given.split()).encode()).hexdigest()[:16])


@pytest.mark.parametrize("spoken", [False, True])
def test_a_screen_that_an_interrupted_update_gave_was_not_changed_by_hand(spoken: bool) -> None:
    for given in (interface(), interface(spoken=True), "<View/>"):
        assert not own(interface(spoken=spoken), given).changed
    assert own(interface(spoken=spoken).replace("Keyframe", "Frame"), interface(spoken=spoken)).changed


def test_a_screen_shows_transcripts_that_has_both_fields() -> None:
    assert own(interface(spoken=True), "").spoken and not own(interface(), "").spoken
    assert not own(interface(spoken=True).replace('name="said_', 'name="mood_'), "").spoken
