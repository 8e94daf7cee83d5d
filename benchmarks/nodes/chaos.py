"""Faults in a run on several machines: nothing may be lost or committed twice, and the bytes are those of one machine.

    python -m benchmarks chaos [--faults 16] [--videos 120] [--runs 1] [--seed 0]        `make chaos`

While a driver curates trivial videos on a head and three nodes, faults come at random moments, in turns: a worker is
killed; a node is switched off; a node is cut off and comes back; a worker sleeps for longer than its claim; the
database takes no connections; the store does not answer; a model server does not answer; the driver is killed; a
node's disk is full; a file in a node's cache is altered; Ray's head ends, and with it the cluster. What ended is
started again. A trigger in the database notes every result that
is committed, so that a second commit of the same is seen, and another one every takeover of a claim that had ended:
`takeovers` has for each kind of fault how many there were, and the slowest one, in expiries since the last renewal. It
needs root and network namespaces, and prints one line of JSON last; exit code 1 when anything was wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from benchmarks.instant import trivial_videos
from benchmarks.nodes.faults import Faults
from benchmarks.nodes.machines import why_not
from benchmarks.nodes.setup import BUCKET, Site, settings, site
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import Reviews
from schemas.configuration.config import CurateConfig
from schemas.review import Verdict

NODES = 3
_LONGEST = 3600.0
_DISK = 64_000_000  # bytes of a node's disk, which one fault fills


class Campaign:
    """Faults in as many runs as it takes, each in a workspace of its own."""

    def __init__(self, here: Site, films: Path, folder: Path, seed: int, claim: float) -> None:
        """Work in `folder`; `seed` decides the moments and the machines. `claim`: run.claim_seconds."""
        self._here, self._films, self._folder, self._claim = here, films, folder, claim
        self._random = random.Random(seed)
        self._faults = Faults(here, NODES, self._random, claim)
        self.made: Counter[str] = Counter()
        self.restarts = 0
        self.lost = self.doubled = self.verdicts_lost = self.runs = 0
        self.different: list[str] = []
        self.takeovers: dict[str, tuple[int, float]] = {}
        self._said: list[str] = []

    def undisturbed(self) -> None:
        """Curate on one machine, without Ray."""
        self._right = self._finished(self._begin(self._settings("alone", engine="threads"), "alone"))["export"]

    def run(self, faults: int) -> None:
        """One run with at most so many faults; then compare what it left."""
        self.runs += 1
        name = f"run{self.runs}"
        chosen = self._settings(name, engine="ray", ray_address=self._here.made.address, claim_seconds=self._claim)
        self._finished(self._here.drive(chosen, self._folder / name, "register"))
        schema = (self._folder / name / "ledger.postgresql").read_text().strip()
        self._watch(schema)
        verdicts = self._judge(schema)
        driver = self._begin(chosen, name)
        until = time.monotonic() + _LONGEST
        begun: list[tuple[float, str]] = []
        while faults and time.monotonic() < until:
            time.sleep(self._random.uniform(2.0, 5.0))
            if driver.poll() == 0:
                break
            if driver.poll() is not None:
                driver = self._again(chosen, name, driver)
            kinds = list(self._faults.kinds)
            fault = kinds[self.made.total() % len(kinds)]
            begun.append((time.time(), fault))
            self._faults.make(fault, driver)
            self.made[fault] += 1
            faults -= 1
        while True:
            try:
                found = self._finished(driver)
                break
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                driver = self._again(chosen, name, driver)
        self._compare(name, schema, found, verdicts)
        self._note_takeovers(schema, begun)

    def document(self) -> dict[str, Any]:
        """What was found."""
        return {
            "videos": len(list(self._films.iterdir())) * self.runs,
            "faults": self.made.total(),
            "lost": self.lost,
            "doubled": self.doubled,
            "verdicts_lost": self.verdicts_lost,
            "export_identical": not self.different,
            "takeovers": self.takeovers,
            "kinds": dict(self.made),
            "runs": self.runs,
            "drivers_started_again": self.restarts,
        }

    def _settings(self, name: str, **run: Any) -> CurateConfig:
        return settings(self._films, f"s3://{BUCKET}/{name}", **{**run, "shard_size": 4})

    def _begin(self, chosen: CurateConfig, name: str) -> subprocess.Popen[str]:
        return self._here.drive(chosen, self._folder / name)

    def _again(self, chosen: CurateConfig, name: str, ended: subprocess.Popen[str]) -> subprocess.Popen[str]:
        self._said.append(ended.communicate()[1][-2000:])
        self.restarts += 1
        time.sleep(1.0)
        return self._begin(chosen, name)

    def _finished(self, process: subprocess.Popen[str]) -> dict[str, Any]:
        """What a driver printed. Raises RuntimeError with the end of what it said where it failed."""
        out, said = process.communicate(timeout=_LONGEST)
        if process.returncode:
            raise RuntimeError(said[-4000:])
        found: dict[str, Any] = json.loads(out.splitlines()[-1])
        return found

    def _watch(self, schema: str) -> None:
        """Have the database note every result that is committed, and every claim that was taken over."""
        for statement in (
            f"CREATE TABLE {schema}.taken_over (at float, seconds float)",
            f"CREATE FUNCTION {schema}.note_takeover() RETURNS trigger AS $$ BEGIN INSERT INTO {schema}.taken_over "
            "SELECT extract(epoch FROM clock_timestamp()), extract(epoch FROM clock_timestamp() - OLD.expires_at) "
            f"+ {self._claim}; RETURN NEW; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER note_takeover AFTER UPDATE ON {schema}.claims FOR EACH ROW WHEN (NEW.owner <> OLD.owner "
            f"AND OLD.expires_at IS NOT NULL AND OLD.key <> 'run') EXECUTE FUNCTION {schema}.note_takeover()",
            f"CREATE TABLE {schema}.written (video_id text, stage text, fingerprint text)",
            f"CREATE FUNCTION {schema}.note_written() RETURNS trigger AS $$ BEGIN INSERT INTO {schema}.written "
            "VALUES (NEW.video_id, NEW.stage, NEW.fingerprint); RETURN NEW; END $$ LANGUAGE plpgsql",
            f"CREATE TRIGGER note_written AFTER INSERT ON {schema}.results FOR EACH ROW WHEN (NEW.status = 'done') "
            f"EXECUTE FUNCTION {schema}.note_written()",
        ):
            self._here.ask(statement)

    def _judge(self, schema: str) -> int:
        """Store a verdict of every tenth video, as a review would; returns how many."""
        videos = [row[0] for row in self._here.ask(f"SELECT id FROM {schema}.sources ORDER BY position")][::10]
        with closing(Ledger(self._here.server, schema)) as ledger:
            Reviews(ledger).store([_verdict(video) for video in videos])
        return len(videos)

    def _compare(self, name: str, schema: str, found: dict[str, Any], verdicts: int) -> None:
        self.lost += found["videos"] - found["samples"]
        twice = f"SELECT 1 FROM {schema}.written GROUP BY video_id, stage, fingerprint HAVING count(*) > 1"
        self.doubled += len(self._here.ask(twice))
        with closing(Ledger(self._here.server, schema)) as ledger:
            self.verdicts_lost += verdicts - sum(1 for _ in Reviews(ledger).verdicts())
        if found["export"] != self._right:
            self.different.append(name)

    def _note_takeovers(self, schema: str, begun: list[tuple[float, str]]) -> None:
        """Count each takeover of a shard for the fault that had begun last; database and driver share one clock."""
        for at, seconds in self._here.ask(f"SELECT at, seconds FROM {schema}.taken_over"):
            fault = next((name for start, name in reversed(begun) if start <= at), "none")
            count, slowest = self.takeovers.get(fault, (0, 0.0))
            self.takeovers[fault] = (count + 1, max(slowest, round(seconds / self._claim, 2)))


def _verdict(video: str) -> Verdict:
    """Somebody's verdict on content that this run does not make: it is kept, and changes nothing."""
    return Verdict(
        sample_id=video,
        content_sha256="0" * 64,
        annotator="somebody",
        origin=f"chaos {video}",
        updated_at="2026-01-01T00:00:00+00:00",
        stratum="random",
        decision="accept",
    )


def main() -> None:
    """Run the campaign and print one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks chaos", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--faults", type=int, default=16)
    parser.add_argument("--videos", type=int, default=120, help="of each run")
    parser.add_argument("--runs", type=int, default=1, help="at least so many, each with its part of the faults")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of a model's reply")
    parser.add_argument("--claim", type=float, default=5.0, help="run.claim_seconds; faults last in proportion")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (reason := why_not()) is not None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as scratch, site(options.latency, 4, _DISK) as here:
        films = trivial_videos(Path(scratch) / "films", options.videos, 3)
        here.add(here.made.head)
        campaign = Campaign(here, films, Path(scratch), options.seed, options.claim)
        campaign.undisturbed()
        share = math.ceil(options.faults / options.runs)
        while campaign.made.total() < options.faults or campaign.runs < options.runs:
            campaign.run(min(share, options.faults - campaign.made.total()))
        found = campaign.document()
    print(json.dumps(found))
    if found["lost"] or found["doubled"] or found["verdicts_lost"] or not found["export_identical"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
