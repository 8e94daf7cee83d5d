"""Metadata of publishers: bounded, of the expected types, and without addresses that grant access."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.download.metadata import announced, choose_tracks, is_live, read_publication
from schemas.records import Publication

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just("\ud800")
    | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        *Publication.model_fields,
        "license",
        "webpage_url",
        "extractor_key",
        "live_status",
        "is_live",
        "subtitles",
        "duration",
    ]
)


@settings(max_examples=100)
@given(st.dictionaries(keys, json_values, max_size=12))
def test_any_metadata_give_a_record(info):
    publication = read_publication(info)
    assert Publication.model_validate_json(publication.canonical()) == publication
    choose_tracks(info, ("en",))
    duration = announced(info, "duration")
    assert duration is None or (duration > 0 and math.isfinite(duration))


def test_the_kept_metadata():
    info = {
        **{"title": "T", "license": "CC BY", "channel_id": "UC1", "tags": ["a", 3, "b"], "live_status": "was_live"},
        "chapters": [{"start_time": 0, "end_time": 9.5, "title": "c"}, {"start_time": "x"}, 4],
        "webpage_url": "https://user:pw@h.example/v?id=1&token=SECRET#x",
        "http_headers": {"Cookie": "SECRET"},
    }
    publication = read_publication(info)
    assert (publication.licence, publication.tags, publication.live) == ("CC BY", ("a", "b"), False)
    assert [chapter.end for chapter in publication.chapters] == [9.5]
    assert publication.webpage_url == "https://h.example/v?id=1"
    assert "SECRET" not in publication.canonical()
    assert read_publication({"title": "x" * 10**6}).title == "x" * 20_000


def test_live_states():
    for status, live in (
        ("is_live", True),
        ("is_upcoming", True),
        ("post_live", True),
        ("was_live", False),
        ("not_live", False),
    ):
        assert is_live({"live_status": status, "is_live": None}) is live
    assert is_live({"is_live": True}) is True
    assert is_live({}) is None


def test_the_publishers_track_comes_first_in_the_richest_format():
    offers = [{"ext": "vtt", "url": "u1"}, {"ext": "json3", "url": "u2"}]
    hls = [{"ext": "vtt", "url": "u3", "protocol": "m3u8_native"}]
    info = {
        "subtitles": {"en-GB": offers, "fr": hls},
        "automatic_captions": {
            "en": offers,
            "de": [{"ext": "vtt", "data": "WEBVTT"}],
            "fr": [{"ext": "exe", "url": "u"}],
        },
    }
    chosen = [(t.language, t.automatic, t.format, t.url, t.data) for t in choose_tracks(info, ("en", "de", "fr", "it"))]
    assert chosen == [("en-GB", False, "json3", "u2", None), ("de", True, "vtt", None, "WEBVTT")]


def test_a_plain_file_has_no_page_and_no_date_of_publication():
    """yt-dlp's entry for a bare file: the date is the file's own, and the page is the file."""
    info = {
        "title": "film",
        "upload_date": "20261129",
        "webpage_url": "http://127.0.0.1:8000/film.mp4",
        "extractor_key": "Generic",
    }
    assert (read_publication(info).upload_date, read_publication(info).webpage_url) == (
        "20261129",
        "http://127.0.0.1:8000/film.mp4",
    )
    publication = read_publication(info | {"direct": True})
    assert (publication.title, publication.upload_date, publication.webpage_url) == ("film", None, None)


def test_subtitles_that_are_no_list_of_tracks_are_none() -> None:
    for tracks in (3, 1.5, True, "vtt", {"ext": "vtt"}, None):
        assert choose_tracks({"subtitles": {"en": tracks}}, ["en"]) == []
