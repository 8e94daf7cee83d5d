"""One size of the benchmark `scale`: curates so many videos in a fresh process, and counts what it took."""

from __future__ import annotations

import hashlib
import json
import math
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.scaling.processes import Watch
from benchmarks.scaling.sittings import PROGRESS, STOPPED, watched
from curation.store.files import write_whole
from schemas.errors import Interrupted

EXPONENTS = {"exponent": "seconds", "cpu_exponent": "cpu_seconds", "reference_exponent": "references"}


def measure(videos: int, films: Path, folder: Path) -> dict[str, Any]:
    """Curate the first `videos` of the folder `films` in a fresh process, and return its figures.

    What is needed is kept in `folder`: a measurement that was stopped goes on there. Raises as `watched`.
    """
    return watched([sys.executable, "-m", "benchmarks.scaling.growth", str(videos), str(films), str(folder)], folder)


def exponent(before: dict[str, Any], after: dict[str, Any], figure: str) -> float:
    """The slope of a figure over the videos, both as logarithms. The sizes must differ."""
    grown = math.log(after[figure] / before[figure]) / math.log(after["videos"] / before["videos"])
    return round(grown, 3)


def _run(videos: int, films: Path, folder: Path) -> dict[str, Any]:
    """Curate and export in this process. Raises Interrupted once it was asked to stop."""
    from benchmarks.instant import Instant, config
    from curation.pipeline.counts import Counts
    from curation.pipeline.run import open_run
    from flows.cli.app import collect_rarely
    from flows.local.prefect_server import local_server, quiet_environment
    from models.reply_cache import CachedModel
    from schemas.configuration.config import SourceSpec

    collect_rarely()  # as the command does
    listed = folder / "films.csv"
    if not listed.exists():
        write_whole(listed, _listed(videos, films))
    settings = config(shards_in_flight=2, shard_size=50).model_copy(update={"sources": (SourceSpec(at=str(listed)),)})
    quiet_environment(folder / "prefect")
    with local_server(folder / "prefect") as url:
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from curation.status.standings import sample_ids
        from flows.curate import curate

        root = folder / "workspace"
        last: list[float] = []  # when the latest count came; the export follows the last one
        counts = Counts(lambda _stage, _counts: last.__setitem__(slice(None), [time.perf_counter()]))
        with temporary_settings({PREFECT_API_URL: url}), open_run(root, settings, counts) as run:
            signal.signal(signal.SIGINT, lambda *_: run.services.stop.set())
            model = CachedModel(Instant(), run.services.ledger, run.services.meter)
            run.services.__dict__.update(captioner=model, summarizer=model)
            watch = Watch(folder / PROGRESS)
            try:
                curate(settings, root)
            finally:
                ended = time.perf_counter()
                watch.close()
            samples = len(sample_ids(run.services.view))
    if samples != videos:
        raise SystemExit(f"{samples} samples of {videos} videos: nothing was measured")
    return {
        "videos": videos,
        "export_seconds": round(ended - last[0], 1),
        "ledger_mb": _megabytes(root, "ledger.sqlite*"),
        "replies_mb": _replies_mb(root / "ledger.sqlite"),
        "store_mb": _megabytes(root / "store", "**/*"),
        "export_mb": _megabytes(root / "export", "**/*"),
        "server_mb": _megabytes(folder / "prefect", "**/*"),
    }


def _listed(videos: int, films: Path) -> str:
    """The list of the films. Raises SystemExit where there are too few, or copies among them."""
    names = sorted(film.name for film in films.glob("*.mp4"))[:videos]
    if len(names) < videos:
        raise SystemExit(f"{films}: {len(names)} films, {videos} are needed")
    different = len({hashlib.sha256((films / name).read_bytes()).digest() for name in names})
    if different < videos:  # the others would be set aside as duplicates, which is seen only at the end
        raise SystemExit(f"{films}: {different} of {videos} films differ from all others; make them anew")
    return "path\n" + "".join(f"{films / name}\n" for name in names)


def _replies_mb(file: Path) -> float:
    """What the models' replies and their index take of the ledger."""
    query = "SELECT sum(pgsize) FROM dbstat WHERE name IN ('replies', 'sqlite_autoindex_replies_1')"
    with closing(sqlite3.connect(file)) as connection:
        return round(float(connection.execute(query).fetchone()[0]) / 1e6, 1)


def _megabytes(folder: Path, pattern: str) -> float:
    files = (file for file in folder.glob(pattern) if file.is_file())
    return round(sum(file.stat().st_size for file in files) / 1e6, 1)


def main() -> None:
    """Measure as the arguments say; the status is STOPPED where the run was asked to stop."""
    try:
        print(json.dumps(_run(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))))
    except Interrupted as error:
        print(f"stopped: {error}", file=sys.stderr)
        raise SystemExit(STOPPED) from error


if __name__ == "__main__":
    main()
