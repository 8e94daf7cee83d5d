from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score

from evaluation.cases import Prediction, Reference
from evaluation.metrics.video import evaluate_videos
from evaluation.protocols import NAMES, PROTOCOLS, VARIANTS, get
from schemas.errors import ConfigError


def test_the_names_are_exact() -> None:
    assert NAMES == (
        "videoxum",
        "videoxum-upstream",
        "tvsum/per-annotator",
        "summe/binary-vs-mean",
        "summe/score-vs-mean",
        "summe/per-annotator",
        "instruct-v2xum",
    )
    assert [get(name) for name in NAMES] == list(PROTOCOLS)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("videoxum-upstraem", "videoxum-upstream"),
        ("VideoXum", "videoxum"),
        ("summe/score_vs_mean", "summe/score-vs-mean"),
        ("tvsum", "tvsum/per-annotator"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{near}'"):
        get(name)


@pytest.mark.parametrize("name", ["", "\x1b[31m\n\ud800", "x" * 100_000])
def test_hostile_names_are_shown_harmlessly(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        get(name)
    text = str(caught.value)
    assert len(text) < 600 and text.isascii() and text.isprintable() and "instruct-v2xum" in text


def test_choices_are_plain_data_and_tell_protocols_apart() -> None:
    for protocol in PROTOCOLS:
        choices = protocol.choices()
        assert json.loads(json.dumps(choices)) == choices
        assert {"selection", "share", "rank_target", "overlap_over", "failure", "undefined", "empty"} <= choices.keys()
        assert {m.name: (m.unit, m.worst) for m in protocol.metrics} == {
            "f1": ("fraction", 0.0),
            "precision": ("fraction", 0.0),
            "recall": ("fraction", 0.0),
            "kendall_tau": ("correlation", -1.0),
            "spearman_rho": ("correlation", -1.0),
        }
    assert get("videoxum").choices() != get("videoxum-upstream").choices()


def test_a_variant_changes_its_choice_and_nothing_else() -> None:
    mean, most = get("summe/per-annotator+mean-f1"), get("videoxum+max-f1")
    for made, base, over in ((mean, "summe/per-annotator", "mean"), (most, "videoxum", "max")):
        assert made == replace(get(base), name=made.name, purpose=made.purpose, overlap_over=over)
        assert made.purpose.startswith(get(base).purpose) and made.purpose != get(base).purpose
    raw = get("videoxum-upstream+raw-vt+max-f1")
    assert raw == get("videoxum-upstream+max-f1+raw-vt") and raw.name == "videoxum-upstream+max-f1+raw-vt"
    assert raw.vt_frames == "raw" and raw.overlap_over == "max" and get("videoxum").vt_frames == "unit"
    for base in NAMES:
        for variant in VARIANTS:
            if any(getattr(get(base), field) != value for field, value in variant.changes.items()):
                assert get(f"{base}+{variant.name}").name == f"{base}+{variant.name}"


def test_the_f1_of_the_best_annotator_and_of_the_mean() -> None:
    rng = np.random.default_rng(3)
    people, chosen = rng.random((10, 60)) < 0.2, rng.random(60) < 0.15
    pair = (Reference("v", 60, selections=people), Prediction("v", selected=chosen))
    each = [f1_score(row, chosen) for row in people]
    [most], [mean] = (evaluate_videos(get(name), [pair]) for name in ("videoxum+max-f1", "videoxum"))
    assert most.values["f1"] == pytest.approx(max(each)) and mean.values["f1"] == pytest.approx(np.mean(each))
    assert most.values["kendall_tau"] == mean.values["kendall_tau"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("summe/per-annotator+max-f1", "is max-f1 already"),
        ("summe/per-annotator+mean_f1", "did you mean 'mean-f1'"),
        ("videoxum+max-f1+max-f1", "twice"),
        ("videoxum+max-f1+mean-f1", "twice|already"),
        ("videoxun+max-f1", "did you mean 'videoxum'"),
        ("videoxum+", "no variant is called ''"),
        ("videoxum+\x1b[31m\n" + "x" * 9000, "no variant"),
    ],
)
def test_a_variant_that_cannot_be_is_refused(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        get(name)
    assert len(str(caught.value)) < 600 and str(caught.value).isprintable()
