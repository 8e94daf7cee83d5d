"""A probe that ends early is recorded as a probe that ended, whatever ended it."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.pipeline.run import open_run
from curation.report.write import write_report
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError, Interrupted, V2XumError
from tests.curation.scripted_stages import sources
from tests.runs import CONFIG


@pytest.mark.slow
@pytest.mark.parametrize("error", [ConfigError("a key is not accepted any more"), Interrupted("by the user")])
def test_a_probe_that_is_stopped_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: V2XumError) -> None:
    from flows import probe as module

    def failing(*_: object) -> None:
        raise error

    monkeypatch.setattr(module, "run_shards", failing)
    with open_run(tmp_path, load_config(CONFIG)) as run:
        ids = run.services.ledger.register(sources(3))
        with pytest.raises(type(error)):
            module.probe.fn(tmp_path, ids)
        last = run.services.ledger.last_run()
        assert last is not None and last.outcome == "probe stopped" and last.ended_at is not None
        summary = write_report(run.workspace, run.services)
        assert (summary.run, summary.outcome, summary.verdict) == (None, None, "Nothing was curated here yet.")
