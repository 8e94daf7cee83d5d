"""What a look at a published video means, and when the next one is due."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.download.errors import classify
from curation.ledger.refresh.rechecks import Recheck
from curation.ledger.sources import address_digest
from curation.release.refresh.recheck import (
    ABSENT,
    AVAILABLE,
    DAY,
    STATED,
    Seen,
    Target,
    decide,
    is_due,
    seen_error,
    seen_file,
    seen_published,
)
from curation.store.files import hash_file
from schemas.configuration.refresh_config import RefreshConfig
from schemas.errors import PermanentError, PoisonError, RefusedError
from schemas.records import Origin, Publication, Source

CONFIG = RefreshConfig(recheck_days=30, confirm_days=7)
CONTENT = "c" * 64
GONE, NOT_FOUND = Seen("gone", "removed", "taken down"), Seen("absent", "not_found", "404")


def target(path: Path, **fields: object) -> Target:
    source = Source(id="v1", kind="file", uri=str(path), origin=Origin(list_name="l", row=1))
    digest, size = hash_file(path)
    return Target(source, address_digest(source) or "", digest, size, None)._replace(**fields)


def after(*looks: tuple[float, Seen]) -> Recheck:
    """The answer that is stored after looks at these days."""
    known: Recheck | None = None
    for day, seen in looks:
        known = decide("v1", CONTENT, known, seen, CONFIG, day * DAY)
    assert known is not None
    return known


def test_what_the_publisher_states_counts_at_once() -> None:
    found = after((3, GONE))
    assert (found.outcome, found.reason, found.gone_at) == ("gone", "removed", 3 * DAY)
    assert after((3, GONE), (40, GONE)).gone_at == 3 * DAY, "the day stays"


def test_an_absence_must_be_seen_twice_some_days_apart() -> None:
    assert after((3, NOT_FOUND)).gone_at is None
    assert after((3, NOT_FOUND), (9, NOT_FOUND)).gone_at is None
    confirmed = after((3, NOT_FOUND), (9, NOT_FOUND), (10, NOT_FOUND))
    assert (confirmed.outcome, confirmed.gone_at, confirmed.first_at) == ("gone", 10 * DAY, 3 * DAY)
    assert after((3, NOT_FOUND), (5, AVAILABLE), (12, NOT_FOUND)).gone_at is None, "it was there in between"


def test_a_source_that_returns_has_no_tombstone() -> None:
    assert after((3, GONE), (40, AVAILABLE)) == Recheck("v1", CONTENT, "available", None, None, 40 * DAY)


def test_what_was_stated_is_not_forgotten_for_less() -> None:
    unclear = Seen("unclear", "unsupported", "a page")
    licence = Seen("licence", "licence_changed", "a -> b")
    for first, since in ((GONE, "gone"), (licence, "licence")):
        for then in (unclear, NOT_FOUND):
            found = after((3, first), (40, then))
            assert (found.outcome, found.reason, found.gone_at) == (since, first.reason, 3 * DAY)
            assert found.checked_at == 40 * DAY
    assert after((3, NOT_FOUND), (8, unclear), (12, NOT_FOUND)).gone_at == 12 * DAY


def test_another_file_begins_anew() -> None:
    known = decide("v1", "a" * 64, None, GONE, CONFIG, 0)
    assert is_due(known, CONTENT, CONFIG, 1.0)
    assert decide("v1", CONTENT, known, NOT_FOUND, CONFIG, 30 * DAY).gone_at is None


SIGHTINGS = st.sampled_from([AVAILABLE, GONE, NOT_FOUND, Seen("absent", "unavailable"), Seen("unclear", "drm")])


@given(st.lists(st.tuples(st.integers(0, 15), SIGHTINGS), min_size=1, max_size=8))
def test_a_tombstone_has_a_statement_or_two_absences_behind_it(steps: list[tuple[int, Seen]]) -> None:
    looks, day = [], 0
    for wait, seen in steps:
        day += wait
        looks.append((float(day), seen))
    since = max((n for n, (_, seen) in enumerate(looks) if seen == AVAILABLE), default=-1) + 1
    stated = any(seen == GONE for _, seen in looks[since:])
    absent = [at for at, seen in looks[since:] if seen.outcome == "absent"]
    confirmed = bool(absent) and absent[-1] - absent[0] >= CONFIG.confirm_days
    assert (after(*looks).gone_at is not None) == (stated or confirmed)


@given(st.floats(0, 1e10), st.floats(-1e10, 1e10))
def test_nothing_is_due_twice_within_its_interval(then: float, wait: float) -> None:
    for seen, days in ((AVAILABLE, 30), (GONE, 30), (NOT_FOUND, 7), (Seen("unclear", "drm"), 30)):
        known = decide("v1", CONTENT, None, seen, CONFIG, then)
        now = then + wait
        assert is_due(known, CONTENT, CONFIG, now) == (not 0 <= now - then < days * DAY)
    assert is_due(None, CONTENT, CONFIG, then)


def test_reasons_are_told_apart() -> None:
    assert seen_error(PermanentError("private", "x")) == Seen("gone", "private", "x")
    assert seen_error(PermanentError("geo_blocked", "x")) == Seen("absent", "geo_blocked", "x")
    for error in (
        PermanentError("unsupported"),
        PermanentError("bad_certificate"),
        RefusedError("address_not_allowed"),
        RefusedError("removed"),
        PoisonError("memory"),
    ):
        assert seen_error(error).outcome == "unclear"


def test_the_reasons_are_those_of_downloads() -> None:
    """Each slug is one that a sentence of a site, or its status, gives today."""
    from yt_dlp.utils import ExtractorError

    sentences = (
        "Private video", "This video has been removed by the uploader", "This account has been terminated",
        "Video unavailable", "not available in your country", "sign in", "Join this channel", "confirm your age", "DRM",
        "Video unavailable, set to private",
    )  # fmt: skip
    slugs = {classify(ExtractorError(text, expected=True)).error.reason for text in sentences} | {"not_found"}
    assert slugs == STATED | ABSENT
    assert classify(ExtractorError(sentences[-1], expected=True)).error.reason == "private"


@pytest.mark.parametrize(
    ("before", "now", "outcome"),
    [
        ("CC BY", "cc  by", "available"),
        ("CC BY", None, "available"),
        (None, "CC BY", "available"),
        ("CC BY", "All rights reserved", "licence"),
    ],
)
def test_a_licence_changes_when_another_one_is_stated(tmp_path: Path, before: str, now: str, outcome: str) -> None:
    (tmp_path / "f").write_bytes(b"x")
    published = target(tmp_path / "f", licence=before)
    assert seen_published(published, Publication(licence=now)).outcome == outcome


def test_a_local_file_is_gone_when_it_is_another_one(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"one")
    published = target(path)
    assert seen_file(published) == AVAILABLE
    path.write_bytes(b"two")
    assert seen_file(published).reason == "file_changed"
    path.write_bytes(b"one")
    assert seen_file(published._replace(digest="")) == AVAILABLE, "the same bytes at another time"
    path.write_bytes(b"three")
    assert seen_file(published) == Seen("gone", "file_changed", "5 bytes instead of 3")
    path.unlink()
    assert seen_file(published) == Seen("absent", "file_missing"), "perhaps its disk is not there today"
