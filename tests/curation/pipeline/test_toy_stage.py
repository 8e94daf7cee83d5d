"""One record, one function and one entry in the table are a stage: every command knows it."""

from __future__ import annotations

import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.ledger.stages import STAGES, Stage
from curation.pipeline.process import Inputs, process
from curation.pipeline.run import Run, open_run
from curation.pipeline.services import Services
from curation.pipeline.stage_functions import FUNCTIONS, stage_function
from curation.pipeline.turns import workers
from curation.plan.costs import column, gather
from curation.report.write import write_report
from curation.status.counts import summarize
from curation.status.explain import explain
from curation.status.standings import due
from curation.workspace import Workspace
from schemas.documents.status import LastRunCounts
from schemas.errors import PermanentError
from schemas.records import Effort, Record, Summary
from tests.curation.pipeline.test_upgrade import ARCHIVE


class WordCount(Record):
    """How many words a summary has."""

    words: int
    effort: Effort


def count_words(_services: Services, inputs: Inputs) -> WordCount:
    summary = inputs.record("refine", Summary)
    if inputs.id in REFUSED:
        raise PermanentError("too_many_words", "more than anybody reads")
    return WordCount(words=len(summary.v2t.split()), effort=Effort(tokens_in=7, tokens_out=3, attempts=1))


REFUSED: set[str] = set()
TOY = Stage("toy", 1, ("refine",), WordCount, lane="model", asks="judge", checks="refine")


@pytest.fixture
def place(tmp_path: Path, stages_of_0_1: None) -> Iterator[Workspace]:
    """Two finished samples, and the toy stage in the table."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "workspace", filter="data")
    STAGES.add(TOY)
    FUNCTIONS["toy"] = count_words
    REFUSED.clear()
    yield Workspace(tmp_path / "workspace")
    del FUNCTIONS["toy"]
    STAGES.remove("toy")


def carry(run: Run, ids: list[str]) -> None:
    services = run.services
    process(
        "toy",
        ids,
        ledger=services.ledger,
        hashes=services.hashes,
        work=stage_function(services, "toy"),
        progress=run.counts,
        stop=threading.Event(),
        workers=workers("toy", services.config),
    )


@pytest.mark.slow
def test_a_new_stage_is_known_everywhere(place: Workspace) -> None:
    with open_run(place.root, place.config()) as run:
        view = run.services.view
        waiting = due(view, [source.id for source in view.ledger.sources()])
        assert set(waiting.values()) == {"toy"} and len(waiting) == 2
        assert summarize(view).stages["toy"].due == 2

        first, second = waiting
        REFUSED.add(second)
        number = view.ledger.begin_run()
        carry(run, list(waiting))
        view.ledger.end_run(number, "finished", run.counts.rows())

        status = summarize(view)
        assert (status.samples, status.rejected, status.reasons["toy: too_many_words"]) == (1, 3, 1)
        assert status.stages["toy"].last_run == LastRunCounts(made=1, reused=0, rejected=1)
        told = explain(view, first)
        assert told.stages["toy"].record["words"] > 3 and told.stages["toy"].tokens_in == 7
        assert explain(view, second).rejections[0].stage == "toy"

        probed = gather(run.services)
        toy = column("toy")
        assert probed.entered[:, toy].sum() == 2 and probed.cost[:, toy].sum() > 0
        summary = write_report(place, run.services)
        assert (summary.stages["toy"].done, summary.stages["toy"].rejected) == (1, 1)

    from flows.cli.main import application
    from tasks.policies import options, tags

    config = place.config()
    assert tags("toy", config) == ("gpu",) and options("toy", 3, config)["task_run_name"] == "toy-00003"
    done = CliRunner().invoke(application(), ["retry", str(place.root), "--stage", "toy", "--class", "permanent"])
    assert done.exit_code == 0 and done.stdout.startswith("1 rejection forgotten")

    REFUSED.clear()
    with open_run(place.root, place.config()) as run:
        assert due(run.services.view, [first, second]) == {second: "toy"}
        carry(run, [first, second])
        assert run.counts.rows()["toy"] == {"made": 1, "reused": 1, "rejected": 0}
        assert summarize(run.services.view).samples == 2


def test_another_version_of_a_stage_makes_its_results_due(place: Workspace) -> None:
    with open_run(place.root, place.config()) as run:
        ids = list(due(run.services.view, [s.id for s in run.services.ledger.sources()]))
        carry(run, ids)
        assert due(run.services.view, ids) == {}
        STAGES.remove("toy")
        STAGES.add(Stage("toy", 2, TOY.needs, WordCount, lane=TOY.lane, asks=TOY.asks, checks=TOY.checks))
        assert set(due(run.services.view, ids).values()) == {"toy"}
