"""What a release says of one video, from which results of the ledger, and what is other now."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from curation.ledger.stages import STAGES
from curation.release.diff.explain import explain_published
from curation.review.verdict_store import Reviews
from schemas.errors import ConfigError
from tests.curation.finished import finished
from tests.curation.people import finish, shown, verdict
from tests.curation.release.diff.test_causes import opened, recaptioned
from tests.curation.release.releases import release
from tests.curation.samples import make_sample, sha

pytestmark = pytest.mark.slow
MADE = [make_sample(f"video{number}", title=f"Film {number}") for number in range(3)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("explain") / "w"
    with finished(root, MADE) as (place, services):
        release(place, services)
    return root


@pytest.fixture
def root(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first, tmp_path / "w")
    return tmp_path / "w"


def test_a_published_row_its_results_and_no_difference(root: Path) -> None:
    with opened(root) as (_, services):
        told = explain_published(root / "releases" / "0.1.0", "video1", services)
        for name in ("Film 1", "video1.mp4", MADE[1].video.sha256, MADE[1].video.sha256[:9]):
            assert explain_published(root / "releases" / "0.1.0", name, services) == told
        heads = services.ledger.heads(["video1"])["video1"]
    assert (told.state, told.now, told.fields, told.causes) == ("published", "sample", (), ())
    assert {stage: result.digest for stage, result in told.results.items()} == {
        stage: heads[stage].digest for stage in STAGES.names
    }
    assert {result.now for result in told.results.values()} == {"current"}
    assert told.row is not None and told.row["title"] == "Film 1" and "captions" not in told.row


def test_a_row_that_the_ledger_would_write_otherwise_now(root: Path) -> None:
    anew = recaptioned(MADE[0], prompt="caption.v1", prompt_sha256=sha("1"))
    with opened(root, "caption.prompt=caption.v1") as (_, services):
        finish(services.ledger, anew, services.hashes)
        told = explain_published(root / "releases" / "0.1.0", "video0", services)
        waiting = explain_published(root / "releases" / "0.1.0", "video2", services)
    assert [(cause.cause, cause.stage) for cause in told.causes] == [("prompt", "caption")]
    assert {"captions", "provenance"} <= set(told.fields)
    assert {stage: result.now for stage, result in told.results.items()} == {
        **dict.fromkeys(STAGES.names, "current"),
        "caption": "older",
    }
    assert (waiting.now, waiting.fields) == ("pending, due at caption", ())
    assert [cause.cause for cause in waiting.causes] == ["prompt", "unfinished"]


def test_verdicts_since_the_release(root: Path) -> None:
    with opened(root) as (_, services):
        mended = shown(MADE[1], k3={"caption": "a blue kite", "changed": True})
        said = [verdict(MADE[1], "fix", keyframes=mended), verdict(MADE[2], "reject", reasons=("bad_text",))]
        Reviews(services.ledger).store(said)
        fixed = explain_published(root / "releases" / "0.1.0", "video1", services)
        rejected = explain_published(root / "releases" / "0.1.0", "video2", services)
    assert [cause.cause for cause in fixed.causes] == ["person"] and "review" in fixed.fields
    assert rejected.now == "rejected, review: bad_text"
    assert [cause.cause for cause in rejected.causes] == ["person"]


def test_a_video_that_the_release_left_out_and_one_that_it_does_not_name(root: Path) -> None:
    with opened(root) as (place, services):
        Reviews(services.ledger).store([verdict(MADE[2], "reject", reasons=("bad_text",))])
        release(place, services, "0.2.0")
        out = explain_published(root / "releases" / "0.2.0", "video2", services)
        for wanted, said in (
            ("video", "names 3 videos of release"),
            ("nobody\x1b", "'nobody' names no video of release"),
        ):
            with pytest.raises(ConfigError, match=said):
                explain_published(root / "releases" / "0.1.0", wanted, services)
    assert (out.state, out.row) == ("left out", None) and out.out is not None
    assert (out.out["stage"], out.out["reason"]) == ("review", "bad_text")
