"""Files of deployments for one test file: the server is shared, so each has a name and a work pool of its own."""

from __future__ import annotations

from typing import Any

import yaml

from flows.local.deploying.file import DEFAULT


def own_file(name: str) -> dict[str, Any]:
    """The program's file with another name, which is also that of its only work pool."""
    document: dict[str, Any] = {**yaml.safe_load(DEFAULT.read_text()), "name": name}
    document["work_pools"] = [{"name": name, "type": "process"}]
    for each in document["deployments"]:
        each["work_pool"] = {"name": name}
    return document


def remove_deployed(server: str, name: str) -> None:
    """Take from the server what that file put there: a schedule or an automation would start runs meanwhile.

    Prefect's client tries again where the server's scheduler holds its SQLite file (503).
    """
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    mark = f"deployed-by:{name}"
    with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
        for each in client.request("POST", "/automations/filter", json={}).json():
            if mark in each["tags"]:
                client.request("DELETE", "/automations/{id}", path_params={"id": each["id"]})
        for each in client.request("POST", "/deployments/filter", json={}).json():
            if mark in each["tags"]:
                client.request("DELETE", "/deployments/{id}", path_params={"id": each["id"]})
        for each in client.request("POST", "/work_pools/filter", json={}).json():
            if each["name"] == name:
                client.request("DELETE", "/work_pools/{name}", path_params={"name": name})
