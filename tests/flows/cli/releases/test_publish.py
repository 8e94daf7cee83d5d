"""`v2xum publish` as a user calls it, in a process of its own, and what `load_dataset` then reads from the Hub."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.hub.server import Hub, serve
from schemas.repository import ROOT
from tests.curation.release.hub.hubs import NAME, make_releases
from tests.once import once
from tests.runs import in_process, run_flow

pytestmark = pytest.mark.slow
# Reads every configuration from the Hub, streamed and not, and compares the rows with those of the folder.
READ_BACK = """
import sys, json, datasets
name, folder, revision, caches = sys.argv[1:]
same = {}
for configuration in json.loads(open(folder + "/manifest.json").read())["configurations"]:
    if not configuration["splits"]:
        continue
    config = configuration["name"]
    here = datasets.load_dataset(folder, config, cache_dir=caches)
    there = datasets.load_dataset(name, None if config == "default" else config, revision=revision, cache_dir=caches)
    streamed = datasets.load_dataset(name, config, revision=revision, streaming=True)
    for split, rows in here.items():
        assert there[split].features == rows.features, config
        assert there[split].with_format("arrow")[:] == rows.with_format("arrow")[:], (config, split)
        assert sum(1 for _ in streamed[split]) == rows.num_rows
        same[config] = same.get(config, 0) + rows.num_rows
print(json.dumps(same))
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "two-releases", lambda folder: make_releases(folder / "w")) / "w"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serve(tmp_path / "hub") as running:
        yield running


def run(hub: Hub, tmp_path: Path, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **hub.environment(tmp_path / "home"), **more}
    return subprocess.run(
        [sys.executable, *map(str, command)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize("way", ["xet", "old"])
def test_load_dataset_reads_back_exactly_what_was_published(hub: Hub, root: Path, tmp_path: Path, way: str) -> None:
    more = {} if way == "xet" else {"HF_HUB_DISABLE_XET": "1"}
    done = run(hub, tmp_path, "-m", "flows.cli", "publish", root, "0.2.0", NAME, "--json", **more)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["state"], document["tag"]) == ("published", "v0.2.0")
    assert document["address"] == f"{hub.url}/datasets/{NAME}"
    tree = hub.repositories[NAME].find("main").tree
    assert any(entry.xet for entry in tree.values()) == (way == "xet")
    assert any(request.startswith("PUT /lfs") for request in hub.requests) == (way == "old")
    token = hub.environment(tmp_path)["HF_TOKEN"]
    assert token not in done.stdout + done.stderr
    folder = root / "releases" / "0.2.0"
    read = run(hub, tmp_path, "-c", READ_BACK, NAME, folder, "v0.2.0", tmp_path / "caches", **more)
    assert read.returncode == 0, read.stderr
    rows = json.loads(read.stdout)
    assert (rows["default"], rows["full"], rows["preferences"], rows["rejections"], rows["tombstones"]) == (
        6,
        6,
        2,
        2,
        2,
    )
    assert set(rows) == {each["name"] for each in json.loads((folder / "manifest.json").read_bytes())["configurations"]}
    again = run(hub, tmp_path, "-m", "flows.cli", "publish", root, "0.2.0", NAME, **more)
    assert again.returncode == 0 and again.stdout.startswith("published already, nothing was sent\n"), again.stderr


def test_what_is_wrong_with_the_call_has_exit_code_2(root: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("0.9.0", NAME), "has no release 0.9.0; there are 0.1.0, 0.2.0"),
        (("0.1.0", "films"), "is no name of a dataset; give OWNER/NAME"),
        (("0.1.0", f"file://{tmp_path}/x", "--private"), "are for the Hub"),
    ):
        refused = in_process("publish", root, *arguments)
        assert refused.returncode == 2 and told in refused.stderr, refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_store_gets_the_release_and_a_dry_run_nothing(root: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/films"
    dry = in_process("publish", root, "0.1.0", url, "--dry-run")
    assert dry.returncode == 0 and dry.stdout.startswith("would be published\n") and list(tmp_path.iterdir()) == []
    done = in_process("publish", root, "0.1.0", url)
    assert done.returncode == 0 and "sent      " in done.stdout
    assert in_process("check", tmp_path / "films" / "0.1.0").stdout.startswith("sound: 8 samples")


@pytest.mark.prefect
def test_the_flow_publishes_too(server: str, root: Path, tmp_path: Path) -> None:
    arguments = {"workspace": str(root), "version": "0.1.0", "address": f"file://{tmp_path}/films"}
    done = run_flow(server, "flows.publish", "publish", arguments)
    assert done["state"] == "published" and (tmp_path / "films" / "latest.json").exists()
