from __future__ import annotations

import json

import pytest

from evaluation.protocols import NAMES, PROTOCOLS, get
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
