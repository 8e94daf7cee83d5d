"""`v2xum release` as a user calls it, and the flow on a real Prefect server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.review.verdict_store import Reviews
from curation.status.standings import finished_ids
from tests.curation.finished import finished
from tests.curation.people import verdict
from tests.curation.samples import contents, make_sample
from tests.runs import in_process, run_flow

pytestmark = pytest.mark.slow
MADE = [make_sample(f"v{number:03d}") for number in range(10)]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    with finished(tmp_path / "w", MADE, "export.title=Films"):
        pass
    yield tmp_path / "w"


def test_a_release_is_made_said_and_refused_the_second_time(root: Path) -> None:
    dry = in_process("release", root, "0.1.0", "--dry-run")
    assert dry.returncode == 0 and "would release 10 samples as 0.1.0, 10 unreviewed (100.0%)" in dry.stdout
    assert not (root / "releases").exists()
    done = in_process("release", root, "0.1.0", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["written"] and document["folder"] == str(root / "releases" / "0.1.0")
    stored = json.loads((root / "releases" / "0.1.0" / "manifest.json").read_text())
    assert {key: document[key] for key in stored} == stored
    before = contents(root / "releases")
    again = in_process("release", root, "0.1.0")
    assert again.returncode == 2 and "exists, and a release never changes" in again.stderr
    lower = in_process("release", root, "0.0.9")
    assert lower.returncode == 2 and "lower than the latest release 0.1.0" in lower.stderr
    assert contents(root / "releases") == before
    assert in_process("check", root / "releases" / "0.1.0").stdout.startswith("sound: 10 samples")


def test_limits_refuse_with_the_numbers_of_the_review(root: Path) -> None:
    with finished(root, []) as (_, services):
        rules = services.config.review
        chosen = finished_ids(services.view)[: rules.random]
        wanted = [sample for sample in MADE if sample.video.id in chosen][:4]
        said = [verdict(sample, "accept" if number else "fix") for number, sample in enumerate(wanted)]
        Reviews(services.ledger).store(said)
    refused = in_process("release", root, "0.1.0", "--max-unreviewed", "0.5", "--max-error-rate", "0.2")
    assert refused.returncode == 1
    assert "6 of 10 samples are unreviewed (60.0%)" in refused.stderr
    assert "the label-error rate is 25.0% (95 % interval" in refused.stderr and "4 judged of 10" in refused.stderr
    assert not (root / "releases").exists()
    dry = in_process("release", root, "0.1.0", "--max-unreviewed", "0.5", "--dry-run")
    assert dry.returncode == 1 and "is refused" in dry.stderr
    done = in_process("release", root, "0.1.0", "--max-unreviewed", "0.6", "--max-error-rate", "0.9", "--json")
    errors = json.loads(done.stdout)["review"]["errors"]
    assert (errors["judged"], errors["drawn"], errors["rate"]["value"]) == (4, 10, 0.25)


@pytest.mark.prefect
def test_the_flow_makes_the_same_release(root: Path, server: str, tmp_path: Path) -> None:
    arguments = {"workspace": str(root), "version": "0.1.0", "max_unreviewed": 1.0}
    manifest = run_flow(server, "flows.release", "release", arguments)
    assert manifest == json.loads((root / "releases" / "0.1.0" / "manifest.json").read_text())
