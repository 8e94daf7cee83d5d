"""The binding audit with the real tiny CLIP and captioner on real videos; faults are real captions at wrong frames."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from curation.ledger.ledger import Ledger
from curation.pipeline.process import process
from curation.pipeline.services import Services
from curation.pipeline.stage_functions import stage_function
from curation.video.encode import encode_video
from curation.workspace import Workspace
from demo.render import frames
from demo.world import make_script
from models.build import build_chat_model
from models.chat import ChatModel
from models.reply_cache import CachedModel
from schemas.binding import Binding
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.errors import BindingBroken, LedgerDamaged
from schemas.records import CaptionSet, Origin, Source
from schemas.repository import ROOT
from tests.curation.faulty import Astray, Fault
from tests.curation.scripted_stages import Tally

pytestmark = pytest.mark.slow
FIRST_SEED, VIDEOS, SECONDS = 80_000_000, 6, 40


class World(NamedTuple):
    """A workspace with sampled frames, the real captions by picture, and the video of each picture."""

    root: Path
    ids: list[str]
    captioner: ChatModel
    captions: dict[str, str]
    video_of: dict[str, int]
    records: dict[str, CaptionSet]


def configured(*overrides: str) -> CurateConfig:
    return load_config(ROOT / "configs" / "demo.yaml", list(overrides))


def carry(services: Services, ids: list[str], *stages: str) -> None:
    for stage in stages:
        process(
            stage,
            ids,
            ledger=services.ledger,
            hashes=services.hashes,
            work=stage_function(services, stage),
            progress=Tally(),
            stop=threading.Event(),
        )


@contextmanager
def opened(root: Path, config: CurateConfig, captioner: ChatModel | None = None) -> Iterator[Services]:
    place = Workspace(root)
    ledger = place.ledger()
    with Services(config, ledger, place.store()) as services:
        if captioner is not None:
            services.__dict__["captioner"] = CachedModel(captioner, ledger, services.meter, services.raise_if_stopped)
        yield services
    ledger.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("binding")
    sources = []
    for number in range(VIDEOS):
        path = folder / f"v{number}.mp4"
        script = make_script(FIRST_SEED + number, SECONDS)
        encode_video(path, frames(script, 4), fps=4, options={"qp": "23", "preset": "veryfast"})
        sources.append(Source(id=f"v{number}", kind="file", uri=str(path), origin=Origin(list_name="t", row=0)))
    config = configured()
    captioner = build_chat_model(config.models.captioner)
    with opened(folder / "honest", config, captioner) as services:
        ids = services.ledger.register(sources)
        carry(services, ids, "download", "filter", "frames")
    shutil.copytree(folder / "honest", folder / "frames")
    with opened(folder / "honest", config, captioner) as services:
        carry(services, ids, "caption", "binding")
        figures = services.binding.figures()
        records = {i: CaptionSet.model_validate_json(services.ledger.entry(i, "caption").payload) for i in ids}
    # Right captions pass, far from the limits.
    assert figures["canaries_recognized_share"] >= 0.8
    assert figures["match_share"] >= 0.9
    assert figures["commonest_caption_share"] <= 0.1
    own = {c.image_sha256: (c.text, n) for n, i in enumerate(ids) for c in records[i].captions if c.reused_from is None}
    captions = {sha: text for sha, (text, _) in own.items()}
    return World(folder / "frames", ids, captioner, captions, {sha: n for sha, (_, n) in own.items()}, records)


@pytest.fixture
def root(world: World, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world.root, tmp_path / "workspace"))


def rotated(world: World, *, canaries: bool) -> Fault:
    """Every video gets captions of the next one; the canaries are wrong too, or not."""
    texts = [[t for sha, t in world.captions.items() if world.video_of[sha] == n] for n in range(VIDEOS)]

    def fault(sha: str) -> str | None:
        if sha in world.video_of:
            of_next = texts[(world.video_of[sha] + 1) % VIDEOS]
            return of_next[int(sha, 16) % len(of_next)]
        return texts[int(sha, 16) % VIDEOS][0] if canaries else None

    return fault


def heads(root: Path) -> dict[str, set[str]]:
    ledger = Workspace(root).ledger()
    ids = [source.id for source in ledger.sources()]
    found = {i: set(stages) for i, stages in ledger.heads(ids).items()}
    ledger.close()
    return found


def halted(world: World, root: Path, fault: Fault, *overrides: str) -> dict[str, object]:
    """Run until the halt and return the contents of binding.json."""
    with opened(root, configured(*overrides), Astray(world.captioner, world.captions, fault)) as services:
        carry(services, world.ids, "caption")
        with pytest.raises(BindingBroken, match=r"evidence: .*binding\.html") as caught:
            carry(services, world.ids, "binding")
        with pytest.raises(BindingBroken, match="withdrawn"):
            services.raise_if_stopped()
        facts: dict[str, object] = json.loads((root / "report" / "binding.json").read_text(encoding="utf-8"))
        assert str(facts["alarm"]["message"]) in str(caught.value)  # type: ignore[index]
        assert services.ledger.engine.connect().exec_driver_sql("select count(*) from replies").scalar() == 0
    page = (root / "report" / "binding.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") >= 4
    assert "no picture" not in page
    return facts


MATCH_ONLY = ("binding.canaries=0", "binding.max_share=1")
NO_CLIP = ("models.clip=null",)


def test_captions_of_another_video_halt_by_clip_alone(world: World, root: Path) -> None:
    facts = halted(world, root, rotated(world, canaries=False), *MATCH_ONLY)
    assert facts["alarm"]["kind"] == "match" and facts["pairs"]  # type: ignore[index]
    assert facts["alarm"]["share"] < 0.6  # type: ignore[index]


def test_canaries_that_come_back_wrong_halt(world: World, root: Path) -> None:
    facts = halted(world, root, rotated(world, canaries=True), *NO_CLIP)
    assert facts["alarm"]["kind"] == "canaries" and facts["clip"] is None  # type: ignore[index]
    assert not any(one["right"] for one in facts["canaries"])  # type: ignore[attr-defined, union-attr]


def test_one_caption_repeated_halts_without_clip_and_canaries(world: World, root: Path) -> None:
    said = "A red circle rests on the left, gray room."
    facts = halted(world, root, lambda sha: said, "binding.canaries=0", *NO_CLIP)
    assert facts["alarm"]["kind"] == "repeated" and facts["repeated"]["text"].lower() == said.lower()  # type: ignore[index]
    assert len(facts["repeated"]["frames"]) > 4  # type: ignore[index]


def test_the_next_run_makes_withdrawn_captions_again_and_right(world: World, root: Path) -> None:
    facts = halted(world, root, rotated(world, canaries=True))
    assert set(facts["withdrawn"]["videos"]) == set(world.ids)  # type: ignore[index]
    assert heads(root) == {i: {"download", "filter", "frames"} for i in world.ids}
    honest = Astray(world.captioner, world.captions)
    with opened(root, configured(), honest) as services:
        carry(services, world.ids, "caption", "binding")
        assert set(world.captions) <= set(honest.asked), "nothing came from the replies of the broken run"
        for video_id in world.ids:
            made = CaptionSet.model_validate_json(services.ledger.entry(video_id, "caption").payload)
            assert [c.text for c in made.captions] == [c.text for c in world.records[video_id].captions]
            binding = Binding.model_validate_json(services.ledger.entry(video_id, "binding").payload)
            assert binding.checked and binding.right == binding.asked == 1
    again = Astray(world.captioner, world.captions)
    with opened(root, configured(), again) as services:
        carry(services, world.ids, "caption", "binding")
    assert again.asked == []


def test_after_a_kill_between_captions_and_check_the_next_run_checks(world: World, root: Path) -> None:
    with opened(
        root, configured(*NO_CLIP), Astray(world.captioner, world.captions, rotated(world, canaries=True))
    ) as s:
        carry(s, world.ids, "caption")
    with opened(root, configured(*NO_CLIP), Astray(world.captioner, world.captions)) as services:
        with pytest.raises(BindingBroken, match="known content"):
            carry(services, world.ids, "binding")
        assert services.ledger.engine.connect().exec_driver_sql("select count(*) from replies").scalar() == 0
    assert all("caption" not in stages for stages in heads(root).values())


def test_canaries_are_new_in_every_run_and_never_answered_from_the_store(world: World, root: Path) -> None:
    asked: list[set[str]] = []
    for _ in range(2):
        model = Astray(world.captioner, world.captions)
        with opened(root, configured(), model) as services:
            carry(services, world.ids[:2], "caption")
            for video_id in world.ids[:2]:
                services.ledger.forget(video_id, "caption")
        asked.append(set(model.asked))
    assert not asked[0] & asked[1]
    assert len(asked[1]) == 2, "frames came from the store, a canary for each video did not"
    with opened(root, configured(), world.captioner) as services:  # a reply may depend on its batch
        carry(services, world.ids[:1], "caption")
        services.ledger.forget(world.ids[0], "caption")
        paid = services.meter.read().replies
        carry(services, world.ids[:1], "caption")
        assert services.meter.read().replies == paid, "the batches are the same again"


def test_score_only_logs_and_never_halts(world: World, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = Astray(world.captioner, world.captions, lambda sha: "A red circle rests on the left, gray room.")
    with opened(root, configured("binding.mode=score-only"), model) as services, caplog.at_level(logging.WARNING):
        carry(services, world.ids, "caption", "binding")
        services.raise_if_stopped()
        assert services.binding.figures()["commonest_caption_share"] == 1
    assert "score-only" in caplog.text
    assert not (root / "report").exists()
    assert all("binding" in stages for stages in heads(root).values())


def test_a_disabled_audit_asks_nothing_and_says_so(world: World, root: Path) -> None:
    model = Astray(world.captioner, world.captions, lambda sha: "A red circle.")
    with opened(root, configured("binding.mode=disable"), model) as services:
        carry(services, world.ids, "caption", "binding")
        assert set(model.asked) == set(world.captions), "frames alone were asked"
        entry = services.ledger.entry(world.ids[0], "binding")
        assert entry is not None and Binding.model_validate_json(entry.payload) == Binding(checked=False)
    with opened(root, configured(), model) as services, pytest.raises(BindingBroken):
        carry(services, world.ids, "binding")  # switched on later, the stored captions are checked


def test_changed_limits_check_no_video_again_but_changed_measurements_do(world: World, root: Path) -> None:
    def binding(*overrides: str) -> str:
        with opened(root, configured(*overrides)) as services:
            return services.hashes.results["binding"]

    assert binding() == binding("binding.min_match=0.9", "binding.least=5", "binding.max_share=0.1")
    assert len({binding(), binding("binding.sample=3"), binding("binding.mode=disable"), binding(*NO_CLIP)}) == 4


def test_threads_share_an_audit_and_all_of_them_stop(world: World, root: Path) -> None:
    fault = rotated(world, canaries=True)
    with opened(root, configured(), Astray(world.captioner, world.captions, fault)) as services:
        carry(services, world.ids, "caption")
        with ThreadPoolExecutor(3) as pool:
            futures = [pool.submit(carry, services, [i], "binding") for i in world.ids]
        stopped = [future.exception() for future in futures if future.exception() is not None]
        assert stopped and all(isinstance(error, BindingBroken) for error in stopped)
        facts = json.loads((root / "report" / "binding.json").read_text(encoding="utf-8"))
    assert set(facts["withdrawn"]["videos"]) == set(world.ids)


def test_a_ledger_of_an_older_layout_is_refused_with_instructions(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    old = Ledger(url)
    with old.engine.begin() as connection:
        connection.exec_driver_sql("alter table replies drop column made_at")
    old.close()
    with pytest.raises(LedgerDamaged, match=r"lacks replies\.made_at.*v2xum repair"):
        Ledger(url)


def test_the_published_match_depends_on_the_video_alone(world: World, root: Path) -> None:
    """What a caption is compared with in the run's window depends on which videos came first."""

    def checked(folder: Path, ids: list[str]) -> dict[str, Binding]:
        with opened(folder, configured(), Astray(world.captioner, world.captions)) as services:
            for one in ids:
                carry(services, [one], "caption", "binding")
            entries = {i: services.ledger.entry(i, "binding") for i in ids}
            return {i: Binding.model_validate_json(entry.payload) for i, entry in entries.items() if entry is not None}

    shutil.copytree(root, root.parent / "backwards")
    forth = checked(root, world.ids)
    back = checked(root.parent / "backwards", world.ids[::-1])
    assert {i: one.compared for i, one in forth.items()} != {i: one.compared for i, one in back.items()}
    assert {i: one.scores() for i, one in forth.items()} == {i: one.scores() for i, one in back.items()}
    assert all(0.8 < one.scores()["binding_match"] <= 1 for one in forth.values())
