"""Captions of clips: every frame gets the sentence about its own picture, whatever else a request shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.binding.canaries import Canary
from curation.text.caption import caption_frames
from curation.text.clips import clips_of
from demo.faulty_server.answers import hash_of
from demo.faulty_server.plan import FaultPlan
from demo.faulty_server.requests import Character
from demo.faulty_server.server import serve
from models.chat import Request
from prompts import load
from schemas.binding import CanaryOutcomes
from schemas.configuration.config import CaptionConfig
from schemas.errors import PermanentError
from schemas.records import CaptionSet, Frame
from tests.curation.scripted import CAPTION_PROMPT, Scripted, make_frames, make_video, picture
from tests.curation.text.test_caption import sharing
from tests.models.remote_models import remote


def config(**keys: object) -> CaptionConfig:
    return CaptionConfig.model_validate({"unit": "clip", **keys})


def run(frames, model: Scripted, keys: CaptionConfig | None = None, **options) -> CaptionSet:
    return caption_frames(make_video(), frames, picture, model, CAPTION_PROMPT, keys or config(), **options)


def seeing(say: Callable[[str], str] = lambda shown: f"A man sees {shown}.") -> Callable[[Request], str]:
    """A rule that answers for every time of the schema with what the picture after it shows."""

    def rule(request: Request) -> str:
        assert request.schema is not None and request.image is None
        keys = [*request.schema["properties"]]
        shown = request.clip[len(request.clip) - len(keys) :]
        assert [one.name.split("]")[0] for one in shown] == [f"[{key}" for key in keys]
        return json.dumps({key: say(one.image.decode()) for key, one in zip(keys, shown, strict=True)})

    return rule


def canary(number: int) -> Canary:
    return Canary(f"c{number}", f"{number}", f"canary {number}".encode(), (("canary",), (str(number),)))


@settings(max_examples=60)
@given(sharing(), st.integers(1, 9), st.sampled_from([0.5, 1.0, 2.0]), st.integers(2, 5), st.integers(0, 3))
def test_every_frame_has_the_caption_of_its_own_picture(same, batch, fps, size, canaries) -> None:
    frames = make_frames(same, fps)
    model, seen = Scripted(seeing(), batch=batch), list[CanaryOutcomes]()
    result = run(
        frames, model, config(clip_frames=size), canaries=[canary(n) for n in range(canaries)], witness=seen.append
    )
    assert [c.index for c in result.captions] == list(range(len(same))) and not result.failed
    for frame, caption in zip(frames.frames, result.captions, strict=True):
        owner = frame.index if frame.same_as is None else frame.same_as
        assert caption.text == f"A man sees picture {owner}."
    assert [(one.picture, one.right) for one in seen[0].outcomes] == [(f"c{n}", True) for n in range(canaries)]
    shown = [[one.image.decode() for one in request.clip] for request in model.requests]
    assert all(len(row) <= size + 1 for row in shown)
    assert all(len({"canary" in one for one in row}) == 1 for row in shown), "canaries are no part of a scene"
    asked = [f"picture {frame.index}" for frame in frames.frames if frame.same_as is None]
    rows = [row for row in shown if "canary" not in row[0]]
    assert [row[0] for row in rows[1:]] == [row[-1] for row in rows[:-1]], "the last one before comes first"
    assert [one for place, row in enumerate(rows) for one in row[bool(place) :]] == asked


def test_a_request_says_the_times_what_was_shown_before_and_what_stays_the_same() -> None:
    model = Scripted(seeing())
    run(make_frames([None, 0, 0, None, 0, None], 2.0), model, config(clip_frames=2))
    names = [[one.name for one in request.clip] for request in model.requests]
    assert names == [
        ["[0] (unchanged until 1)", "[1.5]"],
        ["[1.5] (shown before)", "[2.5]"],
    ]
    first, _ = model.requests
    assert first.text == "Describe" and first.max_tokens == 2 * (77 + 12)
    assert first.schema is not None and first.schema["required"] == ["0", "1.5"]


@pytest.mark.parametrize(
    "bad", ["no JSON", "[]", '{"0": "A man."}', '{"0": "A man.", "1": "A cat.", "9": "A dog."}', '{"0": 1, "1": 2}']
)
def test_a_clip_without_a_usable_reply_is_asked_frame_by_frame(bad: str) -> None:
    good = seeing()
    model = Scripted(lambda request: bad if len(request.clip) > 1 and request.clip[0].name == "[0]" else good(request))
    result = run(make_frames([None] * 2), model, config(clip_frames=2, attempts=2))
    assert [caption.text for caption in result.captions] == ["A man sees picture 0.", "A man sees picture 1."]
    assert [len(request.clip) for request in model.requests] == [2, 2, 1, 2]
    assert sum(caption.effort.attempts for caption in result.captions) == 4, "what was in vain is counted too"


def test_one_bad_caption_costs_its_own_frame_alone() -> None:
    model = Scripted(seeing(lambda shown: "..." if shown == "picture 2" else f"A man sees {shown}."))
    result = run(make_frames([None] * 10), model, config(clip_frames=4, max_failed=0.2))
    assert [failed.index for failed in result.failed] == [2] and result.failed[0].reason == "no_words"
    assert [caption.index for caption in result.captions] == [0, 1, *range(3, 10)]


def test_a_server_that_takes_no_clips_fails_the_video_and_says_why() -> None:
    model = Scripted(lambda _: ("At most 1 image(s) may be provided in one prompt.", "refused"))
    with pytest.raises(PermanentError, match=r"captions_failed.*At most 1 image"):
        run(make_frames([None] * 3), model)


@given(st.lists(st.booleans(), max_size=30), st.integers(2, 6))
def test_clips_hold_every_subject_once_and_in_order(kinds: list[bool], size: int) -> None:
    frames = make_frames([None] * max(1, len(kinds))).frames
    subjects = [canary(place) if kind else frames[place] for place, kind in enumerate(kinds)]
    clips = clips_of(subjects, size)
    for kind in (Frame, Canary):
        told = [one for clip in clips for one in clip.subjects if isinstance(one, kind)]
        assert told == [one for one in subjects if isinstance(one, kind)]
    assert all(1 <= len(clip.subjects) <= size and len({type(one) for one in clip.subjects}) == 1 for clip in clips)


@pytest.mark.parametrize("images", ["base64", "file"])
def test_over_a_server_every_frame_has_the_caption_of_its_picture(images: str, tmp_path: Path) -> None:
    frames = make_frames([None] * 40)
    plan = FaultPlan(seed=3, server_error=0.1, truncate=0.2, rate_limit=0.1, retry_after=0.05)
    with serve(plan, character=Character(media_path=tmp_path)) as server:
        media = {"images": images, "media_path": str(tmp_path), "retries": 9, "backoff": 0.01}
        with remote(server.url, **media) as model:
            result = caption_frames(make_video(), frames, picture, model, load("caption-clip.v1"), config())
        assert server.stats.read().faults, "some replies had to be asked for again"
    assert not result.failed
    for frame, caption in zip(frames.frames, result.captions, strict=True):
        assert hash_of(caption.text) == hashlib.sha256(picture(frame.index)).hexdigest()[:16]
    assert not [*tmp_path.rglob("*.jpg")]
