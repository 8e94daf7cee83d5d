"""One seed's workspace with planted faults, and its releases: raw rows, audited ones, and those that people verified.

FOLDER/workspace       a copy of the demo's, whose faults and verdicts follow from the seed
FOLDER/releases.json   what was planted and found (`Made`); it is written last
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from benchmarks.proof_study.annotators import judged
from benchmarks.proof_study.faults import Model, plant
from curation.dataset.layout import MANIFEST
from curation.dataset.rows import row_of
from curation.ledger.samples import samples_of
from curation.pipeline.open import open_view
from curation.pipeline.run import open_run
from curation.pipeline.services import open_services
from curation.release.configurations.full import FULL
from curation.release.formats.items import release_rows
from curation.release.manifest import read_manifest
from curation.release.writer import ConfigurationWriter
from curation.review.verdict_store import Reviews
from curation.status.standings import Standings, finished_ids, samples
from curation.store.files import hash_file, write_whole
from curation.workspace import Workspace
from demo.truth import Known
from schemas.manifest import ExportedFile
from schemas.time import FrameIndex


class Condition(NamedTuple):
    """Rows that are compared: its name, the version of its release, and what `data.rows` says."""

    name: str
    version: str
    rows: Literal["raw", "audited", "verified"]
    errors: float | None = None


UNPLANTED = Condition("unplanted", "0.1.0", "audited")
RAW, AUDITED = Condition("raw", "0.2.0", "raw"), Condition("audited", "0.3.0", "audited")


def conditions(errors: Sequence[float]) -> list[Condition]:
    """Raw rows, audited ones, verified ones by people with each of these rates of errors, and those without faults."""
    verified = [
        Condition(f"verified_{round(100 * rate)}", f"0.{number}.0", "verified", rate)
        for number, rate in enumerate(errors, start=4)
    ]
    return [RAW, AUDITED, *verified, UNPLANTED]


def with_all_pictures(demo: Path, folder: Path) -> Path:
    """A copy of the demo's workspace with the pictures of all frames, so that no audit has to decode a film again."""
    if not folder.exists():
        part = folder.with_name(f".{folder.name}")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(demo, part, ignore=shutil.ignore_patterns("lock", "prefect", "report", "export", "sheets"))
        place = Workspace(part)
        config = place.config()
        frames = config.frames.model_copy(update={"keep": "all"})
        place.save_config(config.model_copy(update={"frames": frames}))
        with open_services(place) as services:
            for sample in samples(services.view):
                for frame in sample.frames.frames:
                    services.pictures.read(sample.video, sample.frames, FrameIndex(frame.index))
        part.rename(folder)
    return folder


class Seed:
    """The workspace and the releases of one seed, made once."""

    def __init__(self, folder: Path, seed: int, errors: Sequence[float], model: Model) -> None:
        """Nothing is made yet."""
        self.folder, self._seed, self._model = folder, seed, model
        self._verified = [condition for condition in conditions(errors) if condition.rows == "verified"]
        self._place = Workspace(folder / "workspace")

    def release(self, condition: Condition) -> Path:
        """The folder of a release."""
        return self._place.root / "releases" / condition.version

    def make(self, workspace: Path, known: Mapping[str, Known]) -> dict[str, Any]:
        """Make the releases from a copy of `workspace`; faults are planted into the films of `known`.

        Returns the kinds of faults by film, the films that the audit keeps back, and the decisions of the people
        by condition. What is there is not made again.
        """
        done = self.folder / "releases.json"
        if done.exists():
            made: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
            return made
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(workspace, self._place.root)
        planted = self._audit("disable", known)
        self._release(RAW)
        self._audit("score-only")
        self._release(AUDITED)
        said = {"planted": planted, "kept_back": self._kept_back(known), "decisions": {}}
        for number, condition in enumerate(self._verified):
            said["decisions"][condition.name] = self._review(condition, known, number)
            self._release(condition)
        write_whole(done, json.dumps(said, indent=1) + "\n")
        return said

    def _audit(self, mode: Literal["disable", "score-only"], known: Mapping[str, Known] | None = None) -> Any:
        """Let the pipeline audit every sample in this mode, after faults are planted where `known` names films."""
        config = self._place.config()
        audit = config.audit.model_copy(update={"mode": mode})
        config = config.model_copy(update={"audit": audit})
        with open_run(self._place.root, config) as run:
            rng = random.Random(f"faults {self._seed}")
            planted = plant(run.services, known, rng, self._model) if known is not None else {}
            run.carry("audit", [source.id for source in run.services.ledger.sources()])
            run.save_config()
        return planted

    def _release(self, condition: Condition) -> None:
        """Write the rows that a release would publish now, with the splits of the demo's release, in its place.

        A real one would search the films for copies first, for minutes, and find the same splits, which are frozen.
        """
        folder, base = self.release(condition), self.release(UNPLANTED)
        manifest = read_manifest(base)
        splits = {row.row["id"]: row.row["split"] for row in release_rows(base, ("id", "split"))}
        folder.mkdir()
        with open_view(self._place) as view, ConfigurationWriter(folder, FULL) as writer:
            standings = Standings(view)
            for sample in standings.published([name for name in standings.samples() if name in splits]):
                writer.add(row_of(sample, splits[sample.video.id], None))
        files = []
        for path, rows in writer.files:
            sha256, size = hash_file(path)
            files.append(ExportedFile(path=f"{FULL.name}/{path.name}", sha256=sha256, bytes=size, rows=rows))
        manifest = manifest.model_copy(update={"version": condition.version, "files": tuple(files)})
        write_whole(folder / MANIFEST, manifest.model_dump_json(indent=2) + "\n")

    def _kept_back(self, known: Mapping[str, Known]) -> list[str]:
        with open_view(self._place) as view:
            return sorted(known.keys() - set(Standings(view).samples()))

    def _review(self, condition: Condition, known: Mapping[str, Known], number: int) -> dict[str, int]:
        """One person judges every film that `v2xum review push` may show; a later number replaces earlier verdicts."""
        assert condition.errors is not None
        rng, at = random.Random(f"people {self._seed} {condition.errors}"), f"2026-01-{number + 1:02d}T12:00:00+00:00"
        with open_view(self._place) as view:
            ids = [name for name in finished_ids(view) if name in known]
            made = samples_of(view.ledger, ids)
            verdicts = [judged(sample, known[sample.video.id], condition.errors, rng, at) for sample in made]
            Reviews(view.ledger).store(verdicts)
        return dict(Counter(str(verdict.decision) for verdict in verdicts))
