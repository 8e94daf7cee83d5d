"""Opt-outs in the ledger: what they concern is set aside, worked on by nothing, and comes back when they are lifted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.ledger import Ledger
from curation.pipeline.counts import Counts
from curation.pipeline.process import process
from curation.sources.opt_outs import REASON
from curation.status.opt_outs import LIST, take_opt_outs
from curation.status.standings import Standings, due
from curation.status.view import LedgerView
from schemas.configuration.refresh_config import RefreshConfig
from schemas.errors import RefusedError
from tests.curation.hashes import HASHES
from tests.curation.people import finish
from tests.curation.samples import make_sample
from tests.curation.scripted_stages import Works, source

CONFIG = RefreshConfig()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as made:
        yield made


def take(root: Path, ledger: Ledger, *lines: dict[str, object]) -> frozenset[str]:
    (root / LIST).write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return take_opt_outs(root, CONFIG, ledger).videos


def reasons(ledger: Ledger) -> dict[str, str]:
    return {one.id: one.reason for one in Standings(LedgerView(ledger, HASHES)).rejections()}


@pytest.mark.parametrize(
    "line",
    [
        {"address": "http://EXAMPLE.org/v001#t=9"},
        {"channel": "https://www.youtube.com/channel/UCann"},
        {"id": "v001"},
    ],
)
def test_a_sample_leaves_by_id_address_or_channel_and_comes_back(
    tmp_path: Path, ledger: Ledger, line: dict[str, object]
) -> None:
    for name in ("v001", "v002"):
        sample = make_sample(name, channel_id="UCann" if name == "v001" else "UCother")
        finish(ledger, sample.model_copy(update={"source": source(name)}))
    assert take(tmp_path, ledger, line) == {"v001"}
    view = LedgerView(ledger, HASHES)
    assert Standings(view).samples() == ["v002"] and reasons(ledger) == {"v001": REASON}
    noted = ledger.opted_out()
    assert take(tmp_path, ledger, line) == {"v001"} and ledger.opted_out() == noted, "the day stays"
    assert take(tmp_path, ledger, {**line, "lifted": True}) == frozenset()
    assert Standings(view).samples() == ["v001", "v002"] and reasons(ledger) == {}


def test_nothing_works_on_a_source_that_opted_out(tmp_path: Path, ledger: Ledger) -> None:
    ledger.register([source("v001"), source("v002")])
    view = LedgerView(ledger, HASHES)
    assert due(view, ["v001", "v002"]).keys() == {"v001", "v002"}
    take(tmp_path, ledger, {"id": "v001"})
    assert due(view, ["v001", "v002"]).keys() == {"v002"}
    (rejection,) = Standings(view).rejections()
    assert (rejection.title, rejection.address, rejection.evidence) == (None, None, "")


def test_a_download_that_was_refused_for_an_opt_out_is_tried_again_when_it_is_lifted(
    tmp_path: Path, ledger: Ledger
) -> None:
    """Only the publisher's metadata say the channel, so the ledger knows no video that is concerned."""
    ledger.register([source("v001")])
    assert take(tmp_path, ledger, {"channel": "ann"}) == frozenset()
    works = Works({("download", "v001"): [RefusedError(REASON)]})
    work, stop = works.stage("download"), threading.Event()
    process("download", ["v001"], ledger=ledger, hashes=HASHES, work=work, progress=Counts(), stop=stop)
    view = LedgerView(ledger, HASHES)
    assert due(view, ["v001"]) == {} and reasons(ledger) == {"v001": REASON}
    (rejection,) = Standings(view).rejections()
    assert rejection.address is None, "who opted out is named nowhere"
    take(tmp_path, ledger, {"channel": "ann", "lifted": True})
    assert due(view, ["v001"]) == {"v001": "download"}


def test_a_configured_list_leaves_the_list_of_the_workspace_in_force(tmp_path: Path, ledger: Ledger) -> None:
    ledger.register([source("v001"), source("v002"), source("v003")])
    shared = tmp_path / "shared.jsonl"
    shared.write_text('{"id": "v001"}\n{"id": "v002"}\n')
    (tmp_path / LIST).write_text('{"id": "v003"}\n{"id": "v002", "lifted": true}\n')
    found = take_opt_outs(tmp_path, RefreshConfig(opt_outs=str(shared)), ledger)
    assert found.videos == {"v001", "v003"}


def test_without_a_list_nothing_is_read(tmp_path: Path, ledger: Ledger) -> None:
    found = take_opt_outs(tmp_path, CONFIG, ledger)
    assert (found.in_force, found.added, found.lifted, found.videos) == ([], [], [], frozenset())
