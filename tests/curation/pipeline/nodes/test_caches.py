"""Old caches of nodes go; those that are held, young, or only links stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

from curation.pipeline.nodes.caches import DAYS, remove_old, use
from curation.store.files import hold_folder


def cache(nodes: Path, name: str, days: float) -> Path:
    """A cache with a file, last used so many days ago."""
    folder = nodes / name
    (folder / "store" / "videos").mkdir(parents=True)
    (folder / "store" / "videos" / "film.mp4").write_bytes(b"film")
    then = time.time() - days * 86_400
    os.utime(folder, (then, then))
    return folder


def test_only_what_nobody_uses_goes(tmp_path: Path) -> None:
    nodes, elsewhere = tmp_path / "nodes", tmp_path / "elsewhere"
    own, sibling = cache(nodes, "v2xum_b/10.0.0.7", 0), cache(nodes, "v2xum_b/10.0.0.7-2", DAYS + 1)
    old, young = cache(nodes, "v2xum_a/10.0.0.1", DAYS + 1), cache(nodes, "v2xum_b/10.0.0.1", DAYS - 1)
    held, used = cache(nodes, "v2xum_b/10.0.0.2", DAYS + 1), cache(nodes, "v2xum_b/10.0.0.3", DAYS + 1)
    begun = cache(nodes, "v2xum_c/.going-0", 0)  # a worker was killed while it removed it
    kept = cache(elsewhere, "10.0.0.1", DAYS + 1)
    (nodes / "v2xum_d").symlink_to(elsewhere)
    (nodes / "v2xum_b" / "link").symlink_to(kept)
    (nodes / "note").write_text("not a folder")
    use(used)
    with hold_folder(held):
        assert remove_old(nodes, own) == 2
    assert not old.parent.exists() and not begun.parent.exists()
    assert all((folder / "store" / "videos" / "film.mp4").exists() for folder in (young, held, used, kept, sibling))
    assert remove_old(nodes, own) == 1 and not held.exists()
    assert remove_old(tmp_path / "nothing", own) == 0


def test_one_start_removes_some_and_the_next_one_more(tmp_path: Path) -> None:
    for number in range(23):
        cache(tmp_path, f"v2xum_{number:02d}/node", DAYS + 1)
    assert [remove_old(tmp_path, tmp_path / "v2xum_99" / "node") for _ in range(3)] == [20, 3, 0]
    assert list(tmp_path.iterdir()) == []
