"""A signed address and every key of the environment, through the command line: no file of the run has them."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from schemas.repository import ROOT
from tests.curation.servers import VideoServer
from tests.runs import CONFIG

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
SECRET = "S3CR3TvalueX"
# What the environment of a run holds for servers, the Hub, and people's annotations. No file may have any of them.
KEYS = {
    "V2XUM_API_KEY": "sk-S3CR3TserverX",
    "HF_TOKEN": "hf_S3CR3ThubX",
    "V2XUM_LABEL_STUDIO_URL": "https://labels.example.org",
    "V2XUM_LABEL_STUDIO_TOKEN": "S3CR3TlabelsX",
}
COOKIE = "S3CR3TcookieX"
MARK = b"S3CR3T"


def holding(root: Path) -> list[str]:
    files = [path for path in root.rglob("*") if path.is_file()]
    return [str(path.relative_to(root)) for path in files if MARK in path.read_bytes()]


def curate(root: Path, source: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    cookies = root.parent / "cookies.txt"
    cookies.write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t1999999999\tsession\t{COOKIE}\n")
    environment |= {**KEYS, "V2XUM_COOKIES_FILE": str(cookies)}
    options = ["--source", source, "--workspace", root, "--set", "download.allow_private_addresses=true"]
    command = [sys.executable, "-m", "flows.cli", "curate", CONFIG, *map(str, options), "--json"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_no_file_of_a_run_knows_a_secret(tmp_path: Path) -> None:
    root, database = tmp_path / "workspace", tmp_path / "workspace" / "prefect" / "prefect.db"
    with VideoServer(tmp_path) as site:
        done = curate(root, site.url(f"/video.mp4?n=1&sig={SECRET}"))
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["reasons"] == {"filter: too_short": 1}
        assert any(SECRET in path for path in site.paths())
        assert MARK.decode() not in done.stdout + done.stderr
        assert holding(root) == []
        with closing(sqlite3.connect(database)) as connection:
            recorded = "".join(row[0] for row in connection.execute("SELECT CAST(parameters AS TEXT) FROM flow_run"))
        assert "/video.mp4?n=1" in recorded
        private = [root / "config.json", root / "ledger.sqlite", database]
        assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}
        # As an earlier version left it.
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("UPDATE flow_run SET parameters = replace(parameters, 'n=1', ?)", (f"n=1&sig={SECRET}",))
            connection.commit()
        database.chmod(0o644)
        config = root / "config.json"
        config.write_text(config.read_text().replace("n=1", f"n=1&sig={SECRET}"))
        assert {"config.json", "prefect/prefect.db"} <= set(holding(root))
        done = curate(root, site.url(f"/video.mp4?n=2&sig={SECRET}"))
        assert done.returncode == 0, done.stderr
    assert holding(root) == []
