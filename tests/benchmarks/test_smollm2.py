"""A real, weak language model under the production prompts: nothing that it parrots or garbles is published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import smollm2
from benchmarks.audit_study.small_model import section
from models.summarizers import smollm
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError
from schemas.repository import ROOT
from tests.curation.samples import make_sample

# Why a summary of this model may be refused. Anything else is a fault of ours.
REFUSED = {
    *("prompt_echo", "degenerate_text", "keyframes_alike", "extract_failed", "refine_failed"),
    *("unsupported", "awaits_review"),
}


@pytest.fixture(scope="module")
def model() -> Path:
    try:
        return smollm.smollm2()
    except ConfigError as error:
        pytest.skip(str(error))


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
    sample = make_sample()
    sentences = tuple(s.model_copy(update={"text": "A man chops onions."}) for s in sample.summary.v2vt)
    summary = sample.summary.model_copy(update={"v2t": "A man chops onions.", "v2vt": sentences})
    parroted = sample.model_copy(update={"summary": summary})
    config = CurateConfig.model_validate(smollm2.configuration(tmp_path) | {"refine": {"prompt": "refine.v1"}})
    found = smollm2.faults([parroted, parroted], config)
    assert found["echoes"] == 2 * len(sentences) and found["repeated_summaries"] == 1


def test_the_page_shows_the_figures_that_the_benchmark_wrote() -> None:
    folder = ROOT / "docs" / "results"
    result = json.loads((folder / "smollm2.json").read_text(encoding="utf-8"))
    assert [result[name] for name in smollm2.FAULTS] == [0] * len(smollm2.FAULTS)
    assert "\n".join(section(result)) in (folder / "audit.md").read_text(encoding="utf-8")
