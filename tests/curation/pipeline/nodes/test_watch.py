"""Alarms over what several nodes commit, each too little for an alarm of its own; videos and stages are scripted."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.binding.withdrawal import keep_canaries
from curation.ledger.claims import RUN, Claim
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.pipeline.failure_watch import FailureWatch
from curation.pipeline.nodes.watch import NodeWatch
from curation.pipeline.process import Inputs, process
from curation.pipeline.services import Services
from curation.pipeline.stage_functions import stage_function
from curation.store.store import Store
from schemas.binding import Binding, CanaryOutcome, CanaryOutcomes
from schemas.configuration.loading import load_config
from schemas.errors import AllAlike, BindingBroken, Interrupted
from schemas.records import Record
from schemas.repository import ROOT
from tests.curation.hashes import HASHES
from tests.curation.repeated import ONIONS, unlike_sample
from tests.curation.scripted_stages import Tally, Works, sources
from tests.postgres import new_ledger

WRONG = CanaryOutcomes(outcomes=(CanaryOutcome(picture="p", seed="s", words=(("red",),), said="A dog.", right=False),))


class Films(Works):
    """Scripted stages of unlike videos; `summary` and `binding` are what every node makes, None: as it should be."""

    summary: str | None = None
    binding: Binding | None = None

    def stage(self, name: str):  # type: ignore[no-untyped-def]
        plain = super().stage(name)

        def work(inputs: Inputs) -> Record:
            made = plain(inputs)
            whole = unlike_sample(inputs.id, summary=self.summary)
            records = {"frames": whole.frames, "caption": whole.captions, "extract": whole.extract}
            records |= {"refine": whole.summary} | ({"binding": self.binding} if self.binding else {})
            return records.get(name, made)

        return work


class Group:
    """A driver's watch, and nodes with services and a watch of their own, on one ledger."""

    def __init__(self, ledger: Ledger, folder: Path, nodes: int, *overrides: str) -> None:
        config = load_config(ROOT / "configs" / "demo.yaml", ["models.clip=null", *overrides])
        names = ("driver", *(f"node {n}" for n in range(nodes)))
        self.ledger = ledger
        self.services = [Services(config, ledger, Store(folder / name / "store")) for name in names]
        self.failures = [FailureWatch(5) for _ in names]
        for each in self.services:
            each.binding.repeat_figures()  # they began at the same time: none has seen what another one made
        self.watch = NodeWatch(ledger, self.services[0].binding, self.failures[0])

    def carry(self, node: int, ids: list[str], works: Works) -> None:
        """Carry a shard on a node; the audit is the real one."""
        self.watch.given(ids)
        for stage in STAGES.names:
            work = stage_function(self.services[node], stage) if stage == "audit" else works.stage(stage)
            process(
                stage,
                ids,
                ledger=self.ledger,
                hashes=HASHES,
                work=work,
                progress=Tally(),
                stop=threading.Event(),
                watch=self.failures[node],
            )
        self.watch.done(ids)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def group(opened: ExitStack, ledger: Ledger, folder: Path, nodes: int, *overrides: str) -> Group:
    made = Group(ledger, folder, nodes, *overrides)
    for each in made.services:
        opened.enter_context(each)
    return made


def test_a_summary_that_each_node_makes_once_stops_the_run_and_is_withdrawn(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    ids = ledger.register(sources(4))
    nodes = group(opened, ledger, tmp_path, 3)
    honest, parrot = Films(), Films()
    parrot.summary = ONIONS
    nodes.carry(1, ids[3:], honest)
    for node in (1, 2, 3):
        nodes.carry(node, [ids[node - 1]], parrot)
        if node == 2:
            nodes.watch.look()
    with pytest.raises(BindingBroken, match="3 of the last 4 videos have nearly the same summary"):
        nodes.watch.look()
    heads = ledger.heads(ids)
    assert [sorted({"extract", "refine", "audit"} & heads[video].keys()) for video in ids[:3]] == [[]] * 3
    assert "audit" in heads[ids[3]]
    facts = json.loads((tmp_path / "driver" / "report" / "binding.json").read_text())
    assert [one["summary"] for one in facts["repeated"]] == [ONIONS] * 3
    with pytest.raises(BindingBroken):
        nodes.services[0].raise_if_stopped()


def test_pictures_that_no_node_recognizes_stop_the_run(ledger: Ledger, tmp_path: Path, opened: ExitStack) -> None:
    ids = ledger.register(sources(5))
    nodes = group(opened, ledger, tmp_path, 4)
    works = Films()
    works.binding = Binding(checked=True, asked=1, right=0, captions=3)
    for node, video in enumerate(ids[:4], start=1):
        keep_canaries(ledger, video, WRONG)
        if node == 4:
            nodes.watch.look()  # three are too few
        nodes.carry(node, [video], works)
    nodes.carry(1, ids[4:], Films())  # not checked by the audit
    with pytest.raises(BindingBroken, match="only 0% of the last 4 pictures with known content"):
        nodes.watch.look()
    assert all("caption" not in heads for heads in (ledger.heads(ids)[video] for video in ids[:4]))


def test_what_was_checked_with_an_alarm_or_after_it_is_withdrawn_in_the_end(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    """Four pictures ring; two more were committed before the same look, and two before the nodes have ended."""
    ids = ledger.register(sources(8))
    nodes = group(opened, ledger, tmp_path, 1)
    works = Films()
    works.binding = Binding(checked=True, asked=1, right=0, captions=3)
    for video in ids:
        keep_canaries(ledger, video, WRONG)
    nodes.carry(1, ids[:6], works)
    with pytest.raises(BindingBroken, match="of the last 4 pictures with known content"):
        nodes.watch.look()
    nodes.carry(1, ids[6:], works)
    with pytest.raises(BindingBroken):
        nodes.watch.look()
    nodes.services[0].binding.settle()
    assert [heads for heads in ledger.heads(ids).values() if {"caption", "binding"} & heads.keys()] == []


def test_summaries_that_came_with_an_alarm_are_withdrawn_and_those_before_it_stay(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    ids = ledger.register(sources(5))
    nodes = group(opened, ledger, tmp_path, 4)
    parrot = Films()
    parrot.summary = ONIONS
    nodes.carry(1, ids[:1], Films())
    for node, video in enumerate(ids[1:], start=1):
        nodes.carry(node, [video], parrot)
    with pytest.raises(BindingBroken, match="3 of the last 4 videos have nearly the same summary"):
        nodes.watch.look()
    nodes.services[0].binding.settle()
    assert [video for video, heads in ledger.heads(ids).items() if "audit" in heads] == ids[:1]


def test_captions_that_fit_other_frames_stop_the_run_by_the_sums_that_nodes_commit(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    """Two nodes, each with half of the captions that an alarm needs. Each caption counts as much as on one machine."""
    ids = ledger.register(sources(3))
    nodes = group(opened, ledger, tmp_path, 2, "binding.least=8", "binding.min_match=0.7")
    good, bad = Films(), Films()
    captions = len([c for c in unlike_sample(ids[0]).captions.captions if c.reused_from is None])
    assert captions >= 3
    good.binding = Binding(checked=True, captions=3, compared=3 * 8, matched=24, margin=0.3)
    bad.binding = Binding(checked=True, captions=3, compared=3 * 8, matched=12, margin=-0.1)
    nodes.carry(1, ids[:1], good)
    nodes.carry(1, ids[1:2], bad)
    nodes.watch.look()
    assert nodes.services[0].binding.figures()["captions_compared"] == 6
    assert nodes.services[0].binding.figures()["match_share"] == pytest.approx(0.75)
    nodes.carry(2, ids[2:3], bad)
    with pytest.raises(BindingBroken, match=r"the last 9 captions fit their own frame .* in only 67% of"):
        nodes.watch.look()


def failing(ids: list[str]) -> Works:
    return Works({("caption", video): [AttributeError(f"shape of {video!r} is wrong")] for video in ids})


def test_failures_that_are_alike_on_all_nodes_stop_the_run_and_charge_nobody(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    ids = ledger.register(sources(7))
    nodes = group(opened, ledger, tmp_path, 3)
    for node in (1, 2, 3):
        nodes.carry(node, ids[2 * node - 2 : 2 * node], failing(ids))
    with pytest.raises(AllAlike, match=r"caption: the first 5 videos that were tried all failed in the same way"):
        nodes.watch.look()
    nodes.carry(1, ids[6:], failing(ids))  # a node that has not heard of it yet
    nodes.watch.look()
    assert nodes.failures[0].take_back(ledger) == 7
    assert all("caption" not in heads for heads in ledger.heads(ids).values())


@pytest.fixture
def shared(postgresql: sa.URL) -> Iterator[Ledger]:
    with closing(new_ledger(postgresql)) as opened:
        yield opened


def claimed(ledger: Ledger) -> Claim:
    run = ledger.claim(RUN, "head/1/x/aa")
    assert run is not None
    return run


@pytest.mark.postgresql
def test_a_node_that_stops_the_run_charges_nobody_on_another_node(
    shared: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    """The node forgets its rows before the driver looks, which counts two failures only."""
    run, ids = claimed(shared), shared.register(sources(7))
    nodes = group(opened, shared, tmp_path, 2)
    nodes.carry(2, ids[:2], failing(ids))
    with pytest.raises(AllAlike) as raised:
        nodes.carry(1, ids[2:], failing(ids))
    assert nodes.failures[1].take_back(shared) == 5
    error = pickle.loads(pickle.dumps(raised.value))  # as Ray brings it to the driver
    assert nodes.watch.settle(run, error) == [] and str(error) == str(raised.value)
    assert nodes.failures[0].take_back(shared) == 2
    assert all("caption" not in heads for heads in shared.heads(ids).values())


@pytest.mark.postgresql
def test_alarms_that_ring_while_the_nodes_end_are_returned_and_take_back_what_they_charge(
    shared: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    run, ids = claimed(shared), shared.register(sources(8))
    nodes = group(opened, shared, tmp_path, 3)
    nodes.carry(1, ids[:3], failing(ids))
    nodes.carry(2, ids[3:5], failing(ids))
    parrot = Films()
    parrot.summary = ONIONS
    for node, video in enumerate(ids[5:], start=1):
        nodes.carry(node, [video], parrot)
    alarms = nodes.watch.settle(run, Interrupted("the user asked it to stop"))
    assert [type(alarm) for alarm in alarms] == [AllAlike, BindingBroken]
    nodes.services[0].binding.settle()
    heads = shared.heads(ids)
    assert all("caption" not in heads[video] for video in ids[:5])
    assert all("refine" not in heads[video] for video in ids[5:])


def test_what_succeeds_on_one_node_shows_that_not_everything_fails(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    ids = ledger.register(sources(8))
    nodes = group(opened, ledger, tmp_path, 3)
    nodes.carry(1, ids[:4], failing(ids))
    nodes.carry(2, ids[4:5], Works())
    nodes.carry(3, ids[5:], failing(ids))
    nodes.watch.look()


def test_rows_that_were_there_before_a_video_was_given_are_no_news(
    ledger: Ledger, tmp_path: Path, opened: ExitStack
) -> None:
    ids = ledger.register(sources(6))
    before = group(opened, ledger, tmp_path / "before", 2)
    before.carry(1, ids[:3], failing(ids))
    before.carry(2, ids[3:], failing(ids))
    nodes = group(opened, ledger, tmp_path, 1)
    nodes.carry(1, ids, Works())  # what failed is not due again, and the row stays
    nodes.watch.look()
    assert [head["caption"].status for head in ledger.heads(ids).values()] == ["rejected"] * 6
