"""What the client asks through Label Studio's SDK, and what it does with a server that answers otherwise."""

from __future__ import annotations

import gzip
import json
import sys
import time
from typing import Any

import jwt
import pytest

from annotation.label_studio import http
from annotation.label_studio.access import Access
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.http import Denied, Refused
from schemas.errors import ConfigError, RunStopped
from tests.annotation.scripted_server import Reply, Request, ScriptedServer

TOKEN = "0123456789abcdef"


def said(value: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(value).encode(), (("Content-Type", "application/json"),))


def token(seconds: float, **claims: Any) -> str:
    """A personal access token, or a short-lived one, that ends in so many seconds."""
    return jwt.encode({"exp": int(time.time() + seconds), **claims}, "k" * 32, algorithm="HS256")


def test_without_the_sdk_the_install_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "label_studio_sdk"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "label_studio_sdk", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[review\]'"):
        LabelStudio(Access(url="http://127.0.0.1:9", token=TOKEN))


def test_an_import_is_sent_once_and_other_requests_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    with ScriptedServer(lambda _: Reply(503)) as server, LabelStudio(Access(url=server.url, token=TOKEN)) as client:
        with pytest.raises(Refused, match="503"):
            client.import_tasks(7, [{"data": {"text": "ä"}}])
        (sent,) = server.requests
        assert (sent.method, sent.path) == ("POST", "/api/projects/7/import?return_task_ids=true")
        assert json.loads(sent.body) == [{"data": {"text": "ä"}}] and sent.authorization == f"Token {TOKEN}"
        assert not waits
        with pytest.raises(Refused, match="503"):
            client.set_overlap(3, 2)
    assert [request.path for request in server.requests[1:]] == ["/api/tasks/3/"] * 5
    assert waits == [0.5, 1.0, 2.0, 4.0], "the SDK adds no repeats and no pauses of its own"


def test_a_busy_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http.time, "sleep", lambda _: None)
    replies = iter([Reply(429), said("database is locked", 500), said({"id": 4, "title": "t", "task_number": 9})])
    with ScriptedServer(lambda _: next(replies)) as server, LabelStudio(Access(url=server.url, token=TOKEN)) as client:
        project = client.project(4)
    assert project is not None and (project.id, project.title, project.tasks) == (4, "t", 9)


def test_a_redirect_is_not_followed_and_the_token_stays() -> None:
    with ScriptedServer(lambda _: said({})) as elsewhere:
        to = (("Location", f"{elsewhere.url}/api/projects/"),)
        with (
            ScriptedServer(lambda _: Reply(302, headers=to)) as server,
            LabelStudio(Access(url=server.url, token=TOKEN)) as client,
            pytest.raises(ConfigError, match="redirects to another address"),
        ):
            list(client.projects())
    assert elsewhere.requests == []


@pytest.mark.parametrize("packed", [False, True])
def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch, packed: bool) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 1 << 20)
    body = b" " * (2 << 20)
    reply = Reply(200, gzip.compress(body), (("Content-Encoding", "gzip"),)) if packed else Reply(200, body)
    with (
        ScriptedServer(lambda _: reply) as server,
        LabelStudio(Access(url=server.url, token=TOKEN)) as client,
        pytest.raises(ConfigError, match="more than 1 MB"),
    ):
        client.task(1)


def test_a_packed_answer_is_read() -> None:
    reply = Reply(200, gzip.compress(b'{"id": 1}'), (("Content-Encoding", "gzip"),))
    with ScriptedServer(lambda _: reply) as server, LabelStudio(Access(url=server.url, token=TOKEN)) as client:
        assert client.task(1) == {"id": 1}


def test_missing_things_are_none_and_deleting_them_is_no_error() -> None:
    with ScriptedServer(lambda _: said({}, 404)) as server, LabelStudio(Access(url=server.url, token=TOKEN)) as client:
        assert client.project(1) is None and client.task(1) is None
        assert client.extent(1) == (0, 0) and client.newest_change(1) is None
        client.delete_task(1)
        client.delete_webhook(1)


def test_a_personal_token_is_renewed_when_the_server_says_that_it_ended() -> None:
    """The server's clock is ahead: the SDK believes in a token that the server does not take any more."""
    given: list[str] = []

    def script(request: Request) -> Reply:
        if request.path == "/labels/api/token/refresh/":
            assert json.loads(request.body) == {"refresh": personal}
            given.append(token(300, number=len(given)))
            return said({"access": given[-1]})
        return said({"id": 5}, 200 if request.authorization == f"Bearer {given[-1]}" and len(given) > 1 else 401)

    personal = token(86_400, kind="refresh")
    with ScriptedServer(script) as server, LabelStudio(Access(url=f"{server.url}/labels", token=personal)) as client:
        assert client.task(5) == {"id": 5}
        assert client.task(5) == {"id": 5}
    assert len(given) == 2 and [r.path for r in server.requests].count("/labels/api/tasks/5/") == 3


def test_a_refused_token_is_an_error_that_does_not_repeat_it() -> None:
    with ScriptedServer(lambda _: said({"detail": "no"}, 401)) as server:
        for secret in (TOKEN, token(3600)):
            with LabelStudio(Access(url=server.url, token=secret)) as client, pytest.raises(Denied) as caught:
                client.users()
            assert secret not in str(caught.value)
    with pytest.raises(Denied, match="take a new one"):
        LabelStudio(Access(url=server.url, token=token(-3600)))


@pytest.mark.parametrize(
    "body", [b"[]", b"3", b'{"results": 3}', b'{"tasks": [], "total": "many"}', b"{" * 40, b"[" * 100_000]
)
def test_answers_of_another_server_are_sentences(body: bytes) -> None:
    with ScriptedServer(lambda _: Reply(200, body)) as server, LabelStudio(Access(url=server.url, token=TOKEN)) as it:
        calls = (it.check, lambda: list(it.projects()), lambda: list(it.tasks(1)), it.users, lambda: it.webhooks(1))
        for call in (*calls, lambda: it.serve_folder(1, "/m"), lambda: it.create_project(title="t")):
            try:
                answer = call()
            except (ConfigError, RunStopped) as error:
                assert server.url in str(error)
            else:
                assert not answer, "an empty listing is the only answer that such a body can give"
