"""A classifier of pictures as a scorer of nudity: as transformers' own pipeline tells, in any batch."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.build import build_nudity
from models.checks import check_nudity
from models.identity import identify_nudity
from models.local.picture_classifier import label_columns
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import PictureClassifier
from schemas.errors import ConfigError, PermanentError
from schemas.repository import ROOT
from tests.classifier import write_classifier


def jpeg(seed: int, size: tuple[int, int] = (48, 36)) -> bytes:
    """A soft picture of its own."""
    made = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(made).resize(size).save(stream, "JPEG", quality=95)
    return stream.getvalue()


PICTURES = [jpeg(seed) for seed in range(7)]


def config(folder: Path, *labels: str, batch: int = 4) -> PictureClassifier:
    return PictureClassifier(engine="transformers", model=str(folder), labels=labels or ("hot",), batch=batch)


def test_scores_are_those_of_the_librarys_own_pipeline(tiny_classifier: Path) -> None:
    from transformers import AutoImageProcessor, pipeline

    pictures: Callable[..., object] = AutoImageProcessor.from_pretrained(tiny_classifier, backend="pil")
    oracle = pipeline("image-classification", model=str(tiny_classifier), image_processor=pictures)
    told = oracle([Image.open(io.BytesIO(data)) for data in PICTURES])
    expected = [next(one["score"] for one in answers if one["label"] == "hot") for answers in told]
    found = build_nudity(config(tiny_classifier)).score(PICTURES)
    assert found == pytest.approx(expected, abs=1e-5)
    assert max(found) - min(found) > 0.01, "the pictures are told apart"


def test_a_batch_changes_no_score(tiny_classifier: Path) -> None:
    scorer = build_nudity(config(tiny_classifier))
    alone = [scorer.score([data])[0] for data in PICTURES]
    for batch in (1, 3, 50):
        assert build_nudity(config(tiny_classifier, batch=batch)).score(PICTURES) == pytest.approx(alone, abs=1e-5)
    assert scorer.score([]) == []


def test_labels_are_added_up_whatever_their_case(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "four", ("Neutral", "Porn", "sexy", "drawing"))
    one, other, both = (build_nudity(config(folder, *labels)) for labels in (["porn"], ["SEXY"], ["Porn", "sexy"]))
    sums = np.add(one.score(PICTURES), other.score(PICTURES))
    assert both.score(PICTURES) == pytest.approx(sums.tolist(), abs=1e-5)
    every = build_nudity(config(folder, "neutral", "porn", "sexy", "drawing"))
    assert every.score(PICTURES) == pytest.approx([1.0] * len(PICTURES), abs=1e-5)
    assert all(score <= 1 for score in every.score(PICTURES))


def test_where_a_picture_may_have_several_labels_the_highest_counts(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "multi", ("a", "b"), problem_type="multi_label_classification")
    one, other, both = (build_nudity(config(folder, *labels)) for labels in ("a", "b", "ab"))
    highest = np.maximum(one.score(PICTURES), other.score(PICTURES))
    assert both.score(PICTURES) == pytest.approx(highest.tolist(), abs=1e-6)


def test_a_label_that_the_checkpoint_does_not_have_is_told_with_those_that_it_has(tiny_classifier: Path) -> None:
    wrong = config(tiny_classifier, "nsfw", "hot")
    with pytest.raises(ConfigError, match=r"no label nsfw; it has: cold, hot"):
        build_nudity(wrong)
    told = [check for check in check_nudity(wrong) if check.status == "fail"]
    assert [check.name for check in told] == ["models.nudity.labels"] and "cold, hot" in told[0].found
    assert all(check.status == "ok" for check in check_nudity(config(tiny_classifier)))


@pytest.mark.parametrize("labels", [{"0": "cold", "5": "hot"}, {"-1": "hot"}, ["hot"], {"x": "hot"}])
def test_labels_that_number_no_answer_are_told(tmp_path: Path, labels: object) -> None:
    folder = write_classifier(tmp_path / "made")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"id2label": labels}))
    with pytest.raises(ConfigError, match="model 'made'"):
        label_columns(config(folder))


def test_labels_in_a_message_are_plain_and_short(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path / "made", ("\x1b[31mred\nline", "b" * 500))
    with pytest.raises(ConfigError) as raised:
        label_columns(config(folder))
    assert str(raised.value).endswith(f"it has: [31mred line, {'b' * 60}")


def test_a_score_that_is_no_number_is_told(tmp_path: Path) -> None:
    scorer = build_nudity(config(write_classifier(tmp_path / "made", layer_norm_eps=float("nan"))))
    with pytest.raises(PermanentError, match="no_number"):
        scorer.score(PICTURES)


def test_pictures_of_any_shape_are_scored_and_other_bytes_are_told(tiny_classifier: Path) -> None:
    scorer = build_nudity(config(tiny_classifier))
    for size in ((1, 1), (3, 3), (2000, 1), (1, 900), (40, 700)):
        (score,) = scorer.score([jpeg(3, size)])
        assert 0 <= score <= 1
    with pytest.raises(PermanentError, match="unreadable_picture"):
        scorer.score([PICTURES[0], b"GIF89a"])


def test_an_identity_is_of_weights_and_labels(tmp_path: Path, tiny_classifier: Path) -> None:
    first = identify_nudity(config(tiny_classifier))
    assert first[0] == tiny_classifier.name and build_nudity(config(tiny_classifier)).revision == first[1]
    assert identify_nudity(config(tiny_classifier, "HOT", batch=1)) == first
    assert identify_nudity(config(tiny_classifier, "cold"))[2] != first[2]
    assert identify_nudity(config(write_classifier(tmp_path / "other", seed=1)))[1] != first[1]


def test_a_checkpoint_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a folder nor a name of the hub"):
        build_nudity(config(tmp_path / "nowhere"))
    assert check_nudity(config(tmp_path / "nowhere"))[0].status == "fail"


def test_a_folder_beside_the_configuration_is_found(tmp_path: Path) -> None:
    write_classifier(tmp_path / "classifier")
    demo = (ROOT / "configs" / "demo.yaml").read_text().replace("../data", str(ROOT / "data"))
    (tmp_path / "c.yaml").write_text(f"{demo}\nsafety: {{mode: enable}}\n")
    chosen = "models.nudity={engine: transformers, model: ./classifier, labels: [hot]}"
    found = load_config(tmp_path / "c.yaml", [chosen]).models.nudity
    assert found is not None and Path(found.model) == tmp_path / "classifier"
