"""The caption stage with scripted engines: bound pictures, shared captions, failures, limits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import prompts
from curation.text.caption import caption_frames
from schemas.configuration.config import CaptionConfig
from schemas.errors import ConfigError, PermanentError
from schemas.records import Caption
from tests.curation.scripted import CAPTION_PROMPT, Scripted, after, make_frames, make_video, picture


def run(frames, model, config=None, read=picture, **options):
    return caption_frames(make_video(), frames, read, model, CAPTION_PROMPT, config or CaptionConfig(), **options)


@st.composite
def sharing(draw) -> list[int | None]:
    """For each frame None, or an earlier frame that is its representative."""
    same: list[int | None] = [None]
    for _ in range(draw(st.integers(0, 20))):
        same.append(draw(st.sampled_from([None, *(i for i, s in enumerate(same) if s is None)])))
    return same


@settings(max_examples=60)
@given(sharing(), st.integers(1, 5), st.booleans(), st.sampled_from([0.5, 1.0, 2.0]))
def test_every_frame_has_its_own_or_its_representatives_caption(same, batch, reuse, fps) -> None:
    frames = make_frames(same, fps)
    model = Scripted(lambda r: f"A man sees {r.image.decode()}.", batch=batch)
    result = run(frames, model, reuse=reuse)
    assert [c.index for c in result.captions] == list(range(len(same))) and not result.failed
    for frame, caption in zip(frames.frames, result.captions, strict=True):
        owner = frame.index if frame.same_as is None or not reuse else frame.same_as
        assert caption.text == f"A man sees picture {owner}."
        assert caption.reused_from == (None if owner == frame.index else owner)
        assert caption.effort.attempts == (owner == frame.index)
        assert (caption.time, caption.pts, caption.image_sha256) == (frame.time, frame.pts, frame.sha256)
    asked = [r.image for r in model.requests]
    assert asked == [picture(f.index) for f in frames.frames if not reuse or f.same_as is None]
    assert all(r.text == "Describe" and r.schema is None for r in model.requests)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "empty"),
        (" \n\x00\u2028", "empty"),
        ("...!?", "no_words"),
        ("12 34", "no_words"),
        ("word" * 300, "too_long"),
        ("A man walks " + "around and " * 20, "degenerate_text: it repeats itself"),
        (("A man walks aro", "length"), "cut_off"),
    ],
)
def test_bad_captions_are_asked_again_and_then_fail_with_their_text(bad, reason) -> None:
    frames = make_frames([None] * 3)
    result = run(frames, Scripted(after([bad, bad], lambda r: "A man.")))
    assert [c.effort.attempts for c in result.captions] == [3, 3, 3]

    def rule(request):
        return bad if request.image == picture(1) else "A man."

    result = run(frames, Scripted(rule), CaptionConfig(max_failed=0.5, attempts=2))
    assert [f.index for f in result.failed] == [1]
    assert result.failed[0].reason.startswith(reason)
    assert result.failed[0].raw == (bad if isinstance(bad, str) else bad[0])[:2000]
    with pytest.raises(PermanentError, match="1 of 3 frames") as caught:
        run(frames, Scripted(rule), CaptionConfig(max_failed=0.3))
    assert caught.value.reason == (reason.split(":")[0] if reason.startswith("degenerate") else "captions_failed")
    assert reason in caught.value.evidence


def test_a_caption_that_repeats_the_prompt_is_an_echo() -> None:
    prompt = prompts.load("caption.v1")
    echo = "You caption one frame of a video for people who cannot see it."
    model = Scripted(after([echo], lambda r: "A man."))
    result = caption_frames(make_video(), make_frames([None]), picture, model, prompt, CaptionConfig())
    assert result.captions[0].text == "A man." and [r.variant for r in model.requests] == [0, 1]
    with pytest.raises(PermanentError, match="prompt_echo") as caught:
        caption_frames(make_video(), make_frames([None]), picture, Scripted(lambda r: echo), prompt, CaptionConfig())
    assert caught.value.reason == "prompt_echo"


def test_the_language_that_is_asked_for() -> None:
    model = Scripted(lambda r: "Ein Mann schneidet Zwiebeln in der Küche.")
    with pytest.raises(PermanentError, match="language de, asked for en"):
        run(make_frames([None]), model)
    for language in ("de", None):
        assert not run(make_frames([None]), model, CaptionConfig(language=language)).failed
    with pytest.raises(ConfigError, match="no language 'qq'"):
        run(make_frames([None]), model, CaptionConfig(language="qq"))


def test_a_repaired_text_is_recorded_as_repaired() -> None:
    result = run(make_frames([None]), Scripted(lambda r: "A man\n\x07 walks. "))
    assert result.captions[0].text == "A man walks." and result.captions[0].effort.repaired
    result = run(make_frames([None]), Scripted(lambda r: " A man walks.\n"))
    assert result.captions[0].text == "A man walks." and not result.captions[0].effort.repaired


def test_followers_fail_with_their_representative() -> None:
    frames = make_frames([None, 0, 0, None])
    result = run(frames, Scripted(lambda r: "" if r.image == picture(0) else "A dog."), CaptionConfig(max_failed=0.8))
    assert [f.reason for f in result.failed] == ["empty", *["representative_failed: frame 0"] * 2]
    assert [c.index for c in result.captions] == [3]
    with pytest.raises(PermanentError, match="captions_failed"):
        run(frames, Scripted(lambda r: ""), CaptionConfig(max_failed=1.0))


def test_a_picture_that_is_not_the_sampled_one_is_never_captioned() -> None:
    model = Scripted(lambda r: "A man.")
    with pytest.raises(PermanentError, match="frame_changed"):
        run(make_frames([None, None]), model, read=lambda i: picture(0))

    def missing(index):
        raise FileNotFoundError(index)

    with pytest.raises(PermanentError, match="frame_missing"):
        run(make_frames([None]), model, read=missing)
    with pytest.raises(PermanentError, match="frame_changed"):
        run(make_frames([None]).model_copy(update={"video_sha256": "b" * 64}), model)
    assert not model.calls


def test_only_one_batch_of_pictures_is_read_ahead() -> None:
    read: list[int] = []

    def reading(index):
        read.append(index)
        return picture(index)

    def rule(request):
        assert len(read) <= 4 * (1 + int(request.image.split()[1]) // 4)
        return "A man."

    result = run(make_frames([None] * 10), Scripted(rule, batch=4), read=reading)
    assert all(isinstance(c, Caption) for c in result.captions) and read == list(range(10))
