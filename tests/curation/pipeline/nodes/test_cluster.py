"""What is refused before a cluster is asked: addresses that are none, and a Ray without a token."""

from __future__ import annotations

import pytest

from curation.pipeline.nodes.cluster import connect
from schemas.errors import ConfigError


@pytest.mark.parametrize("address", ["", "head", "head:", ":6379", "head:six", "auto"])
def test_an_address_is_a_host_and_a_port(address: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        connect(address)


def test_ray_without_a_token_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reaches such a Ray may run anything on it."""
    pytest.importorskip("ray")
    for mode in (None, "disabled"):
        monkeypatch.delenv("RAY_AUTH_MODE", raising=False) if mode is None else monkeypatch.setenv(
            "RAY_AUTH_MODE", mode
        )
        with pytest.raises(ConfigError, match="RAY_AUTH_MODE=token"):
            connect("127.0.0.1:6379")


def test_a_cluster_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "1")
    with pytest.raises(ConfigError, match="no Ray cluster answers"):
        connect("127.0.0.1:1")
