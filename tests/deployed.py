"""What tests that deploy share: a client, and a file with a name and a work pool of its own on the shared server."""

from __future__ import annotations

import time
from typing import Any

import httpx
import yaml

from flows.local.deploying.file import DEFAULT

_BUSY = 503  # the server's SQLite file is held by its scheduler; nothing was done


class _Again(httpx.HTTPTransport):
    """Tries again while the server is busy, as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(10):
            response = super().handle_request(request)
            if response.status_code != _BUSY:
                break
            response.close()
            time.sleep(1)
        return response


def server_client(server: str) -> httpx.Client:
    """A client of a Prefect server. A request of a busy one waits up to a minute for its SQLite file."""
    return httpx.Client(base_url=server, timeout=90, transport=_Again())


def own_file(name: str) -> dict[str, Any]:
    """The program's file with another name, which is also that of its only work pool."""
    document: dict[str, Any] = {**yaml.safe_load(DEFAULT.read_text()), "name": name}
    document["work_pools"] = [{"name": name, "type": "process"}]
    for each in document["deployments"]:
        each["work_pool"] = {"name": name}
    return document


def remove_deployed(client: httpx.Client, name: str) -> None:
    """Take from the server what that file put there: a schedule or an automation would start runs meanwhile."""
    mark = f"deployed-by:{name}"
    for kind in ("automations", "deployments"):
        for each in client.post(f"/{kind}/filter", json={}).raise_for_status().json():
            if mark in each["tags"]:
                client.delete(f"/{kind}/{each['id']}").raise_for_status()
    for each in client.post("/work_pools/filter", json={}).raise_for_status().json():
        if each["name"] == name:
            client.delete(f"/work_pools/{name}").raise_for_status()
