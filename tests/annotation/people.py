"""Pushes and pulls workspaces, and judges tasks through the API instead of the screen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx

from annotation.label_studio.access import Access
from annotation.label_studio.interface import NAMES
from annotation.pull import pull as pulling
from annotation.push import push as pushing
from annotation.push.strata import Chosen
from curation.review.verdict_store import Reviews
from curation.workspace import Workspace
from schemas.review import Stratum, Verdict
from tests.annotation.workspaces import services_of


def push(
    place: Workspace, access: Access, title: str, people: int = 1, stratum: Stratum = "random", **options: Any
) -> pushing.Result:
    """Push every sample of a workspace."""
    with services_of(place) as services, closing(services.ledger):
        chosen = [Chosen(source.id, stratum, people) for source in services.ledger.sources()]
        return pushing.push(place.root, services, access, chosen, title, **options)


def push_all(place: Workspace, access: Access, title: str, **options: Any) -> pushing.Result:
    """Push every sample of a workspace; two people judge those whose name ends with 3 or 7, one person the others."""
    with services_of(place) as services, closing(services.ledger):
        names = [source.id for source in services.ledger.sources()]
        chosen = [Chosen(name, "random", 2 if name[-1] in "37" else 1) for name in names]
        return pushing.push(place.root, services, access, chosen, title, **options)


def pull(place: Workspace, access: Access, title: str, **options: Any) -> tuple[pulling.Result, list[Verdict]]:
    """Pull a project; returns the outcome, and all verdicts that the ledger has then."""
    with closing(place.ledger()) as ledger:
        result = pulling.pull(place.root, ledger, access, title, **options)
        return result, list(Reviews(ledger).verdicts())


class Api:
    """The server's API, used without this project's client."""

    def __init__(self, access: Access, token: str | None = None) -> None:
        self._url = access.url
        self._headers = {"Authorization": f"Token {token or access.token}"}

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self._send(method, path, **arguments)
        assert answer.is_success, (answer.status_code, answer.text[:500])
        return answer.json() if answer.content else None

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return httpx.request(method, f"{self._url}{path}", headers=self._headers, timeout=60, **arguments)

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """All tasks with their annotations, by number."""
        found, page = [], 1
        while True:
            params = {"project": project, "page": page, "page_size": 500, "fields": "all"}
            answer = self._send("GET", "/api/tasks/", params=params)
            if answer.status_code == 404:
                return sorted(found, key=lambda task: task["id"])
            found += answer.json()["tasks"]
            page += 1

    def judge(self, task: dict[str, Any], decision: str | None, *more: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """Send an annotation: the prediction's values, a decision, and more parts or fields."""
        result = [*task["predictions"][0]["result"], *more]
        if decision is not None:
            result.append(choices(NAMES.decision, NAMES.video, decision))
        body = {"result": result, "lead_time": 12.5} | fields
        annotation: dict[str, Any] = self.call("POST", f"/api/tasks/{task['id']}/annotations/", json=body)
        return annotation


@contextmanager
def signed_up(access: Access, email: str, password: str) -> Iterator[httpx.Client]:
    """The session of a person who signs up by the invitation link."""
    invitation = Api(access).call("GET", "/api/invite")["invite_url"]
    with httpx.Client(base_url=access.url, timeout=60) as person:
        person.get(invitation).raise_for_status()
        form = {"email": email, "password": password, "csrfmiddlewaretoken": person.cookies["csrftoken"]}
        assert person.post(invitation, data=form).status_code == 302
        yield person


def choices(name: str, to: str, *words: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": to, "type": "choices", "value": {"choices": list(words)}}


def textarea(name: str, to: str, *texts: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": to, "type": "textarea", "value": {"text": list(texts)}}
