"""The watch over repeated summaries in a run: it halts, withdraws, leaves evidence, and holds over resumes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.pipeline.process import Inputs, process
from curation.pipeline.services import Services
from curation.pipeline.stage_functions import stage_function
from curation.report.overview import Overview
from curation.report.summary import sum_up
from curation.status.standings import Standings
from curation.status.view import LedgerView
from curation.store.store import Store
from models.chat import Reply
from schemas.configuration.loading import load_config
from schemas.errors import BindingBroken
from schemas.records import Record, Sample
from schemas.repository import ROOT
from tests.curation.hashes import HASHES
from tests.curation.repeated import ONIONS, unlike_sample
from tests.curation.scripted_stages import Tally, Works, sources

pytestmark = pytest.mark.slow
WITHDRAWN = {"extract", "refine", "audit"}


class Unlike(Works):
    """Scripted stages whose videos are unlike; `summary` is what the summarizer writes, None: a text of its own."""

    summary: str | None = None

    def stage(self, name: str) -> Callable[[Inputs], Record]:
        plain = super().stage(name)

        def work(inputs: Inputs) -> Record:
            made = plain(inputs)
            whole: Sample = unlike_sample(inputs.id, summary=self.summary)
            records = {
                "frames": whole.frames,
                "caption": whole.captions,
                "extract": whole.extract,
                "refine": whole.summary,
            }
            return records.get(name, made)

        return work


def services(ledger: Ledger, folder: Path, *overrides: str) -> Services:
    config = load_config(ROOT / "configs" / "demo.yaml", ["models.clip=null", *overrides])
    return Services(config, ledger, Store(folder / "store"))


def run(opened: Services, works: Works, ids: list[str], stages: tuple[str, ...] = STAGES.names) -> None:
    """One shard through the stages; the audit is the real one. Then the run closes, as after every end."""
    with opened:
        for stage in stages:
            work = stage_function(opened, stage) if stage == "audit" else works.stage(stage)
            process(
                stage, ids, ledger=opened.ledger, hashes=HASHES, work=work, progress=Tally(), stop=threading.Event()
            )


def stages_of(ledger: Ledger, ids: list[str]) -> dict[str, set[str]]:
    heads = ledger.heads(ids)
    return {video: WITHDRAWN & heads[video].keys() for video in ids}


def test_a_parroted_summary_halts_the_run_with_evidence_and_is_written_anew(ledger: Ledger, tmp_path: Path) -> None:
    ids = ledger.register(sources(6))
    works = Unlike()
    works.summary = ONIONS
    ledger.put_replies({"r": Reply(ONIONS, "stop", 1, 1)}, "summarizer")
    with pytest.raises(BindingBroken, match="3 of the last 3 videos have nearly the same summary") as stopped:
        run(services(ledger, tmp_path), works, ids)
    assert stages_of(ledger, ids) == {video: set() for video in ids}, "the unchecked ones of the shard too"
    facts = json.loads((tmp_path / "report" / "binding.json").read_text())
    page = (tmp_path / "report" / "binding.html").read_text()
    assert facts["alarm"]["kind"] == "summaries" and facts["alarm"]["message"] in str(stopped.value)
    assert [one["summary"] for one in facts["repeated"]] == [ONIONS] * 3 and page.count(ONIONS) == 3
    assert "binding.html" in str(stopped.value)

    with pytest.raises(BindingBroken):  # the model is as it was
        run(services(ledger, tmp_path), works, ids)
    works.summary = None
    run(services(ledger, tmp_path), works, ids)
    assert {video.where.state for video in Standings(LedgerView(ledger, HASHES)).walk()} == {"sample"}


def test_two_videos_a_run_are_enough_over_resumes(ledger: Ledger, tmp_path: Path) -> None:
    ids = ledger.register(sources(4))
    works = Unlike()
    works.summary = ONIONS
    run(services(ledger, tmp_path), works, ids[:2])
    assert stages_of(ledger, ids[:2]) == dict.fromkeys(ids[:2], WITHDRAWN)
    with pytest.raises(BindingBroken):
        run(services(ledger, tmp_path), works, ids[2:])
    assert stages_of(ledger, ids) == {video: set() for video in ids}, "those of the run before repeat it, too"


def test_what_another_shard_writes_while_the_run_stops_is_withdrawn(ledger: Ledger, tmp_path: Path) -> None:
    ids = ledger.register(sources(5))
    works = Unlike()
    works.summary = ONIONS
    opened = services(ledger, tmp_path)
    with opened:
        for stage in STAGES.names:
            work = stage_function(opened, stage) if stage == "audit" else works.stage(stage)
            if stage != "audit":
                process(
                    stage, ids[:3], ledger=ledger, hashes=HASHES, work=work, progress=Tally(), stop=threading.Event()
                )
                continue
            with pytest.raises(BindingBroken):
                process(
                    stage, ids[:3], ledger=ledger, hashes=HASHES, work=work, progress=Tally(), stop=threading.Event()
                )
        for stage in STAGES.names[:-1]:  # a shard that was at an earlier stage
            process(
                stage, ids[3:], ledger=ledger, hashes=HASHES, work=works.stage(stage), progress=Tally(),
                stop=threading.Event(),
            )  # fmt: skip
        assert stages_of(ledger, ids)[ids[4]] == {"extract", "refine"}
    assert stages_of(ledger, ids) == {video: set() for video in ids}


def test_the_report_has_the_figures(ledger: Ledger, tmp_path: Path) -> None:
    ids = ledger.register(sources(5))
    works = Unlike()
    works.summary = ONIONS
    opened = services(ledger, tmp_path, "binding.mode=score-only")
    run(opened, works, ids)
    view = LedgerView(ledger, HASHES)
    told = sum_up(opened, Overview(Standings(view), opened.config.extract), None, None)
    assert told.repeats is not None
    assert (told.repeats.videos, told.repeats.same_summary, told.repeats.same_choice) == (5, 5, 5)
