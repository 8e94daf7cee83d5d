"""What is refused before a cluster is asked: wrong addresses, a Ray without a token, what nodes do not share."""

from __future__ import annotations

import pytest

from curation.ledger.databases import LEDGER
from curation.pipeline.nodes.cluster import connect, workers_of
from curation.pipeline.nodes.require import require_cluster
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.repository import ROOT

CONFIG = ROOT / "configs" / "demo.yaml"
SHARED = ("run.engine=ray", "run.ray_address=10.0.0.5:6379", "store.address=s3://films/mine")


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment in which nothing is missing."""
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    monkeypatch.setenv(LEDGER, "postgresql://somebody@10.0.0.5/films")
    return monkeypatch


@pytest.mark.parametrize("address", ["", "head", "head:", ":6379", "head:six", "auto", "head:0", "head:70000"])
def test_an_address_is_a_host_and_a_port(ready: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        connect(address)


@pytest.mark.parametrize("mode", ["", "disabled"])
def test_ray_without_a_token_is_refused(ready: pytest.MonkeyPatch, mode: str) -> None:
    """Whoever reaches such a Ray may run anything on it."""
    ready.setenv("RAY_AUTH_MODE", mode)
    with pytest.raises(ConfigError, match="RAY_AUTH_MODE=token"):
        connect("127.0.0.1:6379")


def test_a_cluster_that_is_not_there_is_told(ready: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no Ray cluster answers"):
        connect("127.0.0.1:1")


def test_a_run_says_at_once_all_that_it_lacks(ready: pytest.MonkeyPatch) -> None:
    require_cluster(load_config(CONFIG, SHARED))
    require_cluster(load_config(CONFIG, ()))  # one machine needs none of it
    ready.delenv(LEDGER)
    ready.delenv("RAY_AUTH_MODE")
    with pytest.raises(ConfigError) as told:
        require_cluster(load_config(CONFIG, ("run.engine=ray",)))
    for word in ("run.ray_address", LEDGER, "store.address", "v2xum cluster"):
        assert word in str(told.value)
    with pytest.raises(ConfigError, match="RAY_AUTH_MODE"):
        require_cluster(load_config(CONFIG, SHARED))


def test_each_node_has_so_many_workers_with_names_of_their_own() -> None:
    alive = {"a": "10.0.0.1", "b": "10.0.0.2"}
    found = workers_of(alive, 3)
    assert sorted(node for node, _ in found.values()) == ["a"] * 3 + ["b"] * 3
    assert len({name for _, name in found.values()}) == len(found) == 6
    assert {name for _, name in workers_of(alive, 1).values()} == set(alive.values())
    assert set(workers_of(alive, 1)) < set(found)  # more workers leave those that are there
