"""The stand-in Hub serves the clients that the real one has, and refuses what the real one refuses."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

from demo.hub.accounts import READ_TOKEN, WRITE_TOKEN, Account
from demo.hub.faults import Fault
from demo.hub.server import Hub, serve
from tests.places import ROOT

NAME, KIND = "me/films", "dataset"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serve(tmp_path / "hub") as running:
        yield running


@pytest.fixture
def api(hub: Hub) -> HfApi:
    made = HfApi(endpoint=hub.url, token=WRITE_TOKEN)
    made.create_repo(NAME, repo_type=KIND)
    return made


def add(path: str, content: bytes = b"x") -> CommitOperationAdd:
    return CommitOperationAdd(path, content)


def commit(api: HfApi, *operations: object, **more: object) -> str:
    made = api.create_commit(NAME, operations, commit_message="work", repo_type=KIND, **more)  # type: ignore[call-overload]
    return str(made.oid)


def status(error: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    return int(error.value.response.status_code)


def test_commits_branches_and_tags(api: HfApi, hub: Hub) -> None:
    begin = api.repo_info(NAME, repo_type=KIND).sha
    first = commit(api, add("a/b.txt", b"one"), add("c.txt"))
    api.create_branch(NAME, branch="side", revision=begin, repo_type=KIND)
    commit(api, add("d.txt"), revision="side", parent_commit=begin)
    api.create_tag(NAME, tag="v1", revision=first, repo_type=KIND)
    commit(api, CommitOperationDelete("c.txt"))
    files = {
        revision: sorted(api.list_repo_files(NAME, revision=revision, repo_type=KIND))
        for revision in ("main", "side", "v1")
    }
    assert files == {
        "main": [".gitattributes", "a/b.txt"],
        "side": [".gitattributes", "d.txt"],
        "v1": [".gitattributes", "a/b.txt", "c.txt"],
    }
    assert [len(tree) for tree in hub.repositories[NAME].shown] == [1, 3, 2]
    with pytest.raises(HfHubHTTPError) as caught:
        commit(api, add("late.txt"), parent_commit=begin)
    assert status(caught) == 412
    for again in (
        lambda: api.create_branch(NAME, branch="side", repo_type=KIND),
        lambda: api.create_tag(NAME, tag="v1", repo_type=KIND),
        lambda: api.create_repo(NAME, repo_type=KIND),
    ):
        with pytest.raises(HfHubHTTPError) as caught:
            again()
        assert status(caught) == 409


def test_a_commit_is_whole_or_not_there(api: HfApi, hub: Hub) -> None:
    before = hub.repositories[NAME].find("main")
    with pytest.raises(HfHubHTTPError):
        commit(api, add("a.txt"), CommitOperationDelete("never-there.txt"))
    assert hub.repositories[NAME].find("main") is before


def test_many_files_come_in_pages(api: HfApi) -> None:
    commit(api, *(add(f"f/{number:03d}.txt", str(number).encode()) for number in range(250)))
    listed = [item.path for item in api.list_repo_tree(NAME, repo_type=KIND, recursive=True)]
    assert len(listed) == len(set(listed)) == 252


def test_who_may_see_and_write(api: HfApi, hub: Hub) -> None:
    hub.accounts["hf_you"] = Account("you")
    reader, stranger = HfApi(endpoint=hub.url, token=READ_TOKEN), HfApi(endpoint=hub.url, token="hf_you")
    for other in (reader, stranger):
        other.auth_check(NAME, repo_type=KIND)
        with pytest.raises(HfHubHTTPError) as caught:
            other.auth_check(NAME, repo_type=KIND, write=True)
        assert status(caught) == 403
    api.update_repo_settings(NAME, repo_type=KIND, private=True)
    reader.repo_info(NAME, repo_type=KIND)
    with pytest.raises(HfHubHTTPError) as caught:
        stranger.repo_info(NAME, repo_type=KIND)
    assert status(caught) == 404


def test_ranges_and_heads_of_files(api: HfApi, hub: Hub) -> None:
    commit(api, add("a.txt", b"0123456789"))
    url = f"{hub.url}/datasets/{NAME}/resolve/main/a.txt"
    found = httpx.get(url, headers={"Range": "bytes=2-4"})
    assert (found.status_code, found.content, found.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    assert httpx.head(url).headers["Content-Length"] == "10"
    assert httpx.get(url, headers={"Range": "bytes=99-"}).status_code == 416


def test_faults_come_as_often_as_the_rule_says(hub: Hub) -> None:
    hub.faults.set(Fault("GET /api", "status", times=2, skip=1, status=503), Fault("GET /api", "drop", times=1))
    url, seen = f"{hub.url}/api/whoami-v2", []
    for _ in range(5):
        try:
            seen.append(httpx.get(url).status_code)
        except httpx.TransportError:
            seen.append(0)
    assert seen == [0, 503, 503, 401, 401]


def test_it_runs_from_a_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo.hub", "--port", "0", "--root", str(tmp_path / "hub")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = dict(process.stdout.readline().strip().removeprefix("export ").split("=", 1) for _ in range(5))
        answer = httpx.get(
            f"{said['HF_ENDPOINT']}/api/whoami-v2", headers={"Authorization": f"Bearer {said['HF_TOKEN']}"}
        )
        process.terminate()
        assert answer.json()["name"] == "me" and process.wait(30) == 0
