"""`v2xum review listen` beside a real Label Studio: verdicts reach the ledger without a call of pull."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.allowed_addresses import HOOK_HOST, REFUSED, WEBHOOKS
from annotation.label_studio.environment import environment_path
from annotation.label_studio.interface import NAMES
from annotation.label_studio.server import serving
from annotation.label_studio.webhook import HEADER, PATH, webhook_secret
from annotation.label_studio.webhook_registration import ACTIONS
from curation.review.verdict_store import Reviews
from curation.workspace import Workspace
from schemas.kit.local_process import free_port
from schemas.review import Verdict
from tests.annotation.people import Api, choices, push
from tests.annotation.workspaces import ROOT, Film, make_workspace
from tests.flows.cli.test_review import review

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
FILMS = [Film(f"film-{n}", {0: f"Caption {n}.", 2: "Another."}, seconds=4) for n in range(4)]
TITLE = "As they come"


class Heard:
    """A running listener and its output."""

    def __init__(self, root: Path, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "flows.cli",
            "review",
            "listen",
            str(root),
            "--project",
            TITLE,
            *options,
        ]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                self.lines.append(line)

    def address(self) -> str:
        """The address at which it listens; waits until it does."""
        found = eventually(lambda: re.search(r"listening at (http\S+);", self.text()))
        return str(found[1])

    def text(self) -> str:
        return "".join(self.lines)

    def end(self, number: int) -> int:
        """Send a signal; returns the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join(60)
        return code


@contextmanager
def listening(root: Path, *options: str) -> Iterator[Heard]:
    heard = Heard(root, "--port", "0", *options)
    try:
        yield heard
    finally:
        if heard.process.poll() is None:
            heard.end(signal.SIGKILL)


def eventually(ask: Callable[[], Any]) -> Any:
    """Ask until the answer is true and return it; fails after two minutes."""
    for _ in range(1200):
        if found := ask():
            return found
        time.sleep(0.1)
    raise AssertionError("it never happened")


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, prepare_review: Callable[[Path], None]
) -> Iterator[tuple[Workspace, Access]]:
    """A workspace and its own server, which may send webhooks to this machine."""
    found = make_workspace(tmp_path_factory.mktemp("listen") / "run", FILMS)
    prepare_review(found.root)
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:  # while it starts; other tests' servers shall not
            patch.setenv(WEBHOOKS, "1")
            for name in ("V2XUM_LABEL_STUDIO_URL", "V2XUM_LABEL_STUDIO_TOKEN", "V2XUM_LABEL_STUDIO_POSTGRES"):
                patch.delenv(name, raising=False)
            running = stack.enter_context(serving(found.root, free_port(), print))
        yield found, running.access


def verdicts(place: Workspace) -> list[Verdict]:
    with closing(place.ledger()) as ledger:
        return list(Reviews(ledger).verdicts())


def test_verdicts_come_by_themselves(place: tuple[Workspace, Access]) -> None:
    workspace, access = place
    api, root = Api(access), workspace.root
    missing = review("listen", root, "--project", TITLE)
    assert missing.returncode == 2 and "v2xum review push" in missing.stderr
    project = push(workspace, access, TITLE).project
    first, second, third, fourth = api.tasks(project)

    def hooks() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = api.call("GET", "/api/webhooks/", params={"project": project})
        return found

    def came(count: int) -> Any:
        return eventually(lambda: (found := verdicts(workspace))[count - 1 :] and found)

    foreign = {"project": project, "url": f"http://{HOOK_HOST}:9/mine", "headers": {"X-Mine": "1"}}
    api.call("POST", "/api/webhooks/", json={**foreign, "send_for_all_actions": False})
    api.judge(first, "accept")
    with listening(root, "--every", "600") as heard:
        address = heard.address()
        assert address.startswith(f"http://{HOOK_HOST}:") and address.endswith(PATH)
        assert [found.decision for found in came(1)] == ["accept"], "what was there before it started"
        mine, ours = sorted(hooks(), key=lambda hook: str(hook["id"]))
        assert (mine["url"], mine["headers"]) == (foreign["url"], foreign["headers"])
        secret = webhook_secret(root)
        assert (ours["url"], ours["headers"], ours["send_payload"]) == (address, {HEADER: secret}, False)
        assert sorted(ours["actions"]) == sorted(ACTIONS) and not ours["send_for_all_actions"]

        made = api.judge(second, "fix", choices(f"{NAMES.judged}1", f"{NAMES.frame}1", "drop"))
        assert [found.decision for found in came(2)] == ["accept", "fix"]
        changed = [*made["result"][:-1], choices(NAMES.decision, NAMES.video, "reject")]
        api.call("PATCH", f"/api/annotations/{made['id']}/", json={"result": changed, "lead_time": 30})
        assert [found.decision for found in came(3)] == ["accept", "fix", "reject"]
        eventually(lambda: heard.text().count("1 new verdict,") == 3)

        busy = review("listen", root, "--project", TITLE, "--port", "0")
        assert busy.returncode == 1 and "another `v2xum review listen`" in busy.stderr

        # Repeated and forged requests store nothing.
        before = verdicts(workspace)
        for body in ({"action": "ANNOTATION_CREATED"}, {"action": "ANNOTATION_UPDATED", "annotation": made}, [1], "x"):
            assert httpx.post(address, json=body, headers={HEADER: secret}).status_code == 204
            assert httpx.post(address, json=body, headers={HEADER: "0" * 64}).status_code == 403
        api.judge(third, "reject")  # this verdict comes after all requests
        assert came(4)[:3] == before and len(verdicts(workspace)) == 4
        heard.end(signal.SIGKILL)
        said = heard.text()
    assert len(hooks()) == 2, "the killed listener could not remove its webhook"
    api.judge(fourth, "accept")  # nobody listens to this ring

    with listening(root) as heard:
        again = heard.address()
        assert len(came(5)) == 5
        assert again != address and [hook["url"] for hook in hooks()] == [foreign["url"], again], "taken over"
        assert heard.end(signal.SIGTERM) == 0
        said += heard.text()
        assert "the webhook is removed" in said
    assert [hook["url"] for hook in hooks()] == [foreign["url"]]
    assert "Traceback" not in said and secret not in said and access.token not in said


def test_a_webhook_that_somebody_removed_is_made_again(place: tuple[Workspace, Access]) -> None:
    workspace, access = place
    api = Api(access)
    project = push(workspace, access, TITLE).project
    with listening(workspace.root, "--every", "0.02") as heard:
        address = heard.address()

        def ours() -> list[dict[str, Any]]:
            found = api.call("GET", "/api/webhooks/", params={"project": project})
            return [hook for hook in found if hook["url"] == address]

        (former,) = ours()
        api.call("DELETE", f"/api/webhooks/{former['id']}/")
        (made,) = eventually(ours)
        assert made["id"] != former["id"]
        assert heard.end(signal.SIGINT) == 0
        assert ours() == []


def test_label_studio_still_refuses_every_other_address(place: tuple[Workspace, Access]) -> None:
    workspace, access = place
    project = push(workspace, access, TITLE).project
    headers = {"Authorization": f"Token {access.token}"}
    for host in ("127.0.0.1", "localhost", "127.86.50.89", "10.0.0.1", "169.254.169.254", "0.0.0.0"):
        body = {"project": project, "url": f"http://{host}:{httpx.URL(access.url).port}/x"}
        made = httpx.post(f"{access.url}/api/webhooks/", json=body, headers=headers, timeout=60)
        assert made.status_code >= 400, (host, made.text)
        read = httpx.post(
            f"{access.url}/api/projects/{project}/import", data={"url": body["url"]}, headers=headers, timeout=60
        )
        assert read.status_code == 400 and "reserved network address" in read.text, (host, read.text)


def test_the_list_of_refused_networks_is_that_of_the_pinned_version() -> None:
    (source,) = environment_path().glob("lib/python*/site-packages/label_studio/core/utils/io.py")
    body = source.read_text().split("default_banned_subnets = [")[1].split("]")[0]
    assert tuple(re.findall(r"'([^']+)',", body)) == REFUSED


def test_a_server_that_may_not_send_here_says_what_to_do(
    workspace: Callable[..., Workspace], access: Access, title: str
) -> None:
    place = workspace(FILMS[:1])
    push(place, access, title)
    done = review("listen", place.root, "--project", title, "--port", "0")
    assert done.returncode == 2 and f"{WEBHOOKS}=1 v2xum review serve" in done.stderr
    assert Api(access).call("GET", "/api/webhooks/") == []
    known = review("listen", place.root, "--project", title, "--port", "0", "--host-url", "nonsense")
    assert known.returncode == 2 and "--host-url" in known.stderr
