"""A real, weak language model under the production prompts: nothing that it parrots or garbles is published."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import smollm2

# Why a summary of this model may be refused. Anything else is a fault of ours.
REFUSED = {
    *("prompt_echo", "degenerate_text", "keyframes_alike", "extract_failed", "refine_failed"),
    *("unsupported", "awaits_review"),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return smollm2.checkpoint()


@pytest.mark.slow
@pytest.mark.prefect
def test_what_a_weak_model_writes_is_published_only_where_it_is_sound(model: Path, tmp_path: Path) -> None:
    result = smollm2.measure(tmp_path, 2)
    assert result["samples"] + sum(result["reasons"].values()) == 2 and result["pending"] == 0, result
    assert {reason.split(": ")[1] for reason in result["reasons"]} <= REFUSED
    assert [result[name] for name in smollm2.FAULTS] == [0] * len(smollm2.FAULTS), result["texts"]
    assert all("onions" not in text for text in result["texts"])


def test_faults_are_counted(tmp_path: Path) -> None:
    """The counts are not always 0: each of them finds what it is for."""
    from schemas.configuration.config import CurateConfig
    from tests.curation.samples import make_sample

    sample = make_sample()
    sentences = tuple(s.model_copy(update={"text": "A man chops onions."}) for s in sample.summary.v2vt)
    summary = sample.summary.model_copy(update={"v2t": "A man chops onions.", "v2vt": sentences})
    parroted = sample.model_copy(update={"summary": summary})
    config = CurateConfig.model_validate(smollm2.configuration(tmp_path) | {"refine": {"prompt": "refine.v1"}})
    found = smollm2.faults([parroted, parroted], config)
    assert found["echoes"] == 2 * len(sentences) and found["repeated_summaries"] == 1
