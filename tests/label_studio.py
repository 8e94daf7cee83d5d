"""Real Label Studio servers for tests: one for all tests of a worker, and a database that has its tables already."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.once import once

if TYPE_CHECKING:
    from annotation.label_studio.access import Access
    from annotation.label_studio.server import Running
    from curation.workspace import Workspace
    from tests.annotation.workspaces import Film

_VARIABLES = ("V2XUM_LABEL_STUDIO_URL", "V2XUM_LABEL_STUDIO_TOKEN", "V2XUM_LABEL_STUDIO_POSTGRES")
_DATABASE = "label_studio.sqlite3"
# Hundreds of migrations, each with its own commit: without waiting for the disk they take a fraction of the time.
_MIGRATE = """
import runpy, sys
from pathlib import Path
from django.db.backends.signals import connection_created
sys.path.insert(0, str(Path(sys.argv[1]).parent))
connection_created.connect(lambda connection, **_: connection.cursor().execute("PRAGMA synchronous=OFF"), weak=False)
sys.argv = [sys.argv[1], "migrate", "--no-color", "--verbosity", "0"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="session")
def prepare_review(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], None]:
    """Puts Label Studio's database with all tables and no user into a workspace, before its server's first start.

    The tables are the server's own work of a minute, which is done once for all servers of the tests. One test starts
    a server without this: tests/annotation/label_studio/test_server.py, with its data in PostgreSQL.
    """
    migrated = once(tmp_path_factory, "label-studio-tables", _migrate)

    def prepare(workspace: Path) -> None:
        folder = workspace / "review" / "label-studio"
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir()
        shutil.copy(migrated / _DATABASE, folder / _DATABASE)

    return prepare


def _migrate(folder: Path) -> None:
    """Let Label Studio write its tables into `folder`."""
    import sqlite3

    from annotation.label_studio.access import new_access
    from annotation.label_studio.environment import ensure_environment, environment_path
    from annotation.label_studio.server import environment

    ensure_environment(print)
    with pytest.MonkeyPatch.context() as patch:
        for name in _VARIABLES:
            patch.delenv(name, raising=False)
        told = environment(folder, new_access("http://127.0.0.1:1"))
    (manage,) = environment_path().glob("lib/python*/site-packages/label_studio/manage.py")
    command = [environment_path() / "bin" / "python", "-c", _MIGRATE, manage]
    done = subprocess.run(command, env=told, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    database = folder / "label-studio" / _DATABASE
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.rename(folder / _DATABASE)


@pytest.fixture(scope="session")
def server_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that the worker's server is started for; the media of all others go into its folder."""
    return tmp_path_factory.mktemp("label-studio")


@pytest.fixture(scope="session")
def label_studio(server_root: Path, prepare_review: Callable[[Path], None]) -> Iterator[Running]:
    """The worker's server."""
    from annotation.label_studio.server import serving
    from schemas.kit.local_process import free_port

    for name in _VARIABLES:
        os.environ.pop(name, None)
    prepare_review(server_root)
    with serving(server_root, free_port(), print) as running:
        yield running


@pytest.fixture
def access(label_studio: Running) -> Access:
    """How to reach the worker's server."""
    return label_studio.access


@pytest.fixture
def title() -> str:
    """A project's name that no other test has."""
    return f"test {uuid.uuid4().hex[:12]}"


@pytest.fixture
def workspace(tmp_path: Path, server_root: Path, label_studio: Running) -> Callable[[list[Film]], Workspace]:
    """Makes a workspace whose media the worker's server can read."""
    from annotation.label_studio.access import write_access
    from tests.annotation.workspaces import make_workspace

    def make(films: list[Film], name: str = "films") -> Workspace:
        place = make_workspace(tmp_path / name, films, name)
        review = place.root / "review"
        review.mkdir(mode=0o700)
        (review / "files").symlink_to(server_root / "review" / "files")
        write_access(place.root, label_studio.access)
        return place

    return make
