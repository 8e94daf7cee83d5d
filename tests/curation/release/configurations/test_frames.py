"""A row a sampled frame: captions, keyframes, and whether a model or a person made them."""

from curation.dataset.rows import row_of
from curation.release.configurations.configuration import Published
from curation.release.configurations.frames import FRAMES
from curation.review.rules import applied
from schemas.configuration.review_config import ReviewConfig
from schemas.records import FailedCaption, Sample
from schemas.review import AddedKeyframe, KeyframeVerdict
from tests.curation.people import verdict
from tests.curation.samples import make_sample


def rows(sample: Sample) -> list[dict[str, object]]:
    assert FRAMES.of_sample is not None
    return list(FRAMES.of_sample(Published(sample, row_of(sample, "train", None), None)))


def test_a_machines_rows_name_its_models() -> None:
    made = make_sample("v000", 6, (0, 3))
    found = rows(made)
    assert [row["index"] for row in found] == list(range(6))
    assert [row["keyframe"] for row in found] == [True, False, False, True, False, False]
    assert {row["caption_by"] for row in found} == {"tiny-vlm"} and {row["keyframe_by"] for row in found} == {
        "tiny-llm"
    }
    assert not any(row["reviewed"] for row in found)
    assert all(row.keys() == FRAMES.features().keys() for row in found)


def test_a_frame_without_a_caption_says_why() -> None:
    made = make_sample("v000", 4, (0, 3))
    failed = FailedCaption(index=2, time=2.0, reason="empty")
    captions = tuple(caption for caption in made.captions.captions if caption.index != 2)
    found = rows(
        made.model_copy(
            update={"captions": made.captions.model_copy(update={"captions": captions, "failed": (failed,)})}
        )
    )
    assert (found[2]["caption"], found[2]["caption_missing"]) == (None, "empty")
    assert found[1]["caption_missing"] is None


def test_what_a_person_changed_names_the_person_and_the_rest_the_models() -> None:
    made = make_sample("v000", 8, (0, 3, 5))
    texts = {caption.index: caption.text for caption in made.captions.captions}
    judged = (
        KeyframeVerdict(index=0, judged="ok", caption="A better caption.", changed=True),
        KeyframeVerdict(index=3, judged="drop", caption=texts[3]),
        KeyframeVerdict(index=5, judged="ok", caption=texts[5]),
    )
    said = verdict(made, "fix", "ann", keyframes=judged, added=(AddedKeyframe(index=6, time=6.0),))
    fixed = applied(made, [said], ReviewConfig())
    assert isinstance(fixed, Sample) and fixed.review.status == "fixed"
    found = rows(fixed)
    assert [row["index"] for row in found if row["keyframe"]] == [0, 5, 6]
    assert [row["index"] for row in found if row["keyframe_by"] == "ann"] == [3, 6]
    assert [row["index"] for row in found if row["caption_by"] == "ann"] == [0]
    assert found[0]["caption"] == "A better caption." and all(row["reviewed"] for row in found)
