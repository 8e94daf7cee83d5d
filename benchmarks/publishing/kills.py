"""Kills publications to the Hub and breaks their connections: readers of `main` must never see a part of a release.

The publisher is the project's own, with huggingface_hub and hf_xet, in a process of its own; the Hub is the stand-in
of demo/hub. A repository shows 0.1.0, and 0.2.0 is being published. It is killed (SIGKILL) at random moments, and at
each of its requests, before and after the Hub has done the work. After every kill `main` is compared with both
releases, the same command runs again, and `main` must show 0.2.0, tagged, without the branch of the upload. Every tree
that `main` ever showed counts, not only the last one.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from huggingface_hub import constants

from benchmarks.publishing.rows import make_releases
from curation.release.hub.client import HubRepository
from curation.release.hub.publish import publish_to_hub
from curation.release.publish.local import LocalRelease, local_release
from curation.release.publish.steps import Steps, Wishes
from curation.workspace import Workspace
from demo.hub.accounts import WRITE_TOKEN
from demo.hub.faults import Fault
from demo.hub.repository import Entry
from demo.hub.server import Hub, serve
from schemas.errors import V2XumError

NAME = "me/films"
OLD, NEW = "0.1.0", "0.2.0"
KILLS = 20
_SECONDS = 120.0


def publishes(endpoint: str, home: Path, root: Path, version: str, ready: Connection, xet: bool) -> None:
    """Publish in a process that may be killed; `ready` is told when it begins, and how it ended."""
    os.environ["HF_HOME"] = str(home)  # hf_xet reads it when its session begins
    constants.HF_HUB_DISABLE_XET = not xet
    release = local_release(Workspace(root), version)
    repository = HubRepository(NAME, Steps(), endpoint=endpoint, token=WRITE_TOKEN)
    ready.send("now")
    ready.recv()  # whoever kills it is ready
    try:
        ready.send(publish_to_hub(repository, release, Wishes()).state)
    except V2XumError as error:
        ready.send(f"{type(error).__name__}: {error}")


class Campaign:
    """Kills and broken connections of the publication of one release after another, each on a Hub of its own."""

    def __init__(self, folder: Path, root: Path, seed: int, *, xet: bool = True) -> None:
        """Work in `folder`; `root` is a workspace with the releases 0.1.0 and 0.2.0."""
        self._folder, self._root = folder, root
        self._random = random.Random(seed)
        self._xet = xet
        # Processes begin as copies of one that has imported everything, without threads or a session of hf_xet.
        self._processes = multiprocessing.get_context("forkserver")
        self._processes.set_forkserver_preload(["benchmarks.publishing.kills", "datasets"])
        self._expected = {version: _stated(local_release(Workspace(root), version)) for version in (OLD, NEW)}
        self._number = 0
        self.seconds, self.requests = 0.0, 0
        self.findings: dict[str, Any] = {
            "kills": 0, "kills_that_left_the_old": 0, "kills_that_left_the_new": 0,
            "breaks": 0, "breaks_that_it_survived": 0, "mixtures": [], "not_resumed": [],
        }  # fmt: skip

    def measure(self) -> None:
        """Publish undisturbed: how long it takes, and how many requests it sends."""
        with self._hub() as hub:
            begun = time.monotonic()
            self._finish(hub, "undisturbed")
            self.seconds, self.requests = time.monotonic() - begun, len(hub.requests)

    def kill_at_random(self) -> None:
        """Kill at a random moment of the publication; a publication that was faster is tried again, earlier."""
        share = self._random.random()
        for _ in range(10):
            with self._hub() as hub:
                process, pipe = self._begin(hub)
                if not pipe.poll(self.seconds * share):
                    self._kill(hub, process, f"after {self.seconds * share:.2f} s")
                    return
                process.join(_SECONDS)
                share *= 0.8

    def kill_at_request(self, number: int, when: str = "") -> None:
        """Kill when the Hub receives request `number` (from 0), before or after its work."""
        when = when or self._random.choice(("before", "after"))
        with self._hub() as hub:
            reached, seen = threading.Event(), [0]

            def look(_request: str, moment: str) -> None:
                seen[0] += moment == "before"
                if seen[0] == number + 1 and moment == when and not reached.is_set():
                    process.kill()
                    reached.set()

            process, pipe = self._begin(hub, look)
            while not reached.wait(0.02):
                if pipe.poll():
                    break
            hub.on_request = lambda _request, _when: None
            if reached.is_set():
                asked = hub.requests[number] if number < len(hub.requests) else "?"
                self._kill(hub, process, f"{when} request {number} ({asked})")
            process.join(_SECONDS)

    def break_at_request(self, number: int, kind: str) -> None:
        """End the connection of request `number` (from 0)."""
        with self._hub() as hub:
            hub.faults.set(Fault("", kind, skip=number))  # type: ignore[arg-type]
            process, pipe = self._begin(hub)
            said = pipe.recv() if pipe.poll(_SECONDS) else "no answer"
            process.join(_SECONDS)
            self.findings["breaks"] += 1
            self.findings["breaks_that_it_survived"] += said == "published"
            self._look(hub, f"{kind} at request {number}")
            hub.faults.set()
            self._finish(hub, f"{kind} at request {number}: {said}")

    @contextmanager
    def _hub(self) -> Iterator[Hub]:
        """A Hub whose repository shows the old release."""
        self._number += 1
        with serve(self._folder / f"hub-{self._number}") as hub:
            process, pipe = self._begin(hub, version=OLD)
            assert pipe.poll(_SECONDS) and pipe.recv() == "published"
            process.join(_SECONDS)
            hub.requests.clear()
            yield hub

    def _begin(
        self, hub: Hub, look: Callable[[str, str], None] = lambda _request, _when: None, version: str = NEW
    ) -> tuple[Any, Connection]:
        """Start a publication; `look` is called around each of its requests."""
        mine, theirs = self._processes.Pipe()
        home = self._folder / f"home-{self._number}"
        process = self._processes.Process(
            target=publishes, args=(hub.url, home, self._root, version, theirs, self._xet)
        )
        process.start()
        theirs.close()
        assert mine.poll(_SECONDS) and mine.recv() == "now"
        hub.on_request = look
        mine.send("go")
        return process, mine

    def _kill(self, hub: Hub, process: Any, moment: str) -> None:
        process.kill()
        process.join(_SECONDS)
        self.findings["kills"] += 1
        left = self._look(hub, moment)
        self.findings["kills_that_left_the_old"] += left == OLD
        self.findings["kills_that_left_the_new"] += left == NEW
        self._finish(hub, moment)

    def _look(self, hub: Hub, moment: str) -> str | None:
        """Note every tree of `main` that is no release; returns the version that `main` shows."""
        repository = hub.repositories[NAME]
        for tree in repository.shown[1:]:  # the first one is that of the new repository
            if _hashes(tree) not in self._expected.values():
                self.findings["mixtures"].append(f"{moment}: {sorted(tree)}")
        now = _hashes(repository.find("main").tree)
        return next((version for version, files in self._expected.items() if files == now), None)

    def _finish(self, hub: Hub, moment: str) -> None:
        """Publish again: it must end, and `main` must show the new release."""
        process, pipe = self._begin(hub)
        said = pipe.recv() if pipe.poll(_SECONDS) else "no answer"
        process.join(_SECONDS)
        repository = hub.repositories[NAME]
        whole = self._look(hub, moment) == NEW and repository.tags.keys() == {f"v{OLD}", f"v{NEW}"}
        if said not in ("published", "already") or not whole or list(repository.branches) != ["main"]:
            self.findings["not_resumed"].append(f"{moment}: {said}")


def _stated(release: LocalRelease) -> dict[str, str]:
    return {path: file.sha256 for path, file in release.files.items()}


def _hashes(tree: Any) -> dict[str, str]:
    entries: dict[str, Entry] = dict(tree)
    return {path: entry.sha256 for path, entry in entries.items() if path != ".gitattributes"}


def measure(kills: int, samples: int, *, every: bool, xet: bool, seed: int) -> dict[str, Any]:
    """Run a campaign; `every`: kill and break at every request, too."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "w"
        make_releases(root, samples, 0.2)
        campaign = Campaign(Path(name), root, seed, xet=xet)
        campaign.measure()
        for _ in range(kills):
            campaign.kill_at_random()
        for number in range(campaign.requests) if every else ():
            for when in ("before", "after"):
                campaign.kill_at_request(number, when)
            for kind in ("drop", "drop_after", "half"):
                campaign.break_at_request(number, kind)
        return {"seconds": round(campaign.seconds, 1), "requests": campaign.requests, "xet": xet, **campaign.findings}


def main() -> None:
    """Run the campaign and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench publish_kills", description=main.__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--every", action="store_true", help="kill and break at every request, too")
    parser.add_argument("--no-xet", action="store_true", help="the old way of uploading")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    print(json.dumps(measure(given.kills, given.samples, every=given.every, xet=not given.no_xet, seed=given.seed)))


if __name__ == "__main__":
    main()
