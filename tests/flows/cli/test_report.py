"""The report of a workspace: written at the end of every run, and anew by `v2xum report`."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.pipeline.services import Services
from curation.pipeline.throughput import History
from curation.plan import costs as probed
from curation.report.last_summary import last_summary, summary_path
from curation.report.write import report_path, try_report, write_report
from curation.workspace import Workspace
from flows.artifacts import figures
from flows.cli.demo import require_samples
from flows.cli.main import application
from pages.markdown import escape_markdown
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.documents.run_summary import RunSummary
from schemas.documents.status import WorkspaceStatus
from schemas.errors import ConfigError, PermanentError
from tests.curation.scripted_stages import Works, run_all, sources
from tests.runs import CONFIG

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Workspace, Services]]:
    """A workspace of ten scripted videos, one of them rejected, after a finished run."""
    place = Workspace(tmp_path / "workspace")
    config: CurateConfig = load_config(CONFIG)
    ledger = place.ledger()
    place.save_config(config)
    with Services(config, ledger, place.store()) as services:
        ids = ledger.register(sources(10))
        run = ledger.begin_run()
        trouble = {("frames", "v003"): [PermanentError("no_video_stream", "| a | `b` <i>")]}
        run_all(ledger, ids, Works(trouble=trouble), services.hashes)
        ledger.end_run(run, "finished", {"caption": {"made": 9, "reused": 0, "rejected": 0}})
        yield place, services
        ledger.close()


def run_of(services: Services) -> History:
    with History(services.meter, every=0.01) as history:
        services.meter.reply(1000, 100)
        services.meter.frame()
        services.meter.failure("timeout")
        with services.meter.waiting("decode"):
            time.sleep(0.05)  # so that a rate has some time below it
    return history


def test_the_summary_says_what_happened_and_reads_back(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    summary = write_report(place, services, run_of(services))
    assert last_summary(place) == summary
    assert RunSummary.model_validate_json(summary_path(place).read_text()) == summary
    document = json.loads(summary_path(place).read_text())
    assert (document["version"], document["run"], document["outcome"]) == (1, 1, "finished")
    assert [document[k] for k in ("videos", "samples", "rejected", "retryable", "pending")] == [10, 9, 1, 0, 0]
    assert document["reasons"] == {"frames: no_video_stream": 1}
    assert document["stages"]["caption"]["run_made"] == 9
    assert document["totals"]["tokens_in"] == 1000 and document["totals"]["failures"] == {"timeout": 1}
    assert document["tokens_in_per_second"] > 0 and document["series"]["tokens_in"][-1] == 1000
    assert {use["role"] for use in document["models"]} >= {"captioner", "summarizer", "embedder"}
    assert document["models"][0]["prompts"] and document["ratio"]["count"] == 9
    assert sorted(path.name for path in report_path(place).parent.iterdir()) == ["report.html", "summary.json"]


def test_written_anew_it_keeps_how_the_run_went_and_why_it_stopped(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    first = write_report(place, services, run_of(services), why="server gone at /home/me/secret/place.sock")
    assert first.why == "server gone at place.sock"
    again = write_report(place, services)
    assert again == first
    services.ledger.begin_run()  # a later run that was killed
    after = write_report(place, services)
    assert (after.run, after.outcome, after.why, after.totals.tokens_in) == (2, "running", None, 0)
    assert "not known" in after.verdict


def test_what_needs_attention_is_flagged_in_words_everywhere(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    summary = write_report(place, services, run_of(services))
    states = {finding.key: finding.state for finding in summary.findings}
    assert states["set_aside"] == "ok" and states["ratio"] == "look", summary.findings
    ratio = next(finding for finding in summary.findings if finding.key == "ratio")
    assert summary.findings[0] == ratio, "the worst first"
    page = report_path(place).read_text()
    assert '<span class="badge state look">look</span>' in page and ratio.why in page
    shown = CliRunner().invoke(application(), ["status", str(place.root)])
    assert f"look   {ratio.figure}: {ratio.value}; {ratio.why}" in shown.stdout
    document = json.loads(CliRunner().invoke(application(), ["status", str(place.root), "--json"]).stdout)
    assert {each["key"]: each["state"] for each in document["findings"]} == states
    assert escape_markdown(f"look: {ratio.figure}") in figures(summary, report_path(place))
    summary_path(place).unlink()
    assert ratio.figure not in CliRunner().invoke(application(), ["status", str(place.root)]).stdout


@pytest.mark.slow
def test_a_probe_after_a_run_leaves_the_figures_of_the_run(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    first = write_report(place, services, run_of(services))
    for outcome in ("probed", "probe stopped", None):
        number = services.ledger.begin_run("probing")
        if outcome:
            services.ledger.end_run(number, outcome, {})
        assert write_report(place, services) == first
    newest = services.ledger.last_run()
    assert newest is not None and newest.outcome == "probing"


def test_while_a_run_goes_on_the_command_writes_nothing(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    first = write_report(place, services, run_of(services))
    services.ledger.begin_run()
    with place.lock():
        done = CliRunner().invoke(application(), ["report", str(place.root)])
    assert done.exit_code == 1 and "a run is going on" in done.stderr
    assert last_summary(place) == first


def test_evidence_is_linked_for_its_own_alarm_alone(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    folder = report_path(place).parent
    folder.mkdir()
    (folder / "binding.json").write_text(json.dumps({"alarm": {"message": "only 10% of 30 (binding.x: 50%)"}}))
    (folder / "binding.html").write_text("evidence")
    alarm = f"captions are wrong: only 10% of 30 (binding.x: 50%). evidence: {folder}/binding.html"
    for why, linked in ((alarm, True), ("budget reached", False), (None, False)):
        write_report(place, services, run_of(services), why=why)
        assert ('href="binding.html"' in report_path(place).read_text()) is linked
    write_report(place, services, run_of(services), why=alarm)
    write_report(place, services)
    assert 'href="binding.html"' in report_path(place).read_text()
    (folder / "binding.json").write_text("[]")
    write_report(place, services, run_of(services), why=alarm)
    assert 'href="binding.html"' not in report_path(place).read_text()


def test_retry_refuses_what_it_does_not_know(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    for arguments, words in (
        (["--class", "transiant"], "transient, permanent, poison, refused"),
        (["--stage", "captoin"], "download"),
        (["v003", "v0x9"], "no video 'v0x9'"),
    ):
        done = CliRunner().invoke(application(), ["retry", str(place.root), *arguments])
        assert done.exit_code == 2 and words in done.stderr
    assert len(list(services.ledger.rejections())) == 1
    done = CliRunner().invoke(
        application(), ["retry", str(place.root), "v003", "--stage", "frames", "--class", "permanent"]
    )
    assert done.exit_code == 0 and "1 rejection forgotten" in done.stdout


def test_no_more_videos_are_gathered_than_asked(
    opened: tuple[Workspace, Services], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, services = opened
    monkeypatch.setattr(probed, "MOST", 3)
    monkeypatch.setattr(probed, "_export_costs", lambda *_: {})  # scripted samples have no pictures
    first = [f"v00{number}" for number in range(5)]
    assert probed.gather(services, first).ids == ("v000", "v001", "v002")
    assert probed.gather(services, first[4:]).ids == ("v004", "v000", "v001")


def test_a_demo_without_samples_says_why() -> None:
    reasons = {"frames: no_video_stream": 2}
    status = WorkspaceStatus(
        videos=2, samples=0, rejected=2, retryable=0, pending=0, stages={}, reasons=reasons, last_run=None
    )
    with pytest.raises(ConfigError, match="2 frames: no_video_stream"):
        require_samples([], status)


def test_the_command_writes_it_and_prints_where(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    write_report(place, services, run_of(services))
    report_path(place).unlink()
    done = CliRunner().invoke(application(), ["report", str(place.root)])
    assert done.exit_code == 0 and done.stdout.strip() == str(report_path(place))
    assert report_path(place).read_text().startswith("<!doctype html>")
    shown = CliRunner().invoke(application(), ["report", str(place.root), "--json"])
    assert json.loads(shown.stdout)["samples"] == 9
    assert CliRunner().invoke(application(), ["report", str(place.root / "nowhere")]).exit_code == 2


def test_a_report_that_cannot_be_written_changes_nothing(
    opened: tuple[Workspace, Services], caplog: pytest.LogCaptureFixture
) -> None:
    place, services = opened
    (place.root / "report").write_text("in the way")
    assert try_report(place, services, run_of(services)) is None
    assert "could not be written" in caplog.text


def test_the_artifact_is_a_table_that_data_cannot_break(opened: tuple[Workspace, Services]) -> None:
    place, services = opened
    summary = write_report(place, services, run_of(services), why="a | b\n# <script>")
    text = figures(summary, report_path(place))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)
    assert "<script>" not in text.replace("\\<script\\>", "") and "1,000" in text


@pytest.mark.prefect
@pytest.mark.slow
def test_finished_and_stopped_runs_both_leave_a_report(films: Path, v2xum: Cli, tmp_path: Path) -> None:
    arguments = ("curate", CONFIG, "--source", films / "film 0.mp4", "--workspace", tmp_path / "w")
    stopped = v2xum(*arguments, "--max-tokens", 1)
    assert stopped.returncode == 4, stopped.stderr
    place = Workspace(tmp_path / "w")
    told = last_summary(place)
    assert told is not None and told.outcome == "budget" and told.why and told.totals.tokens_in > 0
    assert "The run stopped." in report_path(place).read_text()
    finished = v2xum(*arguments)
    assert finished.returncode == 0, finished.stderr
    told = last_summary(place)
    assert told is not None and (told.run, told.outcome, told.why, told.pending) == (2, "finished", None, 0)
    assert "data:image/jpeg;base64," in report_path(place).read_text()
    assert "report.html" in finished.stdout and "tok/s in" in finished.stderr
