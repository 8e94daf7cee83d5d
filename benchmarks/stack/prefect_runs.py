"""Deployments and flow runs of a Prefect server, by its HTTP interface: schedule one, start one, wait for its end."""

from __future__ import annotations

import time
from typing import Any

import httpx

from schemas.errors import RunStopped

_ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
_PAUSE = 2.0
_LOGS = 20


class Runs:
    """The server's deployments, each named FLOW/DEPLOYMENT."""

    def __init__(self, http: httpx.Client) -> None:
        """Ask the server behind this client."""
        self._http = http

    def schedule_soon(self, deployment: str) -> str:
        """Give a deployment one more schedule, by which it begins every minute; returns the schedule's id."""
        body = [{"schedule": {"interval": 60.0, "timezone": "UTC"}, "active": True}]
        made = self._call("POST", f"/deployments/{self.id_of(deployment)}/schedules", json=body)
        return str(made[0]["id"])

    def unschedule(self, deployment: str, schedule: str) -> None:
        """Remove a schedule of a deployment."""
        self._call("DELETE", f"/deployments/{self.id_of(deployment)}/schedules/{schedule}")

    def begun(self, deployment: str, seconds: float) -> dict[str, Any]:
        """Wait until the first run of a deployment, which the server made by itself, has begun; the run."""
        body = {
            "deployments": {"id": {"any_": [self.id_of(deployment)]}},
            "flow_runs": {"state": {"type": {"not_any_": ["SCHEDULED", "PENDING", "CANCELLED"]}}},
            "sort": "EXPECTED_START_TIME_ASC",
            "limit": 1,
        }
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := self._call("POST", "/flow_runs/filter", json=body):
                first: dict[str, Any] = found[0]
                return first
            time.sleep(_PAUSE)
        raise RunStopped(f"{deployment}: the server began no run of it within {seconds:.0f} s")

    def start(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """Make a run of a deployment, as `prefect deployment run` does; the run."""
        body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        run: dict[str, Any] = self._call("POST", f"/deployments/{self.id_of(deployment)}/create_flow_run", json=body)
        return run

    def ended(self, run: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Wait for a run to complete; the run. Raises RunStopped, with its messages, where it did not complete."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            now: dict[str, Any] = self._call("GET", f"/flow_runs/{run['id']}")
            if now["state_type"] in _ENDED:
                if now["state_type"] == "COMPLETED":
                    return now
                raise RunStopped(f"{now['name']} {now['state_type']}: {now['state']['message']}\n{self._logs(run)}")
            time.sleep(_PAUSE)
        raise RunStopped(f"{run['name']} did not end within {seconds:.0f} s\n{self._logs(run)}")

    def id_of(self, deployment: str) -> str:
        """The id of a deployment. Raises RunStopped where the server has none of that name."""
        return str(self._call("GET", f"/deployments/name/{deployment}")["id"])

    def _logs(self, run: dict[str, Any]) -> str:
        body = {"logs": {"flow_run_id": {"any_": [run["id"]]}}, "sort": "TIMESTAMP_DESC", "limit": _LOGS}
        return "\n".join(each["message"] for each in reversed(self._call("POST", "/logs/filter", json=body)))

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self._http.request(method, path, **more)
        if not answer.is_success:
            raise RunStopped(f"Prefect: {method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None
