"""Transcripts: off, nothing is as much as named; on, later stages read them; off again, they are gone."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from curation.dataset.check import validate
from curation.ledger.ledger import Ledger
from curation.ledger.samples import sample
from curation.ledger.stages import STAGES
from curation.pipeline.identities import identify_models
from curation.pipeline.needed_models import models_of
from curation.pipeline.process import Inputs, process
from curation.pipeline.services import Services
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.pipeline.stage_functions import FUNCTIONS
from curation.pipeline.turns import places, workers
from curation.store.store import Store
from demo.faulty_server.server import FaultServer, serve
from schemas.arrow import TRANSCRIPT, Columns, arrow_schema
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError, PermanentError
from schemas.parts.record import Record
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Subtitle, Video
from schemas.time import Seconds
from tasks.policies import tags
from tests.curation.finished import finished
from tests.curation.hashes import HASHES
from tests.curation.release.releases import release
from tests.curation.samples import make_sample, numbered, run_export
from tests.curation.scripted_stages import Tally, Works, run_all, sources
from tests.curation.sounding import Track, film, hear, spoken
from training.examples import read_release

SERVER = {"engine": "openai", "model": "name", "base_urls": ["http://127.0.0.1:8000/v1"]}
BASE = {
    "name": "base",
    "models": {**dict.fromkeys(("captioner", "summarizer"), SERVER), "embedder": {"engine": "ngram"}},
}
# The hashes of the commit before transcripts came: with one of them other, a workspace would make its results again.
BEFORE = {
    "download": "d0c0f0b212521fd0",
    "filter": "5611e57d155b6734",
    "frames": "1056b0d7de7aa859",
    "caption": "24ce258b3908f97d",
    "binding": "26bb50a13334c602",
    "extract": "89f1702f41f341aa",
    "refine": "1cafa60d3cac3a37",
    "audit": "fc95d412ef3b2e12",
}
SAID = Transcript(
    source="manual",
    language="en",
    segments=(SpokenSegment(start=Seconds(1.0), end=Seconds(2.0), text="<b>Now</b> the kite."),),
)
ON = replace(
    HASHES,
    results={**HASHES.results, **dict.fromkeys(("transcribe", "extract", "refine", "audit"), "on")},
    on=frozenset({"transcribe"}),
)


def hashes(**keys: object) -> dict[str, str]:
    config = CurateConfig.model_validate({**BASE, **keys})
    found = stage_hashes(config, load_prompts(config), identify_models(config.models))
    return {name: value[:16] for name, value in found.results.items()}


def test_off_every_stage_depends_on_what_it_depended_on_before() -> None:
    off = hashes()
    for name in STAGES.optional:
        off.pop(name)
    assert off == BEFORE
    other = hashes(transcribe={"max_segments": 7}, extract={"speech_prompt": "refine-speech.v1"})
    for name in STAGES.optional:
        other.pop(name)
    assert other == BEFORE, "while it is off no key of it counts"


def test_on_the_stages_that_are_told_depend_on_how() -> None:
    keys = {"download": {"subtitles": ["en"]}, "transcribe": {"mode": "publisher"}}
    on = hashes(**keys)
    assert {name for name in BEFORE if on[name] != BEFORE[name]} == {"download", "extract", "refine", "audit"}
    other = hashes(**keys, extract={"speech_prompt": "refine-speech.v1"})
    assert {name for name in on if on[name] != other[name]} == {"extract"}


RECOGNISER = {"engine": "openai", "model": "whisper", "base_urls": ["http://127.0.0.1:8000/v1"]}


def speech(mode: str, recogniser: dict[str, object] | None = None, **keys: object) -> dict[str, str]:
    models = {**BASE["models"], "transcriber": recogniser}  # type: ignore[dict-item]
    return hashes(models=models, download={"subtitles": ["en"]}, transcribe={"mode": mode, **keys})


def test_subtitles_alone_depend_on_what_they_depended_on_before_there_was_recognition() -> None:
    keys = {"transcribe.mode": "publisher", "transcribe.max_segments": 5000, "transcribe.max_characters": 200_000}
    before = hashlib.sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest()[:16]
    assert speech("publisher")["transcribe"] == before
    assert speech("publisher", RECOGNISER) == speech("publisher"), "it is not asked"
    assert {**speech("disable", RECOGNISER), "download": ""} == {**hashes(), "download": ""}


def test_recognition_depends_on_the_recogniser_and_on_what_it_is_given() -> None:
    first = speech("recognise", RECOGNISER)
    others = [
        speech("publisher-first", RECOGNISER),
        speech("recognise", {**RECOGNISER, "model": "other"}),
        speech("recognise", {**RECOGNISER, "revision": "2026-12-01"}),
        *(
            speech("recognise", RECOGNISER, **one)
            for one in ({"language": "de"}, {"piece_seconds": 20}, {"max_seconds": 60})
        ),
    ]
    assert len({found["transcribe"] for found in (first, *others)}) == 7
    same = {**RECOGNISER, "base_urls": ["http://127.0.0.1:9000/v1"], "timeout": 5, "retries": 0, "batch": 3}
    assert speech("recognise", same) == first, "where and how patiently it is asked changes nothing"
    for found in others:
        assert {name for name in found if found[name] != first[name]} == {"transcribe"}


def test_on_a_shared_server_recognition_waits_for_a_gpu_as_captions_do() -> None:
    models = {**BASE["models"], "transcriber": RECOGNISER}  # type: ignore[dict-item]
    for mode, expected in (("recognise", ("gpu",)), ("publisher-first", ("gpu",)), ("publisher", ())):
        keys = {"download": {"subtitles": ["en"]}, "transcribe": {"mode": mode}}
        config = CurateConfig.model_validate({**BASE, "models": models, **keys})
        assert tags("transcribe", config) == expected and tags("caption", config) == ("gpu",)


def test_a_key_that_is_not_used_makes_nothing_again() -> None:
    unused = speech("publisher", language="de", piece_seconds=20, max_seconds=60, voice="silero")
    assert unused == speech("publisher") and speech("recognise", RECOGNISER, piece_seconds=20) != speech(
        "recognise", RECOGNISER
    )
    frames = hashes(caption={"clip_frames": 8})
    assert frames == hashes() and hashes(caption={"unit": "clip", "clip_frames": 8})["caption"] not in (
        frames["caption"],
        hashes(caption={"unit": "clip"})["caption"],
    )


@pytest.mark.parametrize("mode", ["recognise", "publisher-first"])
def test_recognition_without_a_recogniser_is_refused(mode: str) -> None:
    with pytest.raises(ValidationError, match=r"models\.transcriber"):
        speech(mode)


def test_recognition_by_a_server_hears_several_videos_at_the_same_time() -> None:
    def config(mode: str) -> CurateConfig:
        models = {**BASE["models"], "transcriber": RECOGNISER}  # type: ignore[dict-item]
        keys = {"transcribe": {"mode": mode}, "download": {"subtitles": ["en"]}, "run": {"model_workers": 9}}
        return CurateConfig.model_validate({**BASE, "models": models, **keys})

    assert places("transcribe", config("recognise")) == workers("transcribe", config("recognise")) == 9
    assert places("transcribe", config("publisher")) == config("publisher").run.shards_in_flight
    assert models_of(["transcribe"], config("recognise")) == ("transcriber",)
    assert models_of(["transcribe"], config("publisher")) == models_of(["transcribe"], config("disable")) == ()


class Spoken(Works):
    def stage(self, name: str) -> Callable[[Inputs], Record]:
        if name != "transcribe":
            return super().stage(name)

        def work(inputs: Inputs) -> Record:
            self.calls.append((name, inputs.id))
            inputs.record("download", Video)
            return SAID

        return work


def run_on(ledger: Ledger, ids: list[str], works: Works) -> Tally:
    import threading

    tally, stop = Tally(), threading.Event()
    for stage in STAGES.of(ON.on):
        work = works.stage(stage.name)
        process(stage.name, ids, ledger=ledger, hashes=ON, work=work, progress=tally, stop=stop)
    return tally


def test_turned_on_and_off_again_a_sample_has_what_it_was_made_from(ledger: Ledger) -> None:
    ids = ledger.register(sources(2))
    run_all(ledger, ids, Works())
    assert "transcribe" not in ledger.heads(ids)[ids[0]] and sample(ledger, ids[0]).transcript is None
    before = ledger.digests(ids, [stage.name for stage in STAGES.every])

    works = Spoken()
    run_on(ledger, ids, works)
    assert {name for name, _ in works.calls} == {"transcribe", "extract", "refine", "audit"}, "captions are kept"
    assert sample(ledger, ids[0]).transcript == SAID

    works = Spoken()
    run_all(ledger, ids, works)
    assert works.calls == [], "what was made without transcripts is still there"
    assert sample(ledger, ids[0]).transcript is None
    assert ledger.digests(ids, [stage.name for stage in STAGES.every]) == before


def test_the_export_has_the_column_only_where_there_are_transcripts(tmp_path: Path) -> None:
    plain = numbered(3)
    run_export(tmp_path / "off", plain)
    run_export(
        tmp_path / "on",
        [one.model_copy(update={"transcript": SAID}) for one in plain],
        columns=Columns(transcripts=True),
    )
    for name, transcripts in (("off", False), ("on", True)):
        assert validate(tmp_path / name) == []
        for path in (tmp_path / name / "data").iterdir():
            assert pq.read_schema(path).equals(arrow_schema(Columns(transcripts=transcripts)))
            for row in pq.read_table(path).to_pylist():
                nobody = {"recogniser": None, "revision": None}
                assert row.get(TRANSCRIPT) == ({**SAID.model_dump(mode="json"), **nobody} if transcripts else None)


def test_the_stage_reads_the_store_and_fetches_a_lost_track_again(tmp_path: Path) -> None:
    store, file = Store(tmp_path / "store"), tmp_path / "track"
    file.write_text("1\n00:00:01,000 --> 00:00:02,000\nNow the kite.\n")
    stored = store.add("subtitles", file, "srt", move=False)
    track = Subtitle(language="en", automatic=False, sha256=stored.sha256, format="srt")
    video = make_sample("v").video.model_copy(update={"subtitles": (track,)})
    fetched: list[object] = []

    def fetch(source: object) -> Video:
        fetched.append(source)
        again = store.add("subtitles", file, "srt", move=False)
        return video.model_copy(update={"subtitles": (track.model_copy(update={"sha256": again.sha256}),)})

    config = CurateConfig.model_validate(BASE)
    services = cast(Services, SimpleNamespace(store=store, config=config, fetch=fetch))
    inputs = cast(Inputs, SimpleNamespace(source="the source", record=lambda stage, kind: video))
    for times in (0, 1):
        made = FUNCTIONS["transcribe"](services, inputs)
        assert isinstance(made, Transcript) and made.segments[0].text == "Now the kite."
        assert len(fetched) == times
        store.path("subtitles", stored.sha256, "srt").unlink()


def test_a_track_that_nobody_gives_any_more_costs_the_transcript_alone(tmp_path: Path) -> None:
    track = Subtitle(language="en", automatic=False, sha256="a" * 64, format="srt")
    video = make_sample("v").video.model_copy(update={"subtitles": (track,)})

    def fetch(source: object) -> Video:
        raise PermanentError("private", "")

    keys = {"download": {"subtitles": ["en"]}, "transcribe": {"mode": "publisher"}}
    config = CurateConfig.model_validate({**BASE, **keys})
    services = cast(Services, SimpleNamespace(store=Store(tmp_path / "store"), config=config, fetch=fetch))
    source = make_sample("v").source.model_copy(update={"kind": "url", "uri": "https://h.example/v"})
    inputs = cast(Inputs, SimpleNamespace(source=source, record=lambda stage, kind: video))
    made = FUNCTIONS["transcribe"](services, inputs)
    assert isinstance(made, Transcript) and made.reason == "unreadable_subtitles"
    assert made.notes == ("en (manual, srt): the store lost it, and its publisher gives it no more (private)",)


class Chooser:
    """An extractor that notes what it is told, and chooses the first frame."""

    name, revision = "chooser", "c" * 64

    def __init__(self, reads_speech: bool) -> None:
        self.reads_speech = reads_speech
        self.told: list[Sequence[str]] = []

    def choose(
        self, pictures: Iterator[bytes], said: Sequence[str] = ()
    ) -> tuple[tuple[int, ...], NDArray[np.float32]]:
        self.told.append(said)
        return (0,), np.linspace(1, 0, len([*pictures]), dtype=np.float32)


@pytest.mark.parametrize("reads_speech", [True, False])
def test_a_trained_summarizer_is_told_what_a_release_would_tell_its_training(
    tmp_path: Path, reads_speech: bool
) -> None:
    config = CurateConfig.model_validate(
        {**BASE, "download": {"subtitles": ["en"]}, "transcribe": {"mode": "publisher"}}
    )
    made, chooser = make_sample("v").model_copy(update={"transcript": SAID}), Chooser(reads_speech)
    records = {"transcribe": SAID, "frames": made.frames, "caption": made.captions, "download": made.video}
    services = SimpleNamespace(
        extractor=chooser,
        config=config,
        hashes=SimpleNamespace(on=frozenset({"transcribe"})),
        raise_if_stopped=lambda: None,
        meter=SimpleNamespace(waiting=lambda lane: nullcontext()),
        pictures=SimpleNamespace(read=lambda video, frames, index: b""),
    )
    inputs = SimpleNamespace(record=lambda stage, kind: records[stage])
    FUNCTIONS["extract"](cast(Services, services), cast(Inputs, inputs))
    with finished(tmp_path / "w", [made], "download.subtitles=[en]", "transcribe.mode=publisher") as (place, opened):
        release(place, opened)
    (trained_on,) = read_release(tmp_path / "w" / "releases" / "0.1.0").examples
    assert any(trained_on.said) and chooser.told == [trained_on.said if reads_speech else ()]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Services, FaultServer]]:
    """Services whose recogniser knows the words of tests.curation.sounding."""
    with serve() as server:
        server.hear = hear
        recogniser = {**RECOGNISER, "model": "tiny", "base_urls": [server.url]}
        models = {**BASE["models"], "transcriber": recogniser}  # type: ignore[dict-item]
        keys = {"download": {"subtitles": ["en"]}, "transcribe": {"mode": "publisher-first"}}
        config = CurateConfig.model_validate({**BASE, "models": models, **keys})
        with (
            closing(Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger,
            Services(config, ledger, Store(tmp_path / "store")) as it,
        ):
            yield it, server


def test_where_there_are_no_subtitles_the_kept_file_is_heard(
    tmp_path: Path, opened: tuple[Services, FaultServer]
) -> None:
    services, server = opened
    path = film(tmp_path / "film.mkv", Track(spoken(0.5, ("kite", 1.0), 4.0, ("drum", 1.0))), seconds=7)
    stored = services.store.add("videos", path, "mkv", move=False)
    known = {"sha256": stored.sha256, "bytes": stored.bytes, "extension": "mkv", "has_audio": True, "duration": 7.0}
    video = make_sample("v").video.model_copy(update={**known, "subtitles": ()})

    def made() -> Transcript:
        inputs = cast(Inputs, SimpleNamespace(source="the source", record=lambda stage, kind: video))
        found = FUNCTIONS["transcribe"](services, inputs)
        assert isinstance(found, Transcript)
        return found

    found = made()
    assert (found.source, found.reason, found.notes) == ("recognised", None, ("subtitles: no_subtitles",))
    assert [(round(s.start, 1), s.text) for s in found.segments] == [(0.5, "kite"), (5.5, "drum")]
    assert made() == found and server.stats.read().received == 2, "the ledger has the replies"
    assert [*(tmp_path / "store" / "scratch").iterdir()] == [], "no samples are left behind"

    video = video.model_copy(update={"has_audio": False})
    assert made().reason == "no_sound"
    track = tmp_path / "track"
    track.write_text("1\n00:00:01,000 --> 00:00:02,000\nA kite.\n")
    kept = services.store.add("subtitles", track, "srt", move=False)
    video = video.model_copy(
        update={"subtitles": (Subtitle(language="en", automatic=False, sha256=kept.sha256, format="srt"),)}
    )
    assert made().source == "manual"


def test_a_package_that_is_missing_is_told_before_anything_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with serve() as server:
        models = {**BASE["models"], "transcriber": {**RECOGNISER, "model": "tiny", "base_urls": [server.url]}}  # type: ignore[dict-item]
        config = CurateConfig.model_validate(
            {**BASE, "models": models, "transcribe": {"mode": "recognise", "voice": "silero"}}
        )
        with (
            closing(Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as ledger,
            Services(config, ledger, Store(tmp_path / "store")) as services,
        ):
            services.open_models(["frames"])
            with pytest.raises(ConfigError, match="extra `speech`"):
                services.open_models(["transcribe"])
