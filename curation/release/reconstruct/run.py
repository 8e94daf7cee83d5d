"""Makes a whole release again: every row is one line of the result, and what is done is never done twice.

    OUT/report.json           how many rows are in each state, and how their frames compare
    OUT/reconstruct.jsonl     a line for every row of the release, in its order (schemas/documents/reconstruction.py)
    OUT/videos, cut, frames   see make.py
    OUT/.reconstruct          the journal of what is done, and unfinished downloads

It needs the folder of the release alone: no ledger, no workspace, no configuration of its makers.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from curation.download.pacing.hosts import Hosts
from curation.frames.sample import has_decord
from curation.release.manifest import read_manifest
from curation.release.reconstruct.journal import KEEPS, Entry, Journal, Keep
from curation.release.reconstruct.make import WITH_FRAMES, Tools, make_row
from curation.release.reconstruct.wanted import Unusable, Wanted, listed_rows, raise_if_changed, wanted_rows
from curation.store.files import hold_folder, write_whole
from curation.store.store import Store
from curation.video.sandbox import Sandbox
from curation.video.sandboxes import Sandboxes
from schemas.configuration.config import DownloadConfig, FrameConfig, NearDuplicateConfig
from schemas.documents.reconstruction import (
    TRIED_AGAIN,
    FrameComparison,
    ReconstructedRow,
    ReconstructionReport,
    State,
)
from schemas.errors import ConfigError, RunStopped, StorageFull, WorkspaceBusy, is_storage_full
from schemas.kit.number_of import number_of
from schemas.release import MediaSettings, ReleaseManifest
from schemas.safe_text import plain

ROWS, REPORT = "reconstruct.jsonl", "report.json"
_WORK = ".reconstruct"
_AGAIN: tuple[State, ...] = ("gone", "withheld", "refused", "other")
_POLL_SECONDS = 0.2
_ASSUMED = MediaSettings(
    max_height=720, prefer_codec="h264", fps=1.0, short_side=448, jpeg_quality=90, backend="pyav"
)  # of releases that do not say how they were made: the defaults

_log = logging.getLogger(__name__)


class Request(NamedTuple):
    """What is asked for.

    `limit`: take only so many rows, from the first; `again`: also try rows again that were gone, withheld, refused or
    another video; `workers`: videos at the same time; `pace`: seconds between two downloads from one host; `keep`:
    which frames are kept, at least; `max_megabytes`: the largest file that is fetched.
    """

    limit: int | None = None
    again: bool = False
    workers: int = 2
    pace: float = 1.0
    keep: Keep = "keyframes"
    max_megabytes: float = 2000
    allow_private_addresses: bool = False
    wall_seconds: float = 1800


class Progress(NamedTuple):
    """How far it is: rows that are done or were done before, of `rows`, by state."""

    done: int
    rows: int
    states: dict[State, int]


def reconstruct(
    release: Path,
    out: Path,
    request: Request,
    raise_if_stopped: Callable[[], None] = lambda: None,
    on_row: Callable[[Progress], None] = lambda progress: None,
) -> ReconstructionReport:
    """Make the videos and frames of the release in `release` again, in the folder `out`.

    A second call goes on where the first ended, however it ended. `raise_if_stopped` is called several times a second;
    `on_row` after each row. Raises ConfigError for a folder that is no whole release, and for an `out` that holds other
    files or lies in the release; WorkspaceBusy when another process works there; StorageFull; OSError; and what
    `raise_if_stopped` raises. The two result files are written then, too, where that is possible.
    """
    manifest = read_manifest(release)
    raise_if_changed(release, manifest, raise_if_stopped)
    _prepare(release, out)
    with _alone(out), Journal(out / _WORK / "done.jsonl") as journal:
        work = _Work(release, out, manifest, request, journal, raise_if_stopped, on_row)
        try:
            work.run()
        except RunStopped as error:
            with suppress(OSError):
                work.write()
            if is_storage_full(error):  # in a child, too
                raise StorageFull(f"no space left in {out}") from error
            raise
        except OSError as error:
            if is_storage_full(error):
                raise StorageFull(f"no space left in {out}") from error
            raise
        report = work.write()
        if not report.left:
            shutil.rmtree(out / _WORK / "store", ignore_errors=True)
        return report


class _Work:
    """One call: which rows are done, and which are at work."""

    def __init__(
        self,
        release: Path,
        out: Path,
        manifest: ReleaseManifest,
        request: Request,
        journal: Journal,
        raise_if_stopped: Callable[[], None],
        on_row: Callable[[Progress], None],
    ) -> None:
        self._release, self._out, self._manifest, self._request = release, out, manifest, request
        self._journal, self._raise_if_stopped, self._on_row = journal, raise_if_stopped, on_row
        self._settings = manifest.media or _ASSUMED
        self._listed = listed_rows(release, manifest)
        self._rows: dict[int, ReconstructedRow] = {}
        self._states: Counter[State] = Counter()

    def run(self) -> None:
        """Do what is left. Raises as `reconstruct`."""
        download = DownloadConfig(
            max_height=self._settings.max_height,
            prefer_codec=self._settings.prefer_codec or "h264",
            pace=self._request.pace,
            max_megabytes=self._request.max_megabytes,
            allow_private_addresses=self._request.allow_private_addresses,
            wall_seconds=self._request.wall_seconds,
        )
        hosts = Hosts(download, sleep=self._sleep)
        store = Store(self._out / _WORK / "store")
        store.clean()
        with (
            Sandboxes(self._raise_if_stopped) as children,
            Sandbox(self._request.workers, raise_if_stopped=self._raise_if_stopped) as sandbox,
            ThreadPoolExecutor(self._request.workers, thread_name_prefix="reconstruct") as pool,
        ):
            frames = _frame_config(self._settings)
            keep = self._request.keep
            tools = Tools(self._release, self._out, store, download, frames, keep, children, sandbox, hosts)
            waiting: dict[Future[ReconstructedRow], tuple[int, Wanted]] = {}
            try:
                for place, wanted, kept in self._left():
                    waiting[pool.submit(make_row, wanted, tools, kept)] = (place, wanted)
                    while len(waiting) >= 2 * self._request.workers:
                        self._collect(waiting)
                while waiting:
                    self._collect(waiting)
            finally:
                for future in waiting:
                    future.cancel()

    def write(self) -> ReconstructionReport:
        """Write the two results as they stand now. Raises OSError."""
        rows = [self._rows.get(place) or _pending(*listed) for place, listed in enumerate(self._listed)]
        text = "".join(row.model_dump_json() + "\n" for row in rows)
        write_whole(self._out / ROWS, text, durable=True)
        states = Counter(row.state for row in rows)
        report = ReconstructionReport(
            release=str(self._release),
            version=self._manifest.version,
            name=self._manifest.name,
            rows=len(rows),
            states=dict(sorted(states.items())),
            left=sum(states[state] for state in TRIED_AGAIN),
            bytes=sum(row.bytes or 0 for row in rows if row.file is not None),
            frames=_sum(row.frames for row in rows),
            keyframes=_sum(row.keyframes for row in rows),
            settings=self._settings,
            settings_assumed=self._manifest.media is None,
        )
        write_whole(self._out / REPORT, report.model_dump_json(indent=2) + "\n", durable=True)
        return report

    def _left(self) -> Iterator[tuple[int, Wanted, ReconstructedRow | None]]:
        """The rows that are to be made, with their places; what is known of the others is noted.

        Where frames alone are missing, with what an earlier call has made of the row.
        """
        more = 0
        for place, wanted in enumerate(wanted_rows(self._release, self._manifest)):
            if self._request.limit is not None and place >= self._request.limit:
                break
            self._raise_if_stopped()
            if isinstance(wanted, Unusable):
                row = ReconstructedRow(
                    id=wanted.id, split=wanted.split, state="unusable", reason=wanted.reason, evidence=wanted.evidence
                )
                self._note(place, row)
                continue
            known = self._journal.done(wanted.digest(), self._out)
            if known is None or known.row.state in TRIED_AGAIN or (self._request.again and known.row.state in _AGAIN):
                yield place, wanted, None
            elif self._lacks_frames(known):
                yield place, wanted, known.row
            else:
                self._note(place, known.row)
                more += known.row.state in WITH_FRAMES and KEEPS.index(known.keep) > KEEPS.index(self._request.keep)
        if more:
            _log.warning(
                "%s of an earlier call keep more frames; remove %s first, to make them anew",
                number_of(more, "video"),
                self._out / "frames",
            )

    def _lacks_frames(self, known: Entry) -> bool:
        """Whether frames are asked for that an earlier call did not keep, or that were removed since."""
        if self._request.keep == "none" or known.row.state not in WITH_FRAMES:
            return False
        is_there = (self._out / "frames" / known.row.id).is_dir()
        return not is_there or KEEPS.index(known.keep) < KEEPS.index(self._request.keep)

    def _collect(self, waiting: dict[Future[ReconstructedRow], tuple[int, Wanted]]) -> None:
        """Take the rows that are finished; wait for the first one."""
        while not (finished := wait(waiting, _POLL_SECONDS, FIRST_COMPLETED).done):
            self._raise_if_stopped()
        for future in finished:
            place, wanted = waiting.pop(future)
            row = future.result()
            self._journal.add(wanted.digest(), row, self._out, self._request.keep)
            self._note(place, row)

    def _note(self, place: int, row: ReconstructedRow) -> None:
        self._rows[place] = row
        self._states[row.state] += 1
        self._on_row(Progress(len(self._rows), len(self._listed), dict(self._states)))

    def _sleep(self, seconds: float) -> None:
        """Wait for a host's turn; a stop ends the wait."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._raise_if_stopped()
            time.sleep(min(left, _POLL_SECONDS))


def _frame_config(settings: MediaSettings) -> FrameConfig:
    """How frames are sampled: as the release says, with PyAV where decord is not installed."""
    backend = settings.backend if settings.backend == "pyav" or has_decord() else "pyav"
    if backend != settings.backend:
        _log.warning("decord is not installed here: frames are sampled by PyAV, and look alike instead of being equal")
    return FrameConfig(
        fps=settings.fps,
        short_side=settings.short_side,
        jpeg_quality=settings.jpeg_quality,
        backend=backend,
        cross_check=0,
        near_duplicates=NearDuplicateConfig(mode="disable"),
    )


def _prepare(release: Path, out: Path) -> None:
    """Make the folder for the results. Raises ConfigError for one of other files, and for one in the release."""
    place, source = out.resolve(), release.resolve()
    if place == source or place.is_relative_to(source):
        raise ConfigError(f"{out} lies in the release, which must not change: give another folder as --out")
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is not a folder: give a new one as --out")
    if out.is_dir() and not (out / _WORK).is_dir() and any(out.iterdir()):
        raise ConfigError(f"{out} holds other files: give a new folder, or one of an earlier `v2xum reconstruct`")
    (out / _WORK).mkdir(parents=True, exist_ok=True)


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    with hold_folder(out / _WORK) as held:
        if not held:
            raise WorkspaceBusy(f"{out}: another `v2xum reconstruct` works there at this moment")
        yield


def _pending(name: str, split: str) -> ReconstructedRow:
    return ReconstructedRow(id=plain(name, 80), split=split, state="pending", reason="not_tried")


def _sum(comparisons: Iterable[FrameComparison | None]) -> FrameComparison:
    """All comparisons together; the mean distance is over all frames that have one, to the precision of the parts."""
    total: Counter[str] = Counter()
    weighted, worst = 0.0, None
    for each in comparisons:
        if each is None:
            continue
        total.update({name: getattr(each, name) for name in ("listed", "equal", "alike", "unlike", "missing")})
        if each.mean_bits is not None and each.worst_bits is not None:
            weighted += each.mean_bits * (each.alike + each.unlike)
            worst = max(worst or 0, each.worst_bits)
    counted = total["alike"] + total["unlike"]
    mean = weighted / counted if worst is not None and counted else None
    return FrameComparison(**{"listed": 0, **total}, mean_bits=mean, worst_bits=worst)
