"""A real, weak language model under the production prompts: nothing that it parrots or garbles is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.smollm2_study import curation
from models import smollm
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from tests.curation.samples import make_sample

# Why a summary of this model may be refused. Anything else is a fault of ours.
REFUSED = {
    *("prompt_echo", "degenerate_text", "keyframes_alike", "extract_failed", "refine_failed"),
    *("unsupported", "awaits_review"),
}


@pytest.fixture(scope="module")
def model() -> Path:
    assert smollm.place_of("org/name") == "org/name"
    try:
        return Path(smollm.place_of(smollm.NAME))
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.mark.slow
@pytest.mark.prefect
def test_what_a_weak_model_writes_is_published_only_where_it_is_sound(model: Path, tmp_path: Path) -> None:
    """By the file that is shipped, whose prompts hold the examples that this model likes to copy."""
    result = curation.measure(tmp_path, 1)
    assert result["samples"] + sum(result["reasons"].values()) == 1 and result["pending"] == 0, result
    assert result["prompts"] == ["extract.v1", "refine.v1"]
    assert {reason.split(": ")[1] for reason in result["reasons"]} <= REFUSED
    assert [result[name] for name in curation.FAULTS] == [0] * len(curation.FAULTS), result["texts"]
    assert all("onions" not in text for text in result["texts"])


def test_faults_are_counted() -> None:
    """The counts are not always 0: each of them finds what it is for."""
    sample = make_sample()
    sentences = tuple(s.model_copy(update={"text": "A man chops onions."}) for s in sample.summary.v2vt)
    summary = sample.summary.model_copy(update={"v2t": "A man chops onions.", "v2vt": sentences})
    parroted = sample.model_copy(update={"summary": summary})
    found = curation.faults([parroted, parroted], load_config(curation.CONFIG))
    assert found["echoes"] == 2 * len(sentences) and found["repeated_summaries"] == 1
