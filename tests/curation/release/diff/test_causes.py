"""Each cause in a real workspace: two releases of one ledger, between which one thing was changed."""

from __future__ import annotations

import dataclasses
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from curation.frames.files import frames_key
from curation.ledger.stages import STAGES
from curation.pipeline.counts import Counts
from curation.pipeline.process import process
from curation.pipeline.services import Services, open_services
from curation.pipeline.stage_functions import stage_function
from curation.release.diff.compare import compare_folders
from curation.review.verdict_store import Reviews
from curation.status.standings import due
from curation.workspace import Workspace
from schemas.configuration.loading import load_config
from schemas.documents.release_diff import ReleaseDiff
from schemas.errors import ConfigError
from schemas.records import CaptionSet, Maker, Sample, Summary
from schemas.repository import ROOT
from tests.curation.finished import finished
from tests.curation.people import finish, shown, verdict
from tests.curation.release.releases import release
from tests.curation.samples import contents, make_sample, sha

pytestmark = pytest.mark.slow
MADE = [make_sample(f"v{number:03d}") for number in range(4)]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the release 0.1.0 of four samples; tests copy it."""
    root = tmp_path_factory.mktemp("causes") / "w"
    with finished(root, MADE) as (place, services):
        release(place, services)
    return root


@pytest.fixture
def root(first: Path, tmp_path: Path) -> Path:
    shutil.copytree(first, tmp_path / "w")
    return tmp_path / "w"


@contextmanager
def opened(root: Path, *overrides: str) -> Iterator[tuple[Workspace, Services]]:
    """The workspace under a changed configuration."""
    place = Workspace(root)
    config = load_config(ROOT / "configs" / "demo.yaml", overrides)
    with open_services(place, config) as services:
        place.save_config(config)
        yield place, services


def changed(root: Path, samples: Sequence[Sample], *overrides: str) -> ReleaseDiff:
    """Finish what is due under a changed configuration with these samples, release 0.2.0, and compare."""
    with opened(root, *overrides) as (place, services):
        for sample in samples:
            finish(services.ledger, sample, services.hashes)
        release(place, services, "0.2.0")
    return compared(root)


def compared(root: Path) -> ReleaseDiff:
    return compare_folders(root / "releases" / "0.1.0", root / "releases" / "0.2.0").diff


def carry(services: Services, stage: str) -> None:
    """Run a stage for the videos that are due there, as a run does."""
    ids = [name for name, where in due(services.view, [each.video.id for each in MADE]).items() if where == stage]
    process(
        stage,
        ids,
        ledger=services.ledger,
        hashes=services.hashes,
        work=stage_function(services, stage),
        progress=Counts(),
        stop=threading.Event(),
        workers=1,
    )


def recaptioned(sample: Sample, **made: object) -> Sample:
    """The sample with captions by another maker; extract and refine were made anew and are as they were."""
    captions = sample.captions
    maker = Maker.model_validate(captions.maker.model_dump() | made)
    texts = tuple(one.model_copy(update={"text": f"{one.text}, again"}) for one in captions.captions)
    return sample.model_copy(update={"captions": CaptionSet(maker=maker, captions=texts)})


def test_another_prompt(root: Path) -> None:
    made = {"prompt": "caption.v1", "prompt_sha256": sha("caption.v1")}
    diff = changed(root, [recaptioned(sample, **made) for sample in MADE], "caption.prompt=caption.v1")
    assert [(row.id, row.cause) for row in diff.changed] == [(sample.video.id, "prompt") for sample in MADE]
    assert {"captions", "keyframes", "provenance"} <= set(diff.changed[0].fields)
    (cause,) = diff.changed[0].causes
    assert cause.stage == "caption"
    assert cause.detail == f"caption.v1 {sha('caption')[:12]} -> caption.v1 {sha('caption.v1')[:12]}"
    assert [(each.cause, each.stage) for each in diff.stages] == [("prompt", "caption")]


def test_another_model(root: Path) -> None:
    samples = [recaptioned(sample, sampling={"temperature": 0.5}) for sample in MADE]
    diff = changed(root, samples, "models.captioner.temperature=0.5")
    assert {row.cause for row in diff.changed} == {"model"} and len(diff.changed) == len(MADE)
    assert [(each.cause, each.stage) for each in diff.stages] == [("model", "caption")]


def test_another_code_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = tuple(dataclasses.replace(each, version=9) if each.name == "extract" else each for each in STAGES.every)
    monkeypatch.setattr(STAGES, "_stages", newer)
    chosen = [make_sample(sample.video.id, keyframes=(0, 9)) for sample in MADE[:2]] + MADE[2:]
    diff = changed(root, chosen)
    assert [(row.id, row.cause) for row in diff.changed] == [("v000", "code"), ("v001", "code")]
    assert diff.same == 2 and diff.changed[0].causes[0].detail == "version 2 -> 9"


def test_another_setting(root: Path) -> None:
    summary = MADE[0].summary.model_copy(update={"v2t": "Shorter."})
    samples = [MADE[0].model_copy(update={"summary": Summary.model_validate(summary.model_dump())}), *MADE[1:]]
    diff = changed(root, samples, "refine.max_tokens=191")
    assert [(row.id, row.cause) for row in diff.changed] == [("v000", "settings")]
    assert diff.changed[0].causes[0].detail == "refine.max_tokens 192 -> 191"


def test_a_persons_fix(root: Path) -> None:
    with opened(root) as (place, services):
        mended = shown(MADE[1], k3={"caption": "a blue kite", "changed": True})
        Reviews(services.ledger).store([verdict(MADE[1], "fix", keyframes=mended), verdict(MADE[2])])
        release(place, services, "0.2.0")
    diff = compared(root)
    assert [(row.id, row.cause, len(row.causes)) for row in diff.changed] == [
        ("v001", "person", 1),
        ("v002", "person", 1),
    ]
    assert {"captions", "keyframes", "review"} <= set(diff.changed[0].fields) and diff.changed[1].fields == ("review",)
    assert "fixed by ann; captions edited 3" in diff.changed[0].causes[0].detail


def test_a_person_rejects_and_another_takes_it_back(root: Path) -> None:
    with opened(root) as (place, services):
        Reviews(services.ledger).store([verdict(MADE[0], "reject", reasons=("bad_text",))])
        release(place, services, "0.2.0")
        gone = compared(root)
        Reviews(services.ledger).store([verdict(MADE[0], "accept", at=5)])
        release(place, services, "0.3.0")
    assert (gone.removed, gone.causes["v000"][0].cause, gone.causes["v000"][0].stage) == (("v000",), "person", "review")
    back = compare_folders(root / "releases" / "0.2.0", root / "releases" / "0.3.0").diff
    assert (back.added, back.causes["v000"][0].cause) == (("v000",), "person")
    whole = compare_folders(root / "releases" / "0.1.0", root / "releases" / "0.3.0").diff
    assert [(row.id, row.cause) for row in whole.changed] == [("v000", "person")]


def test_a_stricter_filter(root: Path) -> None:
    longer = make_sample("v009", frames=40)
    with opened(root) as (_, services):
        finish(services.ledger, longer, services.hashes)
        folder = services.store.frames(frames_key(longer.video.sha256, services.config.frames))
        folder.parent.mkdir(parents=True, exist_ok=True)
        services.store.frames(frames_key(MADE[0].video.sha256, services.config.frames)).rename(folder)
    with opened(root, "filters.duration.min=30", "export.images=false") as (place, services):
        ids = [each.video.id for each in (*MADE, longer)]
        process(
            "filter",
            ids,
            ledger=services.ledger,
            hashes=services.hashes,
            work=stage_function(services, "filter"),
            progress=Counts(),
            stop=threading.Event(),
            workers=1,
        )
        finish(services.ledger, longer, services.hashes)
        release(place, services, "0.2.0")
    diff = compared(root)
    assert diff.removed == ("v000", "v001", "v002", "v003") and diff.by_cause["removed"] == {"filter": 4}
    (cause,) = diff.causes["v000"]
    assert cause.stage == "filter" and cause.detail.startswith("too_short")
    assert (diff.added, diff.causes["v009"][0].cause) == (("v009",), "new source")


def test_a_source_that_is_gone(root: Path) -> None:
    """The store's copy is lost and fetched again: the source, a file of this machine, is not there."""
    with opened(root, "download.max_height=480") as (place, services):
        finish(services.ledger, MADE[0], services.hashes)
        carry(services, "download")
        release(place, services, "0.2.0")
    diff = compared(root)
    assert diff.removed == ("v001", "v002", "v003")
    (cause,) = diff.causes["v001"]
    assert (cause.cause, cause.stage) == ("source gone", "download"), cause


def test_a_row_whose_results_are_not_finished(root: Path) -> None:
    with opened(root, "extract.prompt=extract.v1") as (place, services):
        finish(services.ledger, MADE[0], services.hashes)
        release(place, services, "0.2.0")
        for sample in MADE[1:]:
            finish(services.ledger, sample, services.hashes)
        release(place, services, "0.3.0")
    diff = compared(root)
    assert [(cause.cause, cause.stage) for cause in diff.causes["v002"]] == [
        ("prompt", "extract"),
        ("unfinished", "extract"),
    ]
    back = compare_folders(root / "releases" / "0.2.0", root / "releases" / "0.3.0").diff
    assert back.added == ("v001", "v002", "v003") and [each.cause for each in back.causes["v002"]] == ["unfinished"]


def test_a_prompt_and_a_person_at_once(root: Path) -> None:
    samples = [recaptioned(MADE[0], prompt="caption.v1", prompt_sha256=sha("1")), *MADE[1:]]
    with opened(root, "caption.prompt=caption.v1") as (place, services):
        for sample in samples:
            finish(services.ledger, sample, services.hashes)
        Reviews(services.ledger).store([verdict(samples[0])])
        release(place, services, "0.2.0")
    row = compared(root).changed[0]
    assert (row.cause, [each.cause for each in row.causes]) == ("prompt", ["prompt", "person"])


def test_another_file_behind_the_same_id(root: Path) -> None:
    replaced = make_sample("v000", content="another cut")
    with opened(root) as (place, services):
        services.ledger.forget("v000", "download")
        finish(services.ledger, replaced, services.hashes)
        folder = services.store.frames(frames_key(replaced.video.sha256, services.config.frames))
        folder.parent.mkdir(parents=True, exist_ok=True)
        services.store.frames(frames_key(MADE[0].video.sha256, services.config.frames)).rename(folder)
        release(place, services, "0.2.0")
    diff = compared(root)
    assert [(row.id, row.cause) for row in diff.changed] == [("v000", "source changed")]


def test_an_unchanged_ledger_changes_nothing(root: Path) -> None:
    with opened(root) as (place, services):
        manifest = release(place, services, "0.2.0")
    diff = compared(root)
    assert (diff.added, diff.removed, diff.changed, diff.same, diff.stages) == ((), (), (), 4, ())
    assert manifest.changes is not None and (manifest.changes.before, manifest.changes.same) == ("0.1.0", 4)


def test_the_changelog_is_in_the_release_and_its_card_and_the_same_in_every_try(root: Path, tmp_path: Path) -> None:
    releases = root / "releases"
    shutil.copytree(releases, tmp_path / "again")
    with opened(root) as (place, services):
        Reviews(services.ledger).store([verdict(MADE[0]), verdict(MADE[1], "reject", reasons=("bad_text",))])
        manifest = release(place, services, "0.2.0")
        release(place, services, "0.2.0", releases=tmp_path / "again")
    new = contents(releases / "0.2.0")
    assert contents(tmp_path / "again" / "0.2.0") == new
    assert "CHANGES.md" in {file.path for file in manifest.files}
    told = new["CHANGES.md"].decode()
    assert told.startswith("# Changes from 0.1.0 to 0.2.0\n\n0 rows came, 1 went, 1 changed; 2 are as they were.")
    assert "- v001: person at review: bad\\_text: rejected by 1 of 1 annotators" in told
    assert "- v000 (review): person at review: accepted by ann" in told
    card = new["README.md"].decode()
    assert "Since 0.1.0: 0 rows came, 1 went, 1 changed, 2 are as they were. First causes: person 2." in card
    first = contents(releases / "0.1.0")
    assert b"The first release, with 4 rows" in first["CHANGES.md"] and b"## Changes" not in first["README.md"]


def test_no_release_is_made_on_one_that_is_not_what_was_published(root: Path) -> None:
    (path,) = (root / "releases" / "0.1.0" / "full").glob("train-*")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with opened(root) as (place, services):
        Reviews(services.ledger).store([verdict(MADE[0])])
        with pytest.raises(ConfigError, match=r"0\.1\.0 is not what was published: full/train-.*damaged: SHA-256"):
            release(place, services, "0.2.0")
    assert [each.name for each in (root / "releases").iterdir()] == ["0.1.0"]
