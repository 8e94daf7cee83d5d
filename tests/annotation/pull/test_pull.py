"""Pulls from a real Label Studio bring every verdict once, also after changes, deletions and restored backups."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.interface import NAMES
from annotation.label_studio.server import serving
from curation.workspace import Workspace
from schemas.errors import ConfigError
from tests.annotation.fixed_server import FixedServer
from tests.annotation.people import Api, choices, pull, push, textarea
from tests.annotation.workspaces import Film, make_workspace

Make = Callable[..., Workspace]


def films(count: int) -> list[Film]:
    return [Film(f"film-{n:03d}", {0: f"Caption {n}.", 2: "Another."}, seconds=4) for n in range(count)]


@pytest.mark.slow
@pytest.mark.labelstudio
def test_a_pull_stores_new_verdicts_only(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(4)), Api(access)
    done = push(place, access, title)
    assert pull(place, access, title)[1] == []
    accepted, fixed, skipped, empty = api.tasks(done.project)
    api.judge(accepted, "accept")
    drop = choices(f"{NAMES.judged}1", f"{NAMES.frame}1", "drop")
    first = api.judge(fixed, "fix", drop, textarea(NAMES.comment, NAMES.video, "Look <here> 🦊"), lead_time=40)
    api.judge(skipped, None, was_cancelled=True)
    api.call("POST", f"/api/tasks/{empty['id']}/annotations/", json={"result": [], "lead_time": 2})
    result, verdicts = pull(place, access, title)
    assert (result.annotations, result.new, result.skipped, result.problems) == (4, 4, 1, ())
    by = {verdict.sample_id: verdict for verdict in verdicts}
    assert [by[f"film-00{n}"].decision for n in range(4)] == ["accept", "fix", None, None]
    assert by["film-001"].keyframes[1].judged == "drop" and by["film-001"].comment == "Look <here> 🦊"
    assert by["film-001"].seconds == 40 and by["film-002"].problems == ("skipped",)
    assert len({verdict.annotator for verdict in verdicts}) == 1

    assert pull(place, access, title)[0].new == 0
    # The same person changes the verdict: the first verdict stays, the second is stored beside it.
    changed = {"result": [*first["result"][:-1], choices(NAMES.decision, NAMES.video, "reject")], "lead_time": 55}
    api.call("PATCH", f"/api/annotations/{first['id']}/", json=changed)
    result, verdicts = pull(place, access, title)
    assert result.new == 1 and [v.decision for v in verdicts if v.sample_id == "film-001"] == ["fix", "reject"]
    # The annotation is deleted on the server: the ledger keeps its verdict.
    api.call("DELETE", f"/api/annotations/{first['id']}/")
    for everything in (False, True):
        result, after = pull(place, access, title, everything=everything)
        assert result.new == 0 and after == verdicts


@pytest.mark.slow
@pytest.mark.labelstudio
def test_a_batch_is_complete_once(workspace: Make, access: Access, title: str) -> None:
    place, api = workspace(films(2)), Api(access)
    done = push(place, access, title)
    first, second = api.tasks(done.project)
    api.judge(first, "accept")
    result, _ = pull(place, access, title)
    assert (result.open, result.completed) == (1, 0)
    api.judge(second, "accept")
    assert [pull(place, access, title)[0].completed for _ in range(2)] == [2, 0]


@pytest.mark.slow
@pytest.mark.labelstudio
def test_an_older_backup_of_the_server_loses_nothing(tmp_path: Path, prepare_review: Callable[[Path], None]) -> None:
    """The server's database is restored to an earlier state, so that new annotations get used numbers again."""
    place = make_workspace(tmp_path / "run", films(3))
    prepare_review(place.root)
    database = place.root / "review" / "label-studio" / "label_studio.sqlite3"
    with serving(place.root, None) as running:
        access, api = running.access, Api(running.access)
        done = push(place, access, "backup test")
        api.judge(api.tasks(done.project)[0], "accept")
        pull(place, access, "backup test")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(database, tmp_path / "backup.sqlite3")
    with serving(place.root, None) as running:
        api = Api(running.access)
        lost = api.judge(api.tasks(done.project)[1], "reject")
        result, before = pull(place, running.access, "backup test")
        assert result.new == 1 and len(before) == 2
    for leftover in database.parent.glob("label_studio.sqlite3*"):
        leftover.unlink()
    shutil.copy(tmp_path / "backup.sqlite3", database)
    with serving(place.root, None) as running:
        api = Api(running.access)
        result, after = pull(place, running.access, "backup test")
        assert result.new == 0 and after == before and "older backup" in result.notes[0]
        reused = api.judge(api.tasks(done.project)[2], "accept")
        assert reused["id"] == lost["id"], "SQLite gives the number again"
        result, after = pull(place, running.access, "backup test")
        assert result.new == 1 and after[:2] == before
        assert [verdict.sample_id for verdict in after] == ["film-000", "film-001", "film-002"]


@pytest.mark.slow
@pytest.mark.labelstudio
def test_errors_of_wrong_tokens_and_titles_say_what_to_do(workspace: Make, access: Access, title: str) -> None:
    place = workspace(films(1))
    for token in ("0" * 40, "eyJ.eyJ.x"):
        wrong = Access(url=access.url, token=token)
        with pytest.raises(ConfigError, match="does not accept the token") as raised:
            pull(place, wrong, title)
        assert token not in str(raised.value)
    with pytest.raises(ConfigError, match="no project"):
        pull(place, access, title)


@pytest.mark.slow
@pytest.mark.labelstudio
def test_a_personal_access_token_works_too(access: Access) -> None:
    api = Api(access)
    made = api.call("POST", "/api/token/")
    with LabelStudio(Access(url=access.url, token=made["token"])) as server:
        assert server.check().startswith("1.") and list(server.projects()) is not None


@pytest.mark.slow  # the client retries for ten seconds
def test_errors_of_missing_and_foreign_servers_say_what_to_do(tmp_path: Path) -> None:
    place = make_workspace(tmp_path / "run", [])
    with pytest.raises(ConfigError, match="no server answers there"):
        pull(place, Access(url="http://127.0.0.1:9", token="x"), "any title")
    answers = {
        b'{"release": "1.4.1"}': "too old",
        b"<html>a web page</html>": "not JSON",
        b'{"version": 3}': "no Label Studio",
        b"[]": "no Label Studio",
    }
    for body, words in answers.items():
        with FixedServer(body) as url, pytest.raises(ConfigError, match=words):
            pull(place, Access(url=url, token="x"), "any title")
