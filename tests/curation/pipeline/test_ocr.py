"""Text on screen in a run: what is due when it is turned on, judged anew and turned off, and what rows have."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from curation.audit.measures import Keyframe, told_near
from curation.dataset.check import validate
from curation.dataset.write import export
from curation.ledger.entries import Head, Registered
from curation.ledger.samples import sample
from curation.ledger.stages import STAGES
from curation.ledger.standing import StageHashes, stages_ahead, standing
from curation.pipeline.process import Inputs, process
from curation.pipeline.services import Services
from curation.pipeline.settings import columns_of
from curation.pipeline.stage_functions import FUNCTIONS, stage_function
from curation.release.configurations.configuration import Inputs as Inputs_
from curation.release.refresh.compared import changed_rows, published_digests
from curation.sources.filters import refuse
from curation.status.explain import explain
from curation.status.standings import Standings
from curation.text.screen.read import judge_share
from flows.cli.printing.print_explanation import print_explanation
from schemas.arrow import Columns, arrow_schema, features
from schemas.audit import Audit
from schemas.configuration.config import ExportConfig, SplitConfig
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError, Interrupted, RefusedError
from schemas.parts.screen_text import Reading, ScreenText, WrittenLine
from schemas.records import FilterScore, Record, Sample
from schemas.repository import ROOT
from tests.curation.finished import finished
from tests.curation.hashes import HASHES, changed
from tests.curation.people import finish
from tests.curation.release.diff.test_causes import opened
from tests.curation.release.reconstruct.filmed import FPS, encode, filmed
from tests.curation.release.releases import release
from tests.curation.samples import make_sample, read_picture
from tests.curation.text.screen.drawn import card, scene, written

DEMO = ROOT / "configs" / "demo.yaml"
BOX = {"left": 0.1, "top": 0.2, "right": 0.5, "bottom": 0.3, "confidence": 0.9}
LINES = (WrittenLine(text="BAKERY <b>", kind="scene", **BOX), WrittenLine(text="by Ada", kind="credits", **BOX))
WRITTEN = ScreenText(
    reader="rapidocr",
    revision="r",
    share=0.04,
    read=5,
    readings=(Reading(index=2, time=2, until=4, share=0.04, lines=LINES),),
)
OFF = replace(HASHES, results={stage.name: f"{stage.name} settings" for stage in STAGES.every})
ON = replace(OFF, on=frozenset({"ocr", "ocr-filter"}))


def with_text(name: str) -> Sample:
    made = make_sample(name)
    score = FilterScore(name="screen_text", value=0.04, passed=True, enforced=False)
    video = made.video.model_copy(update={"scores": (*made.video.scores, score)})
    return made.model_copy(update={"screen_text": WRITTEN, "video": video})


def heads_of(source: Registered, hashes: StageHashes) -> dict[str, Head]:
    """The heads of a video all of whose stages are done."""
    heads: dict[str, Head] = {}
    while (where := standing(source, heads, hashes)).stage is not None:
        heads[where.stage] = Head(where.stage, where.fingerprints.done, "done", f"digest {where.stage}", None, None)
    return heads


def test_turned_on_it_makes_only_the_audit_due_again(tmp_path: Path) -> None:
    with finished(tmp_path / "w", [make_sample("a")]) as (_, services):
        (source,) = services.ledger.sources()
        heads = heads_of(source, OFF)
        assert stages_ahead(source, heads, ON) == {"ocr", "ocr-filter", "audit"}
        assert standing(source, heads_of(source, ON), OFF).stage == "audit", "off again"
        assert stages_ahead(source, heads_of(source, ON), changed("ocr-filter", base=ON)) == {"ocr-filter"}
        spoken = replace(OFF, on=frozenset({"transcribe"}))
        assert stages_ahead(source, heads, spoken) == {"transcribe", "extract", "refine", "audit"}, "no caption"


def test_settings() -> None:
    assert STAGES["ocr"].lane == "decode"
    with pytest.raises(ConfigError, match=r"ocr\.share\.mode: enable refuses nothing while ocr\.mode is disable"):
        load_config(DEMO, ["ocr.share={mode: enable, max: 0.1}"])
    with pytest.raises(ConfigError, match=r"ocr\.mode: enable needs models\.reader"):
        load_config(DEMO, ["ocr.mode=enable"])
    assert columns_of(load_config(DEMO)) == Columns()
    reads = load_config(DEMO, ["ocr.mode=enable", "models.reader={engine: rapidocr}"])
    assert columns_of(reads) == Columns(screen_text=True)
    limited = load_config(DEMO, ["ocr.share.max=0.9"]).ocr.share
    assert (limited.mode, limited.max) == ("score-only", 0.9), "another limit refuses nothing by itself"
    for wrong in ("{max: 40}", "{min: -1}", "{min: 0.5, max: 0.4}"):
        with pytest.raises(ConfigError, match=r"ocr\.share"):
            load_config(DEMO, [f"ocr.share={wrong}"])


def test_rows_have_the_text_and_the_filter(tmp_path: Path) -> None:
    config = ExportConfig(rows_per_shard=1, splits=SplitConfig(train=1, validation=0, test=0))
    out = tmp_path / "out"
    export(iter([with_text("a")]), read_picture, config, out, name="t", columns=Columns(screen_text=True))
    assert validate(out) == []
    shard = next((out / "data").glob("*.parquet"))
    assert pq.read_schema(shard).equals(arrow_schema(Columns(screen_text=True)))
    rows = load_dataset(str(out), split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.features == features(Columns(screen_text=True))
    assert rows[0]["screen_text"] == {
        **WRITTEN.model_dump(exclude={"readings"}),
        "readings": [{**WRITTEN.readings[0].model_dump(exclude={"lines"}), "lines": [x.model_dump() for x in LINES]}],
    }
    (score,) = [one for one in rows[0]["filters"] if one["name"] == "screen_text"]
    assert score["number"] == 0.04 and score["passed"]


@pytest.mark.usefixtures("rapidocr")
def test_the_ledger_gives_it_back_and_explain_shows_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ("ocr.mode=enable", "models.reader={engine: rapidocr}")
    with finished(tmp_path / "w", [with_text("a")], *settings) as (place, services):
        assert sample(services.ledger, "a").screen_text == WRITTEN
        print_explanation(explain(services.view, "a"), place.root)
    said = capsys.readouterr().out
    assert "4.0% of the pictures; 5 of the frames were read by rapidocr" in said
    assert "[2-4]" in said and "BAKERY <b> (scene) / by Ada (credits)" in said


def test_what_is_written_supports_a_sentence_near_its_keyframe() -> None:
    made = with_text("a")
    near = told_near(keyframes_at(1.0, 4.0, 9.0), made.transcript, WRITTEN)
    assert near == {1.0: "BAKERY <b>", 4.0: "BAKERY <b>"}, "credits tell nothing"
    assert told_near(keyframes_at(1.0), None, None) == {}


def keyframes_at(*times: float) -> list[Keyframe]:
    return [Keyframe(time, None, None) for time in times]


@pytest.mark.slow
@pytest.mark.usefixtures("rapidocr")
def test_the_stage_reads_a_real_film_with_the_real_networks(tmp_path: Path) -> None:
    """A title, a picture with two subtitles, and credits, a few seconds each; decoded, read and judged as in a run."""
    title, _ = card(["How to bake bread"], size=32)
    first, second = (written(scene(1), [(text, 120, 225)], 24)[0] for text in ("Now add 12 eggs", "and stir it well"))
    credits, _ = card(["Directed by", "Ada Example", "Camera", "Ben Example", "Music", "Cleo Example"])
    shown = [title] * 3 + [first] * 3 + [second] * 3 + [scene(1)] * 2 + [credits] * 3
    encode(tmp_path / "film.mp4", [np.asarray(picture) for picture in shown for _ in range(FPS)], 20)
    settings = (
        "ocr.mode=enable",
        "models.reader={engine: rapidocr, threads: 1}",
        "ocr.share={mode: enable, max: 0.01}",
    )
    with filmed(tmp_path, {"film": tmp_path / "film.mp4"}, "http://127.0.0.1:1", *settings) as (_, services):
        services.store.add("videos", tmp_path / "film.mp4", "mp4", move=False)
        inputs = Inputs(next(iter(services.ledger.sources())), services.ledger)
        found = stage_function(services, "ocr")(inputs)
        assert isinstance(found, ScreenText)
        told = [(one.time, one.until, [(line.text, line.kind) for line in one.lines]) for one in found.readings]
        assert told[:3] == [
            (0, 2, [("How to bake bread", "title")]),
            (3, 5, [("Now add 12 eggs", "subtitle")]),
            (6, 8, [("and stir it well", "subtitle")]),
        ]
        assert told[3][:2] == (11, 13) and [kind for _, kind in told[3][2]] == ["credits"] * 6
        assert found.read == 5 and 0.01 < found.share < 0.2, "five pictures were read, of fourteen"
        with pytest.raises(RefusedError, match="too_much_text"):
            judge(services, found)
        services.stop.set()
        with pytest.raises(Interrupted):
            FUNCTIONS["ocr"](services, inputs)


def judge(services: Services, found: ScreenText) -> None:
    refuse(judge_share(found, services.config.ocr.share))


@pytest.mark.slow
@pytest.mark.usefixtures("rapidocr")
def test_a_refresh_sees_that_other_text_was_read(tmp_path: Path) -> None:
    settings = ("ocr.mode=enable", "models.reader={engine: rapidocr}", "export.title=F", "export.licence=cc-by-4.0")
    with finished(tmp_path / "w", [with_text("v0"), with_text("v1")], *settings) as (place, services):
        release(place, services)
    other = with_text("v1").model_copy(update={"screen_text": WRITTEN.model_copy(update={"readings": ()})})
    with opened(tmp_path / "w", *settings, "ocr.per_shot=1") as (place, services):
        for made in (with_text("v0"), other):
            finish(services.ledger, made, services.hashes)
        folder, inputs = place.root / "releases" / "0.1.0", Inputs_(Standings(services.view), {}, services)
        assert changed_rows(folder, published_digests(folder), ["v0", "v1"], inputs) == {"v1"}


@pytest.mark.usefixtures("rapidocr")
def test_off_again_a_refusal_for_text_is_no_rejection_any_more(tmp_path: Path) -> None:
    def run(services: Services, stage: str, work: Callable[[Inputs], Record]) -> None:
        stop = threading.Event()
        process(
            stage, ["a"], ledger=services.ledger, hashes=services.hashes, work=work, progress=Uncounted(), stop=stop
        )

    def refused(_inputs: Inputs) -> Record:
        raise RefusedError("too_much_text", "0.9, at most 0.1")

    with finished(tmp_path / "w", [make_sample("a")]):
        pass
    with opened(tmp_path / "w", "ocr.mode=enable", "models.reader={engine: rapidocr}") as (_, services):
        run(services, "ocr", lambda _: WRITTEN)
        run(services, "ocr-filter", refused)
        assert [one.reason for one in services.ledger.rejections()] == ["too_much_text"]
    with opened(tmp_path / "w") as (_, services):
        run(services, "audit", lambda _: Audit(mode="disable"))
        assert list(services.ledger.rejections()) == []
        assert not {"ocr", "ocr-filter"} & services.ledger.heads(["a"])["a"].keys()


class Uncounted:
    def advance(self, stage: str, outcome: str) -> None: ...
