"""Filters: the scores that are stored, the videos that are refused, and the effect of each mode."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.sources.filters import judge_publication, judge_video, refuse
from schemas.configuration.config import FilterConfig, ListFilter, ModeFilter, RangeFilter
from schemas.errors import RefusedError
from schemas.records import Origin, Publication, Source, Video


def source(uri="https://videos.example/a.mp4", metadata=None, kind="url"):
    return Source(id="a1", kind=kind, uri=uri, origin=Origin(list_name="l.csv", row=1), metadata=metadata or {})


def video(duration=100.0, height=480):
    return Video(
        **{"id": "a1", "sha256": "0" * 64, "bytes": 1, "extension": "mp4", "container": "mov", "codec": "h264"},
        **{"duration": duration, "fps": 25.0, "width": 640, "height": height, "rotation": 0, "has_audio": False},
        publication=Publication(),
    )


def reason(scores):
    try:
        refuse(scores)
    except RefusedError as error:
        assert error.evidence
        return error.reason
    return None


@settings(max_examples=50)
@given(st.floats(0.01, 1e5), st.none() | st.floats(0, 1e5), st.none() | st.floats(0, 1e5))
def test_durations_inside_the_range_pass_and_others_are_named(duration, low, high):
    config = FilterConfig(duration=RangeFilter(min=low, max=high))
    expected = None
    if low is not None and duration < low:
        expected = "too_short"
    elif high is not None and duration > high:
        expected = "too_long"
    assert reason(judge_video(video(duration), config)) == expected
    before = judge_publication(source(), Publication(), config, duration=duration)
    assert reason(before) == expected


def test_an_unknown_duration_passes_before_and_after():
    config = FilterConfig()
    assert "duration" not in {score.name for score in judge_publication(source(), Publication(), config)}
    (score, _) = judge_video(video(None), config)
    assert (score.passed, score.value, score.detail) == (True, None, "unknown")


def test_height_refuses_as_resolution():
    config = FilterConfig(height=RangeFilter(min=240))
    assert reason(judge_video(video(height=144), config)) == "resolution"
    assert reason(judge_publication(source(), Publication(), config, height=144)) == "resolution"


modes = st.sampled_from(["enable", "disable", "score-only"])
entries = st.lists(st.sampled_from(["en", "EN-us", "de", "CC BY", "cc  by", "All rights reserved"]), max_size=2).map(
    tuple
)
texts = st.sampled_from([None, "", "en", "EN-us", "de", "CC BY", "cc  by", "All rights reserved"])
lists = st.builds(
    ListFilter,
    mode=modes,
    allow=entries,
    deny=entries,
    unknown=st.sampled_from(["keep", "drop"]),
)
ranges = st.builds(RangeFilter, mode=modes, min=st.none() | st.floats(0, 500), max=st.none() | st.floats(0, 500))
configs = st.builds(
    FilterConfig,
    **{"duration": ranges, "height": ranges, "licence": lists, "language": lists, "blocklist": lists},
    live=st.builds(ModeFilter, mode=modes),
)


@settings(max_examples=50)
@given(configs, texts, texts, st.none() | st.booleans(), st.none() | st.floats(0, 500))
def test_modes_decide_only_whether_a_score_is_kept_and_whether_it_refuses(config, licence, language, live, duration):
    said = Publication(licence=licence, language=language, live=live)

    def judge(chosen):
        judged = judge_publication(source(), said, chosen) + judge_video(video(duration), chosen)
        return {score.name: score for score in judged}

    def with_mode(mode):
        fields = {name: getattr(config, name).model_copy(update={"mode": mode}) for name in FilterConfig.model_fields}
        return FilterConfig(**fields)

    given_scores, all_scores = judge(config), judge(with_mode("enable"))
    assert judge(with_mode("disable")) == {}
    for name, score in all_scores.items():
        mode = getattr(config, name).mode
        if mode == "disable":
            assert name not in given_scores
        else:
            assert given_scores[name] == score.model_copy(update={"enforced": mode == "enable"})
    failing = [name for name, score in given_scores.items() if score.enforced and not score.passed]
    assert (reason(given_scores.values()) is not None) == bool(failing)


@pytest.mark.parametrize(
    ("rule", "licence", "expected"),
    [
        (ListFilter(mode="enable", allow=("CC BY 4.0",)), "cc by  4.0", None),
        (ListFilter(mode="enable", allow=("CC BY 4.0",)), "CC BY-NC 4.0", "licence_not_allowed"),
        (ListFilter(mode="enable", deny=("standard",)), "Standard", "licence_not_allowed"),
        (ListFilter(mode="enable", allow=("x",)), None, None),
        (ListFilter(mode="enable", allow=("x",), unknown="drop"), None, "licence_not_allowed"),
        (ListFilter(mode="score-only", allow=("x",)), "y", None),
    ],
)
def test_licences(rule, licence, expected):
    config = FilterConfig(licence=rule)
    assert reason(judge_publication(source(), Publication(licence=licence), config)) == expected
    listed = source(metadata={"licence": licence} if licence else {})
    assert reason(judge_publication(listed, Publication(), config)) == expected


def test_a_language_is_listed_by_its_prefixes():
    config = FilterConfig(language=ListFilter(mode="enable", allow=("en", "zh-hant")))
    for language, passes in (("en-US", True), ("zh_Hant_TW", True), ("zh-Hans", False), ("eng", False)):
        assert (reason(judge_publication(source(), Publication(language=language), config)) is None) == passes


def test_live_is_refused():
    assert reason(judge_publication(source(), Publication(live=True), FilterConfig())) == "live"
    assert reason(judge_publication(source(), Publication(live=False), FilterConfig())) is None


@pytest.mark.parametrize(
    "entry",
    ["a1", "HTTPS://videos.example:443/a.mp4", "videos.example", "example", "Some  Channel", "UC123", "row-id"],
)
def test_the_block_list_takes_ids_addresses_hosts_and_channels(entry):
    config = FilterConfig(blocklist=ListFilter(mode="enable", deny=(entry, "never")))
    said = Publication(channel="some channel", channel_id="UC123")
    scores = judge_publication(source(metadata={"id": "row-id"}), said, config)
    expected = None if entry == "example" else "blocked"
    assert reason(scores) == expected
    assert reason(judge_publication(source(), Publication(), FilterConfig())) is None


def test_a_blocked_youtube_video_is_blocked_under_all_its_addresses():
    config = FilterConfig(blocklist=ListFilter(mode="enable", deny=("https://youtu.be/aB3_-678901",)))
    watched = source("https://www.youtube.com/watch?v=aB3_-678901", kind="youtube")
    assert reason(judge_publication(watched, Publication(), config)) == "blocked"


def test_the_evidence_names_every_failing_filter():
    config = FilterConfig(height=RangeFilter(min=1000))
    with pytest.raises(RefusedError) as caught:
        refuse(judge_video(video(12.0, 480), config))
    assert caught.value.reason == "too_short"
    assert caught.value.evidence == "duration: 12 s, at least 40 s; height: 480 px, at least 1000 px"
