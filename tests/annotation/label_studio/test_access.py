"""Access to a server, and annotators' pseudonyms: secrets stay secret."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from annotation.label_studio.access import (
    TOKEN,
    URL,
    Access,
    Pseudonyms,
    find_access,
    new_access,
    read_access,
    write_access,
)
from schemas.errors import ConfigError


def test_the_environments_server_has_priority_over_the_workspaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(URL, raising=False)
    monkeypatch.delenv(TOKEN, raising=False)
    with pytest.raises(ConfigError, match="v2xum review serve"):
        find_access(tmp_path)
    own = new_access("http://127.0.0.1:8080")
    write_access(tmp_path, own)
    assert find_access(tmp_path) == own
    assert stat.S_IMODE((tmp_path / "review" / "access.json").stat().st_mode) == 0o600
    assert own.token not in repr(own) and own.password not in repr(own)
    monkeypatch.setenv(URL, "https://labels.example.org/")
    with pytest.raises(ConfigError, match="set both"):
        find_access(tmp_path)
    monkeypatch.setenv(TOKEN, "secret")
    assert find_access(tmp_path) == Access(url="https://labels.example.org", token="secret")
    monkeypatch.setenv(URL, "file:///etc/passwd")
    with pytest.raises(ConfigError, match="not the address"):
        find_access(tmp_path)


def test_the_error_of_a_torn_access_file_hides_its_content(tmp_path: Path) -> None:
    write_access(tmp_path, new_access("http://127.0.0.1:8080"))
    path = tmp_path / "review" / "access.json"
    path.write_text(path.read_text()[:-20], encoding="utf-8")
    secret = path.read_text().split('"token":"')[1][:20]
    with pytest.raises(ConfigError, match="not readable") as raised:
        find_access(tmp_path)
    assert secret not in str(raised.value)


def test_pseudonyms_are_stable_and_tell_nothing(tmp_path: Path) -> None:
    first = Pseudonyms(tmp_path)
    assert first.of("Ann@Example.org ") == first.of("ann@example.org") == Pseudonyms(tmp_path).of("ann@example.org")
    assert first.of("ann@example.org") != first.of("bob@example.org")
    (tmp_path / "elsewhere").mkdir()
    assert Pseudonyms(tmp_path / "elsewhere").of("ann@example.org") != first.of("ann@example.org")


def test_an_address_or_a_file_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN, "secret")
    for url in ("http://[", "https://[::fff:1.0.1]/"):
        monkeypatch.setenv(URL, url)
        with pytest.raises(ConfigError, match="not the address"):
            find_access(tmp_path)
    (tmp_path / "review").mkdir()
    (tmp_path / "review" / "access.json").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="restore it from a backup"):
        read_access(tmp_path)
