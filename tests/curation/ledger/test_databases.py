"""Where a workspace's ledger is: in a file, or in a schema of its own on a real PostgreSQL."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.ledger.databases import LEDGER
from curation.ledger.ledger import Ledger
from curation.workspace import Workspace
from schemas.errors import ConfigError
from tests.curation.scripted_stages import Works, run_all, sources
from tests.postgres import PASSWORD, SECRET, new_database, rows, text_of


@pytest.fixture
def shared(postgresql: sa.URL, monkeypatch: pytest.MonkeyPatch) -> sa.URL:
    """A server that the environment names."""
    monkeypatch.setenv(LEDGER, text_of(postgresql))
    return postgresql


def filled(place: Workspace, count: int) -> list[str]:
    with closing(place.ledger()) as ledger:
        ids = ledger.register(sources(count))
        run_all(ledger, ids, Works())
    return ids


def known(place: Workspace) -> list[str]:
    with closing(place.ledger()) as ledger:
        return [source.id for source in ledger.sources()]


@pytest.mark.postgresql
def test_workspaces_in_one_database_never_mix_and_may_be_moved(shared: sa.URL, tmp_path: Path) -> None:
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    assert not first.exists
    ids = filled(first, 3)
    assert first.exists and known(second) == []
    assert filled(second, 1) == ids[:1]
    assert (known(first), known(second)) == (ids, ids[:1])
    shutil.move(first.root, tmp_path / "moved")
    assert known(Workspace(tmp_path / "moved")) == ids
    assert not list(tmp_path.rglob("*.sqlite*"))
    assert rows(shared, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]


@pytest.mark.postgresql
def test_a_ledger_is_looked_for_where_it_is(shared: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workspace(tmp_path / "w")
    filled(place, 1)
    monkeypatch.setenv(LEDGER, text_of(new_database(shared, f"other {tmp_path.name}")))
    with pytest.raises(ConfigError, match="another database"):
        place.ledger()
    monkeypatch.delenv(LEDGER)
    with pytest.raises(ConfigError, match=f"set {LEDGER}"):
        place.ledger()
    assert not (place.root / "ledger.sqlite").exists()
    file = Workspace(tmp_path / "file")
    filled(file, 1)
    monkeypatch.setenv(LEDGER, text_of(shared))
    with pytest.raises(ConfigError, match=f"unset {LEDGER}"):
        file.ledger()


@pytest.mark.postgresql
def test_a_note_that_was_changed_is_no_query(shared: sa.URL, tmp_path: Path) -> None:
    place = Workspace(tmp_path / "w")
    filled(place, 1)
    (place.root / "ledger.postgresql").write_text('public"; drop schema public; --')
    with pytest.raises(ConfigError, match="not the name of a ledger"):
        place.ledger()


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": PASSWORD + "x"}, "password authentication failed"),
        ({"database": "nothing"}, 'database "nothing" does not exist'),
        ({"port": 9}, "refused"),
        ({"query": {"sslmode": "require"}}, "SSL"),
        ({"query": {"nonsense": "1"}}, "nonsense"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(
    change: dict[str, object], words: str, shared: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEDGER, text_of(shared.set(**change)))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=f"{LEDGER}: the ledger at 127.0.0.1:") as caught:
        Workspace(tmp_path / "w").ledger()
    assert words in str(caught.value) and SECRET not in str(caught.value)
    assert caught.value.__cause__ is None and not Workspace(tmp_path / "w").exists


@pytest.mark.postgresql
def test_a_user_who_may_make_no_schema_is_told_so(
    shared: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sa.create_engine(shared, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE ROLE reader LOGIN PASSWORD 'reader'"))
    engine.dispose()
    monkeypatch.setenv(LEDGER, text_of(shared.set(username="reader", password="reader")))
    with pytest.raises(ConfigError, match="permission denied for database"):
        Workspace(tmp_path / "w").ledger()


@pytest.mark.parametrize(
    "address", ["sqlite:///x", "postgresql://u:SECRET@h", "postgresql://u:SE/CRET@h/n", "postgresql://h/n?SECRET"]
)
def test_what_is_no_address_is_not_repeated(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEDGER, address)
    with pytest.raises(ConfigError, match=f"{LEDGER}: not an address") as caught:
        Workspace(tmp_path / "w").ledger()
    assert "CRET" not in str(caught.value)


def test_an_older_layout_is_refused_and_closed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.sqlite'}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE replies (key VARCHAR PRIMARY KEY, text VARCHAR)"))
    engine.dispose()
    with pytest.raises(ConfigError, match="earlier version"):
        Ledger(url)
