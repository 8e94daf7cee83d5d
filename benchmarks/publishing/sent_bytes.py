"""Measures how many bytes a second version sends, by hf_xet's own count, when a share of its rows has changed.

The real publication with huggingface_hub and hf_xet goes to the stand-in Hub of demo/hub, each version from a process
of its own. hf_xet counts what it transfers; the folder of the stand-in's store is measured too. `baseline` is the old
way of uploading (HF_HUB_DISABLE_XET), which sends every changed file whole.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks.processes import in_fresh_process, peak_memory
from benchmarks.publishing.rows import make_releases
from curation.release.publish.local import local_release
from curation.release.publish.steps import Steps, Wishes
from curation.workspace import Workspace
from demo.hub.server import Hub, serve

NAME = "me/films"
SAMPLES, SHARE = 300, 0.01


def published(environment: dict[str, str], root: Path, version: str, answer: Connection) -> None:
    """Publish from this process; answers what hf_xet transferred, seconds and peak memory."""
    os.environ.update(environment)
    from huggingface_hub.utils import _xet

    counted: dict[Any, int] = {}
    begin: Callable[[], Any] = _xet.get_xet_session

    class Counting:
        """The session of hf_xet, whose uploads report what they transferred."""

        def new_upload_commit(self, **settings: Any) -> Any:
            key = object()

            def count(group: Any, _items: Any) -> None:
                counted[key] = group.total_transfer_bytes_completed

            return begin().new_upload_commit(**{**settings, "progress_callback": count})

        def __getattr__(self, name: str) -> Any:
            return getattr(begin(), name)

    setattr(_xet, "get_xet_session", Counting)  # noqa: B010 - the library asks for it at each upload
    from curation.release.hub.client import HubRepository
    from curation.release.hub.publish import publish_to_hub

    release = local_release(Workspace(root), version)
    began = time.perf_counter()
    done = publish_to_hub(HubRepository(NAME, Steps()), release, Wishes())
    assert done.state == "published"
    answer.send(
        {
            "bytes": done.bytes, "sent_bytes": done.sent_bytes, "files": done.files, "sent_files": done.sent_files,
            "transferred": sum(counted.values()), "seconds": time.perf_counter() - began, "peak_mb": peak_memory(),
        }
    )  # fmt: skip


def measure(samples: int, share: float) -> dict[str, Any]:
    """Publish two versions by Xet, and again the old way."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "w"
        make_releases(root, samples, share)
        with serve(Path(name) / "hub") as hub:
            first, grown_first = _publish(hub, root, "0.1.0", Path(name) / "home", {})
            second, grown = _publish(hub, root, "0.2.0", Path(name) / "home", {})
        with serve(Path(name) / "old") as hub:
            old = {"HF_HUB_DISABLE_XET": "1"}
            _publish(hub, root, "0.1.0", Path(name) / "old-home", old)
            baseline, _ = _publish(hub, root, "0.2.0", Path(name) / "old-home", old)
    return {
        "samples": samples,
        "changed_share": share,
        "release_mb": round(second["bytes"] / 1e6, 1),
        "first_sent_mb": round(first["transferred"] / 1e6, 1),
        "second_sent_mb": round(second["transferred"] / 1e6, 2),
        "second_sent_share": round(second["transferred"] / second["bytes"], 4),
        "store_grew_mb": [round(grown_first / 1e6, 1), round(grown / 1e6, 2)],
        "baseline_sent_share": round(baseline["sent_bytes"] / baseline["bytes"], 4),
        "changed_files": [second["sent_files"], second["files"]],
        "seconds": [round(first["seconds"], 1), round(second["seconds"], 1)],
        "peak_mb": [round(first["peak_mb"]), round(second["peak_mb"])],
    }


def _publish(hub: Hub, root: Path, version: str, home: Path, more: dict[str, str]) -> tuple[dict[str, Any], int]:
    before = hub.store.xet.stored_bytes
    found = in_fresh_process(published, hub.environment(home) | more, root, version)
    return found, hub.store.xet.stored_bytes - before


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench publish", description=main.__doc__)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--share", type=float, default=SHARE, help="the share of rows that the second version changes")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    print(json.dumps(measure(given.samples, given.share)))


if __name__ == "__main__":
    main()
