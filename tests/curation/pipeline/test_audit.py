"""The audit as a stage: real CLIP, ledger, fingerprints, workers, and what `explain` shows of it."""

import json
import threading
from pathlib import Path

import pytest

from curation.audit.audit import NO_CLIP
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.pipeline.process import process
from curation.pipeline.services import Services
from curation.pipeline.stage_functions import stage_function
from curation.pipeline.turns import workers
from curation.status.explain import explain
from curation.status.standings import Standings
from curation.status.view import LedgerView
from curation.store.store import Store
from flows.cli.printing.print_explanation import print_explanation
from models.build import build_clip
from schemas.audit import Audit
from schemas.configuration.config import AuditConfig, CurateConfig
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import TransformersClip
from schemas.documents.status import ExplainedStage, Explanation
from schemas.errors import PromptError
from schemas.repository import ROOT
from tests.curation.audited import JUDGE_PROMPT, PLAIN, make_script, measure, rated, rotated, true_sentences
from tests.curation.hashes import HASHES
from tests.curation.scripted import Scripted
from tests.curation.scripted_stages import Tally, Works, sources

STRICT = {"min_coverage": 1.0, "max_redundancy": 0.0, "max_unsupported": 0.0}


@pytest.mark.slow
def test_the_demos_own_clip_tells_right_pictures_from_wrong_ones() -> None:
    clip = build_clip(TransformersClip(engine="transformers", model=str(ROOT / "data" / "demo" / "clip")))
    tools = PLAIN._replace(clip=lambda: clip)
    pictures = []
    for seed in range(100, 106):
        script = make_script(seed)
        found = measure(seed, tools=tools)
        assert found == measure(seed, tools=tools)
        foreign = make_script(seed + 5000).captions
        texts = tuple(foreign[i % len(foreign)] for i in range(script.duration))
        assert found.grounding.mean > measure(seed, texts=texts, tools=tools).grounding.mean + 0.1
        sentences = rotated(true_sentences(script), len(script.events))
        pictures.append((found.support.pictures, measure(seed, sentences=sentences, tools=tools).support.pictures))
    right, wrong = (sum(column) / len(pictures) for column in zip(*pictures, strict=True))
    assert right > wrong + 0.2


def config(*overrides: str) -> CurateConfig:
    return load_config(ROOT / "configs" / "demo.yaml", ["models.clip=null", *overrides])


JUDGING = "models.judge={engine: openai, model: judge, base_urls: ['http://127.0.0.1:9/v1']}"


def test_the_stage_stores_a_record_with_its_cost_and_rejects_nobody(ledger: Ledger, tmp_path: Path) -> None:
    strict = [f"audit.{name}={value}" for name, value in STRICT.items()]
    services = Services(config(JUDGING, "audit.mode=enable", *strict), ledger, Store(tmp_path / "store"))
    services.__dict__["judge"] = Scripted(lambda r: rated(2))
    ids = ledger.register(sources(2))
    works = Works()
    for stage in STAGES.names:
        work = stage_function(services, stage) if stage == "audit" else works.stage(stage)
        process(
            stage, ids, ledger=ledger, hashes=HASHES, work=work, progress=Tally(), stop=threading.Event(), workers=2
        )
    assert {video.where.state for video in Standings(LedgerView(ledger, HASHES)).walk()} == {"sample"}
    entry = ledger.entry("v000", "audit")
    found = Audit.model_validate_json(entry.payload)
    assert entry.effort == found.effort and entry.effort.tokens_in > 100 and entry.effort.attempts == 1
    assert {m.score for m in found.marks} >= {"redundancy"} and found.rating.mean == 2
    assert explain(LedgerView(ledger, HASHES), "v000").stages["audit"].tokens_in == entry.effort.tokens_in


def test_the_fingerprint_holds_what_the_scores_depend_on(ledger: Ledger, tmp_path: Path) -> None:
    def settings_of(*overrides: str) -> dict[str, str]:
        return dict(Services(config(*overrides), ledger, Store(tmp_path / "store")).hashes.results)

    plain = settings_of()
    changes = ["audit.support=0.4", "audit.mode=enable", JUDGING, "models.embedder={engine: ngram, dimensions: 512}"]
    changed = [settings_of(change) for change in changes]
    assert len({settings["audit"] for settings in (plain, *changed)}) == len(changes) + 1
    assert all({**settings, "audit": ""} == {**plain, "audit": ""} for settings in changed[:3])
    off = settings_of("audit.mode=disable")
    assert settings_of("audit.mode=disable", "audit.support=0.4", JUDGING)["audit"] == off["audit"] != plain["audit"]
    with pytest.raises(PromptError, match=r"nothing\.v9"):
        settings_of(JUDGING, "audit.judge_prompt=nothing.v9")


def test_a_judge_on_a_server_gets_several_videos_at_once() -> None:
    assert workers("audit", config()) == 1
    assert workers("audit", config(JUDGING, "run.model_workers=5")) == 5


def test_explain_shows_scores_marks_and_what_is_missing(capsys) -> None:
    tools = PLAIN._replace(judge=lambda: Scripted(lambda r: rated(2, "It is \x1b[31mred.")), prompt=JUDGE_PROMPT)
    found = measure(100, tools=tools, config=AuditConfig(mode="enable", **STRICT))
    stage = ExplainedStage(
        status="done", fingerprint="f" * 64, digest="d" * 64, runs=1, tokens_in=9, tokens_out=9, requests=1,
        seconds=0.1, record=json.loads(found.canonical()),
    )  # fmt: skip
    answer = Explanation(
        id="v", state="sample", due=None, source=None, rejections=(), stages={"audit": stage}, verdicts=(), review=None
    )
    print_explanation(answer, Path("workspace"))
    said = capsys.readouterr().out
    for words in ("prompt     judge.v1", "marked: coverage is", "the limit is 1", "faithful 2 of 5: It is", NO_CLIP):
        assert words in said
    assert "\x1b[31m" not in said and said.count("supported: 100% of its words") == len(found.support.sentences)
