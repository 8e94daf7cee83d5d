"""`v2xum publish` as a user calls it, in a process of its own, and what `load_dataset` then reads from the Hub."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.release.publish.local import local_release
from curation.workspace import Workspace
from demo.hub.server import Hub, serve
from schemas.repository import ROOT
from tests.curation.release.hub.hubs import NAME, make_releases, shown, stated
from tests.once import once
from tests.runs import in_process, run_flow

pytestmark = pytest.mark.slow
# Reads configurations (* for all) from the Hub, streamed and not, and compares the rows with those of the folder.
READ_BACK = """
import sys, json, datasets
name, folder, revision, caches, wanted = sys.argv[1:]
same = {}
for configuration in json.loads(open(folder + "/manifest.json").read())["configurations"]:
    config = configuration["name"]
    if not configuration["splits"] or wanted != "*" and config not in wanted.split(","):
        continue
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
# Publishes without the programs that read the release before, which have nothing to do with the way of sending.
PUBLISH = """
import sys
from pathlib import Path
from curation.release.hub.client import HubRepository
from curation.release.hub.publish import publish_to_hub
from curation.release.publish.local import local_release
from curation.workspace import Workspace
from tests.curation.release.hub.hubs import NO_WISHES, Hasty
name, root, version = sys.argv[1:]
release = local_release(Workspace(Path(root)), version)
print(publish_to_hub(HubRepository(name, Hasty()), release, NO_WISHES).model_dump_json())
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


VERSION = "0.2.0"  # in which there are pairs of preferences, rejections and tombstones


def test_load_dataset_reads_back_exactly_what_was_published(hub: Hub, root: Path, tmp_path: Path) -> None:
    done = run(hub, tmp_path, "-m", "flows.cli", "publish", root, VERSION, NAME)
    assert done.returncode == 0 and done.stdout.startswith("published\n"), done.stderr
    assert "sent      " in done.stdout and f"tag       v{VERSION}, commit " in done.stdout
    assert f"{hub.url}/datasets/{NAME}" in done.stdout
    require_published(hub, root, xet=True)
    token = hub.environment(tmp_path)["HF_TOKEN"]
    assert token not in done.stdout + done.stderr
    rows = read_back(hub, root, tmp_path, "*")
    expected = {"default": 6, "full": 6, "preferences": 2, "rejections": 2, "tombstones": 2}
    assert {name: rows[name] for name in expected} == expected
    manifest = json.loads((root / "releases" / VERSION / "manifest.json").read_bytes())
    assert set(rows) == {each["name"] for each in manifest["configurations"]}
    again = run(hub, tmp_path, "-m", "flows.cli", "publish", root, VERSION, NAME, "--json")
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    assert (document["state"], document["tag"]) == ("already", f"v{VERSION}")
    assert document["address"] == f"{hub.url}/datasets/{NAME}"


def test_the_hubs_old_way_of_sending_gives_the_same(hub: Hub, root: Path, tmp_path: Path) -> None:
    for state in ("published", "already"):
        done = run(hub, tmp_path, "-c", PUBLISH, NAME, root, VERSION, HF_HUB_DISABLE_XET="1")
        assert done.returncode == 0 and json.loads(done.stdout)["state"] == state, done.stderr
    require_published(hub, root, xet=False)
    assert read_back(hub, root, tmp_path, "default,full", HF_HUB_DISABLE_XET="1") == {"default": 6, "full": 6}


def require_published(hub: Hub, root: Path, *, xet: bool) -> None:
    """`main` holds the release, which was sent one way or the other."""
    repository = hub.repositories[NAME]
    assert shown(repository) == stated(local_release(Workspace(root), VERSION))
    assert any(entry.xet for entry in repository.find("main").tree.values()) == xet
    assert any(request.startswith("PUT /lfs") for request in hub.requests) != xet


def read_back(hub: Hub, root: Path, tmp_path: Path, configurations: str, **more: str) -> dict[str, int]:
    """The rows of the configurations that `load_dataset` reads from the Hub as from the folder."""
    folder = root / "releases" / VERSION
    read = run(hub, tmp_path, "-c", READ_BACK, NAME, folder, f"v{VERSION}", tmp_path / "caches", configurations, **more)
    assert read.returncode == 0, read.stderr
    found: dict[str, int] = json.loads(read.stdout)
    return found


def test_what_is_wrong_with_the_call_has_exit_code_2(root: Path, tmp_path: Path) -> None:
    for arguments, told in (
        (("0.9.0", NAME), "has no release 0.9.0; there are 0.1.0, 0.2.0"),
        (("0.1.0", "films"), "is no name of a dataset; give OWNER/NAME"),
        (("0.1.0", f"file://{tmp_path}/x", "--private"), "are for the Hub"),
    ):
        refused = in_process("publish", root, *arguments)
        assert refused.returncode == 2 and told in refused.stderr, refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.prefect
def test_a_store_gets_the_release_by_the_flow_and_a_dry_run_nothing(server: str, root: Path, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/films"
    dry = in_process("publish", root, "0.1.0", url, "--dry-run")
    assert dry.returncode == 0 and dry.stdout.startswith("would be published\n") and list(tmp_path.iterdir()) == []
    arguments = {"workspace": str(root), "version": "0.1.0", "address": url}
    done = run_flow(server, "flows.publish", "publish", arguments)
    assert done["state"] == "published" and (tmp_path / "films" / "latest.json").exists()
    assert in_process("check", tmp_path / "films" / "0.1.0").stdout.startswith("sound: 8 samples")
    again = in_process("publish", root, "0.1.0", url)
    assert again.returncode == 0 and again.stdout.startswith("published already, nothing was sent\n")
