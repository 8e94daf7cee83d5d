"""The denoiser as a stage: off, nothing depends on it; on, later stages read the corrections; off again, it is gone."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from curation.dataset.check import validate
from curation.ledger.ledger import Ledger
from curation.ledger.samples import sample
from curation.ledger.stages import STAGES
from curation.pipeline.identities import identify_models
from curation.pipeline.process import Inputs, process
from curation.pipeline.services import Services
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.pipeline.stage_functions import FUNCTIONS
from curation.status.explain import explain
from curation.status.view import LedgerView
from flows.cli.printing.print_explanation import print_explanation
from prompts import load
from schemas.arrow import Columns, arrow_schema
from schemas.configuration.config import CurateConfig
from schemas.configuration.review_config import ReviewConfig
from schemas.parts.denoised import Correction, Denoised, RefusedCorrection
from schemas.parts.record import Record
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Maker
from schemas.time import Seconds
from tests.curation.hashes import HASHES
from tests.curation.samples import numbered, run_export
from tests.curation.scripted import Scripted
from tests.curation.scripted_stages import Tally, Works, run_all, sources

SERVER = {"engine": "openai", "model": "name", "base_urls": ["http://127.0.0.1:8000/v1"]}
MODELS = {**dict.fromkeys(("captioner", "summarizer"), SERVER), "embedder": {"engine": "ngram"}}
HEARD = Transcript(
    source="automatic",
    language="en",
    segments=tuple(
        SpokenSegment(start=Seconds(n), end=Seconds(n + 1), text=text) for n, text in enumerate(("the kight", "red 5"))
    ),
)
MAKER = Maker(prompt="denoise.v1", prompt_sha256="0" * 64, model="m", revision="r", sampling={"seed": 0})
CORRECTED = Denoised(
    maker=MAKER,
    changes=(Correction(segment=0, before="the kight", after="The kite."),),
    refused=(RefusedCorrection(segment=1, proposed="<b>Red 6</b>", reason="number_changed"),),
)
SPOKEN, BOTH = frozenset({"transcribe"}), frozenset({"transcribe", "denoise"})


def hashes(**keys: object) -> dict[str, str]:
    config = CurateConfig.model_validate(
        {
            "name": "base",
            "models": MODELS,
            "download": {"subtitles": ["en"]},
            "transcribe": {"mode": "publisher"},
            **keys,
        }
    )
    found = stage_hashes(config, load_prompts(config), identify_models(config.models))
    return dict(found.results)


def test_off_no_stage_depends_on_it_and_on_those_that_are_told(tmp_path: Path) -> None:
    off, on = hashes(), hashes(denoise={"mode": "enable"})
    other = hashes(denoise={"mode": "disable", "prompt": "missing", "max_tokens": 99})
    assert off == other, "while it is off no key of it counts, and its prompt is not looked for"
    assert {name for name in off if off[name] != on[name]} == {"denoise", "extract", "refine", "audit"}
    mine = tmp_path / "mine.md"
    mine.write_text("Mend {{ lines }}")
    again = hashes(denoise={"mode": "enable", "prompt": str(mine)})
    assert {name for name in on if on[name] != again[name]} == {"denoise"}
    models = {**MODELS, "summarizer": {**SERVER, "model": "other"}}
    assert hashes(models=models, denoise={"mode": "enable"})["denoise"] != on["denoise"]


def test_it_needs_transcripts() -> None:
    with pytest.raises(ValidationError, match=r"denoise\.mode: enable corrects transcripts"):
        hashes(transcribe={"mode": "disable"}, denoise={"mode": "enable"})


class Spoken(Works):
    def stage(self, name: str) -> Callable[[Inputs], Record]:
        if name not in BOTH:
            return super().stage(name)

        def work(inputs: Inputs) -> Record:
            self.calls.append((name, inputs.id))
            if name == "transcribe":
                return HEARD
            assert inputs.record("transcribe", Transcript) == HEARD
            return CORRECTED

        return work


def run_on(ledger: Ledger, ids: list[str], on: frozenset[str]) -> set[str]:
    """Run all stages that are on; the names of those that had work."""
    told = dict.fromkeys((*on, "extract", "refine", "audit"), f"on {sorted(on)}")
    works, stop = Spoken(), threading.Event()
    known = replace(HASHES, results={**HASHES.results, **told, "transcribe": "same"}, on=on)
    for stage in STAGES.of(on):
        process(stage.name, ids, ledger=ledger, hashes=known, work=works.stage(stage.name), progress=Tally(), stop=stop)
    return {name for name, _ in works.calls}


def test_turned_on_and_off_again_a_sample_has_what_it_was_made_from(
    ledger: Ledger, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ids = ledger.register(sources(2))
    run_all(ledger, ids, Works())
    assert run_on(ledger, ids, SPOKEN) == {"transcribe", "extract", "refine", "audit"}
    assert sample(ledger, ids[0]).transcript == HEARD and sample(ledger, ids[0]).denoised is None

    assert run_on(ledger, ids, BOTH) == {"denoise", "extract", "refine", "audit"}, "nobody hears it again"
    made = sample(ledger, ids[0])
    assert made.denoised == CORRECTED and made.transcript == CORRECTED.applied(HEARD)
    print_explanation(explain(LedgerView(ledger, HASHES, ReviewConfig()), ids[0]), tmp_path)
    shown = " ".join(capsys.readouterr().out.split())
    assert "line 1: the kight to: The kite." in shown and "line 2, number_changed: <b>Red 6</b>" in shown

    assert run_on(ledger, ids, SPOKEN) == set(), "what was made of the lines as they were heard is still there"
    assert sample(ledger, ids[0]).transcript == HEARD and sample(ledger, ids[0]).denoised is None


def test_the_stage_asks_the_summarizer_and_later_stages_read_the_corrections() -> None:
    config = CurateConfig.model_validate(
        {
            "name": "base",
            "models": MODELS,
            "download": {"subtitles": ["en"]},
            "transcribe": {"mode": "publisher"},
            "denoise": {"mode": "enable"},
        }
    )
    model = Scripted(lambda _: json.dumps({"lines": [{"line": 1, "text": "The kite."}]}))
    services = cast(Services, SimpleNamespace(config=config, summarizer=model, prompts={"denoise": load("denoise.v1")}))
    inputs = cast(Inputs, SimpleNamespace(record=lambda stage, kind: HEARD))
    made = FUNCTIONS["denoise"](services, inputs)
    assert isinstance(made, Denoised) and [each.after for each in made.changes] == ["The kite."]


def test_the_export_has_the_column_only_where_a_model_corrects(tmp_path: Path) -> None:
    plain = [one.model_copy(update={"transcript": HEARD}) for one in numbered(3)]
    corrected = [
        one.model_copy(update={"transcript": CORRECTED.applied(HEARD), "denoised": CORRECTED}) for one in plain[:2]
    ]
    nobody = plain[2].model_copy(update={"denoised": Denoised()})
    run_export(tmp_path / "off", plain, columns=Columns(transcripts=True))
    run_export(tmp_path / "on", [*corrected, nobody], columns=Columns(transcripts=True, denoised=True))
    for name, on in (("off", False), ("on", True)):
        assert validate(tmp_path / name) == []
        for path in (tmp_path / name / "data").iterdir():
            assert pq.read_schema(path).equals(arrow_schema(Columns(transcripts=True, denoised=on)))
    rows = [row for path in sorted((tmp_path / "on" / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    by_id = {row["id"]: row["denoised"] for row in rows}
    assert by_id["v000"]["changes"] == [{"segment": 0, "before": "the kight", "after": "The kite."}]
    assert by_id["v000"]["prompt"] == "denoise.v1" and by_id["v000"]["refused"][0]["reason"] == "number_changed"
    assert by_id["v002"]["prompt"] is None and by_id["v002"]["changes"] == [] and by_id["v002"]["attempts"] == 0
