"""A limit of open files that is too low is said at once; one that can be raised is raised."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from curation.pipeline.open_files import allowed_files, needed_files, wanted_files
from curation.plan.doctor import check_open_files
from schemas.configuration.loading import load_config
from schemas.repository import ROOT

CONFIG = ROOT / "configs" / "demo.yaml"
LIMITED = """
import json, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))
from curation.pipeline.open_files import require_files
from curation.plan.doctor import check_open_files
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
config = load_config(Path(sys.argv[3]), sys.argv[4:])
check, said = check_open_files(config), ""
try:
    require_files(config)
except ConfigError as error:
    said = str(error)
print(json.dumps([check.status, said, resource.getrlimit(resource.RLIMIT_NOFILE)[0]]))
"""
SERVER = '{"engine":"openai","model":"m","base_urls":["http://127.0.0.1:1/v1"],"concurrency":{"max":500}}'


def under(soft: int, hard: int, *overrides: str) -> tuple[str, str, int]:
    command = [sys.executable, "-c", LIMITED, str(soft), str(hard), str(CONFIG), *overrides]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    status, said, limit = json.loads(done.stdout)
    return status, said, limit


def test_too_few_are_an_error_with_a_way_out() -> None:
    status, said, limit = under(24, 24)
    assert (status, limit) == ("fail", 24)
    assert "only 24 files open" in said and "ulimit -n 4096" in said


def test_a_soft_limit_is_raised_as_far_as_is_useful() -> None:
    assert under(64, 2000) == ("ok", "", 2000)
    assert under(64, 20_000) == ("ok", "", 4096)
    assert under(10_000, 20_000) == ("ok", "", 10_000)


def test_connections_of_servers_are_wanted_and_not_needed() -> None:
    assert under(400, 400, f"models.captioner={SERVER}")[:2] == ("warn", "")
    plain, remote = load_config(CONFIG, ()), load_config(CONFIG, [f"models.captioner={SERVER}"])
    assert wanted_files(plain) == needed_files(plain) == needed_files(remote) == wanted_files(remote) - 500


@pytest.mark.parametrize("wanted", [100, 5000])
def test_this_process_can_check_itself(wanted: int) -> None:
    assert allowed_files(wanted) >= 100
    assert check_open_files(load_config(CONFIG, ())).name == "open files"
