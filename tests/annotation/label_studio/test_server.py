"""The server that `v2xum review serve` runs: its data in PostgreSQL, and forgotten passwords."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.access import Access, new_access, review_folder
from annotation.label_studio.environment import environment_path
from annotation.label_studio.server import POSTGRES, Running, environment, serving
from schemas.errors import ConfigError, RunStopped
from schemas.kit.local_process import free_port
from tests.annotation.people import Api, pull, push, signed_up
from tests.annotation.workspaces import ROOT, Film, make_workspace
from tests.postgres import PASSWORD, SECRET, new_database, rows, text_of

FILMS = [Film(f"film-{n}", {0: f"Caption {n}."}, seconds=4) for n in range(2)]
GUIDE = (ROOT / "docs" / "guides" / "review.md").read_text(encoding="utf-8")


def documented(pattern: str) -> str:
    """The command of the guide that contains a word, exactly as it is written there."""
    (command,) = re.findall(rf"^    (.*{pattern}.*)$", GUIDE, re.MULTILINE)
    return str(command)


def may_log_in(access: Access, email: str, password: str) -> bool:
    with httpx.Client(base_url=access.url, timeout=60) as person:
        person.get("/user/login/").raise_for_status()
        form = {"email": email, "password": password, "csrfmiddlewaretoken": person.cookies["csrftoken"]}
        person.post("/user/login/", data=form)
        return person.get("/api/current-user/whoami").status_code == 200


def reset_password(workspace: Path, email: str, password: str, first: str = "true") -> None:
    """Run the guide's command with this machine's names; `first` runs before it in the same shell."""
    command = documented("reset_password")
    for word, value in (("V2XUM_VENV", environment_path()), ("EMAIL", email), ("WORKSPACE", workspace)):
        assert word in command
        command = command.replace(word, shlex.quote(str(value)))
    done = subprocess.run(
        ["/bin/sh", "-ec", f"{first}\n{command}"],
        input=f"{password}\n",
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        start_new_session=True,  # without a terminal the command reads the password from its input
        env={name: value for name, value in os.environ.items() if not name.startswith(("POSTGRE_", "DJANGO_"))},
    )
    assert "Password successfully changed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.labelstudio
def test_a_forgotten_password_is_set_anew(label_studio: Running, server_root: Path) -> None:
    access, email = label_studio.access, "forgetful@example.org"
    with signed_up(access, email, "the first one"):
        pass
    assert may_log_in(access, email, "the first one") and not may_log_in(access, email, "another one")
    reset_password(server_root, email, "another one")
    assert may_log_in(access, email, "another one") and not may_log_in(access, email, "the first one")


@pytest.mark.slow
@pytest.mark.labelstudio
@pytest.mark.postgresql
def test_a_server_with_its_data_in_postgresql(
    tmp_path: Path, postgresql: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = new_database(postgresql, "label studio")
    monkeypatch.setenv(POSTGRES, text_of(database))
    place = make_workspace(tmp_path / "shared", FILMS)
    messages: list[str] = []
    with serving(place.root, free_port(), messages.append) as running:
        access = running.access
        assert running.fresh and may_log_in(access, access.username, access.password)
        done = push(place, access, "On PostgreSQL")
        assert (done.added, done.failed) == (2, ())
        tasks = Api(access).tasks(done.project)
        Api(access).judge(tasks[0], "accept")
        _, verdicts = pull(place, access, "On PostgreSQL")
        assert [(v.sample_id, v.decision) for v in verdicts] == [("film-0", "accept")]
        again = push(place, access, "On PostgreSQL", check=True)
        assert (again.added, again.unchanged) == (0, 2)
        shown = httpx.get(access.url + tasks[0]["data"]["video"], headers={"Authorization": f"Token {access.token}"})
        assert shown.status_code == 200 and shown.content[4:8] == b"ftyp"
        with signed_up(access, "forgetful@example.org", "the first one"):
            pass
        export = documented("POSTGRE_HOST")
        port, name = str(database.port), shlex.quote(str(database.database))
        for word, value in (("=5432", f"={port}"), ("=HOST", "=127.0.0.1"), ("=NAME", f"={name}")):
            export = export.replace(word, value)
        export = export.replace("=USER", f"={database.username}").replace("=PASSWORD", f"={shlex.quote(PASSWORD)}")
        reset_password(place.root, "forgetful@example.org", "another one", export)
        assert may_log_in(access, "forgetful@example.org", "another one")
    with serving(place.root, None, messages.append) as running:
        assert not running.fresh and running.access == access
        assert [task["id"] for task in Api(access).tasks(done.project)] == [task["id"] for task in tasks]
        assert pull(place, access, "On PostgreSQL")[1] == verdicts
        unchanged = push(place, access, "On PostgreSQL", check=True)
        assert (unchanged.added, unchanged.unchanged) == (0, 2)
        assert may_log_in(access, "forgetful@example.org", "another one")
        arguments = Path(f"/proc/{running.process.pid}/cmdline").read_bytes()
    assert rows(database, "SELECT count(*) FROM task") == [(2,)]
    assert not list(place.root.rglob("label_studio.sqlite3"))
    files = [path for path in place.root.rglob("*") if path.is_file()]
    assert place.root / "review" / "server.log" in files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert SECRET.encode() not in arguments and not [text for text in messages if SECRET in text]


@pytest.mark.slow
@pytest.mark.labelstudio
@pytest.mark.postgresql
def test_a_database_that_refuses_us_is_named_without_its_password(
    tmp_path: Path, postgresql: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES, text_of(postgresql.set(password=PASSWORD + "x")))
    with pytest.raises(RunStopped, match="password authentication failed") as caught, serving(tmp_path, free_port()):
        pass
    assert SECRET not in str(caught.value) + (tmp_path / "review" / "server.log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "address",
    [
        "mysql://u:SECRET@h/n",
        "postgresql://u:SECRET@h",
        "postgresql://u:SECRET@/n",
        "postgresql://u:SE/CRET@h/n",
        "postgresql://u:7/SECRET@h/n",
        "postgresql://u:SECRET#@h/n",
        "postgresql://u:SECRET@h:port/n",
        "postgresql://u:SECRET@h/n?sslmode=require",
        "SECRET",
    ],
)
def test_an_address_that_cannot_be_used_is_refused_and_not_repeated(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES, address)
    with pytest.raises(ConfigError, match=POSTGRES) as caught:
        environment(review_folder(tmp_path), new_access("http://127.0.0.1:1"))
    assert "SECRET" not in str(caught.value) and "CRET@" not in str(caught.value)


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)


@given(password=PRINTABLE, user=PRINTABLE)
def test_any_name_and_password_reach_the_server_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, password: str, user: str
) -> None:
    url = sa.URL.create("postgresql", user, password, "db.example.org", None, "labels")
    folder = tmp_path_factory.getbasetemp() / "review"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(POSTGRES, text_of(url))
        variables = environment(folder, new_access("http://127.0.0.1:1"))
    assert (variables["POSTGRE_USER"], variables["POSTGRE_PASSWORD"], variables["POSTGRE_NAME"]) == (
        user,
        password,
        "labels",
    )
    assert (variables["POSTGRE_HOST"], variables["POSTGRE_PORT"], variables["DJANGO_DB"]) == (
        "db.example.org",
        "5432",
        "default",
    )
