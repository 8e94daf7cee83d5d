"""What the results of a workspace have cost, by the model and the lane that made them."""

from __future__ import annotations

from typing import Any

import pytest

from curation.ledger.entries import record_entry
from curation.pipeline.turns import lane_of
from curation.plan.costs import QUANTITIES, column, costs_of
from curation.plan.estimate import Measured, advice, estimate
from schemas.configuration.config import CurateConfig
from schemas.parts.transcript import Transcript
from tests.curation.plan.test_estimate import LOCAL, due, probed

WHISPER = {"engine": "openai", "model": "whisper", "base_urls": ["http://127.0.0.1:8000/v1"]}


def config(mode: str, transcriber: dict[str, object] | None = None) -> CurateConfig:
    models: dict[str, Any] = {"captioner": LOCAL, "summarizer": LOCAL, "transcriber": transcriber}
    return CurateConfig.model_validate(
        {"name": "p", "models": models, "download": {"subtitles": ["en"]}, "transcribe": {"mode": mode}}
    )


def test_recognition_is_a_models_work_and_reading_subtitles_is_none() -> None:
    for mode, lane in (("publisher", None), ("recognise", "model"), ("publisher-first", "model")):
        asked = config(mode, WHISPER)
        assert lane_of("transcribe", asked) == lane
        entry = record_entry("v", "transcribe", "f", Transcript(source="recognised"), 12.5)
        assert costs_of(entry, asked) == ({"transcriber_seconds": 12.5, "model_seconds": 12.5} if lane else {})
    assert (lane_of("caption", config("publisher")), lane_of("frames", config("publisher"))) == ("model", "decode")


@pytest.mark.parametrize(
    ("recogniser", "told"),
    [
        (WHISPER, "give models.transcriber more replicas"),
        ({"engine": "faster_whisper", "model": "small"}, "serve a Whisper model with vLLM for models.transcriber"),
    ],
)
def test_a_plan_counts_what_recognition_takes(recogniser: dict[str, object], told: str) -> None:
    material, settings = probed(6), config("recognise", recogniser)
    base = estimate(material, due(100), settings, Measured())
    cost = material.cost.copy()
    for name in ("model_seconds", "transcriber_seconds"):
        cost[:, column("caption"), QUANTITIES.index(name)] += 500
    spans = tuple((*of, of[-1]._replace(began=of[-1].ended, ended=of[-1].ended + 500)) for of in material.spans)
    found = estimate(material._replace(cost=cost, spans=spans), due(100), settings, Measured())
    assert found.lanes["model"].expected == pytest.approx(base.lanes["model"].expected + 100 * 500)
    assert found.bottleneck == "model" and told in advice(found, settings)
    assert (found.gpu_seconds.expected > 0) == (recogniser is WHISPER), "models of this process are on its processor"
