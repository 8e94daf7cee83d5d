"""A finished video that cannot be fetched again for its subtitles or its sound stays what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from curation.ledger.ledger import Ledger
from curation.pipeline.identities import identify_models
from curation.pipeline.process import Inputs, process
from curation.pipeline.services import Services
from curation.pipeline.settings import load_prompts, stage_hashes
from curation.pipeline.stage_functions import FUNCTIONS, stage_function
from curation.status.lost_speech import speech_of
from schemas.configuration.config import CurateConfig
from schemas.errors import PermanentError, RefusedError, StageError, TransientError
from schemas.parts.transcript import Transcript
from schemas.records import Source, Subtitle, Video
from tests.curation.samples import make_sample
from tests.curation.scripted_stages import Tally

SERVER = {"engine": "openai", "model": "name", "base_urls": ["http://127.0.0.1:8000/v1"]}
MODELS = {**dict.fromkeys(("captioner", "summarizer"), SERVER), "embedder": {"engine": "ngram"}}
SOURCE = make_sample("v").source.model_copy(update={"kind": "url", "uri": "https://h.example/v"})
PLAIN = make_sample("v").video
GONE = PermanentError("private", "This video is private.")
Fetch = Callable[[Source], Video]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")) as opened:
        opened.register([SOURCE])
        yield opened


def answers(found: Video | StageError) -> Fetch:
    def fetch(source: Source) -> Video:
        if isinstance(found, StageError):
            raise found
        return found

    return fetch


def download(ledger: Ledger, found: Video | StageError, **keys: object) -> Video | str:
    """Run the stage once under these keys of `download`; the current record, or the reason of the rejection."""
    config = CurateConfig.model_validate({"name": "base", "models": MODELS, "download": keys})
    hashes = stage_hashes(config, load_prompts(config), identify_models(config.models))
    services = SimpleNamespace(config=config, hashes=hashes, fetch=answers(found), raise_if_stopped=lambda: None)
    work = stage_function(cast(Services, services), "download")
    process("download", ["v"], ledger=ledger, hashes=hashes, work=work, progress=Tally(), stop=threading.Event())
    entry = ledger.entry("v", "download")
    assert entry is not None
    return Video.model_validate_json(entry.payload) if entry.head.status == "done" else str(entry.head.reason)


def track(language: str) -> Subtitle:
    return Subtitle(language=language, automatic=False, sha256="a" * 64, format="srt")


def test_turned_on_later_subtitles_cost_no_video(ledger: Ledger) -> None:
    assert download(ledger, PLAIN) == PLAIN
    kept = download(ledger, GONE, subtitles=["en"])
    assert isinstance(kept, Video) and kept == PLAIN.model_copy(update={"missed_subtitles": kept.missed_subtitles})
    assert kept.missed_subtitles == ("not fetched again: private",)
    assert download(ledger, PLAIN) == PLAIN, "off again, what was there is there"


def test_another_language_and_sound_cost_nothing_that_was_there(ledger: Ledger) -> None:
    spoken = PLAIN.model_copy(update={"subtitles": (track("en"),)})
    assert download(ledger, spoken, subtitles=["en"]) == spoken
    for more in (["en", "de"], ["de", "en"], ["fr", "en", "de"]):
        kept = download(ledger, GONE, subtitles=more, sound=True)
        assert isinstance(kept, Video) and kept.subtitles == spoken.subtitles and kept.missed_subtitles
    many = [*"abcdefg"]
    assert isinstance(download(ledger, GONE, subtitles=["en", *many]), Video)


def test_sound_that_could_not_be_had_is_told_and_found_by_retry(ledger: Ledger) -> None:
    download(ledger, PLAIN.model_copy(update={"has_audio": False}))
    kept = download(ledger, GONE, sound=True)
    config = CurateConfig.model_validate(
        {
            "name": "base",
            "models": {**MODELS, "transcriber": SERVER},
            "download": {"sound": True},
            "transcribe": {"mode": "recognise"},
        }
    )
    services = SimpleNamespace(
        config=config,
        transcriber=SimpleNamespace(name="w", revision="r", batch=1),
        store=SimpleNamespace(scratch=lambda: nullcontext(Path())),
        voice=None,
    )
    inputs = SimpleNamespace(record=lambda stage, kind: kept)
    made = FUNCTIONS["transcribe"](cast(Services, services), cast(Inputs, inputs))
    assert isinstance(made, Transcript) and (made.reason, made.recogniser) == ("sound_missed", None)
    assert "not fetched again: private" in made.notes
    assert speech_of(made.canonical()).lost == "sound_missed"


@pytest.mark.parametrize("keys", [{"max_height": 720, "subtitles": ["en"]}, {"max_height": 720}])
def test_another_file_that_is_wanted_and_not_there_is_a_rejection(ledger: Ledger, keys: dict[str, object]) -> None:
    download(ledger, PLAIN, max_height=360)
    assert download(ledger, GONE, **keys) == "private"


@pytest.mark.parametrize("failure", [TransientError("timeout", ""), RefusedError("too_long", ""), GONE])
def test_only_what_is_gone_for_good_is_kept(ledger: Ledger, failure: StageError) -> None:
    download(ledger, PLAIN)
    found = download(ledger, failure, subtitles=["en"])
    assert isinstance(found, Video) if failure is GONE else found == failure.reason


def test_a_video_that_nobody_has_is_a_rejection(ledger: Ledger) -> None:
    assert download(ledger, GONE, subtitles=["en"]) == "private"


def test_what_retry_puts_aside_comes_back_where_no_new_one_comes(ledger: Ledger) -> None:
    missed = PLAIN.model_copy(update={"missed_subtitles": ("en (manual, vtt): HTTP 429",)})
    assert download(ledger, missed, subtitles=["en"]) == missed
    for _ in range(2):
        ledger.outdate("v", "download")
        assert ledger.entry("v", "download") is None
        kept = download(ledger, GONE, subtitles=["en"])
        assert isinstance(kept, Video)
        assert kept.missed_subtitles == ("en (manual, vtt): HTTP 429", "not fetched again: private")
    ledger.outdate("v", "download")
    assert isinstance(download(ledger, GONE, subtitles=["en", "de"]), Video), "also under a wish for more"
    spoken = PLAIN.model_copy(update={"subtitles": (track("en"),)})
    assert download(ledger, spoken, subtitles=["en"]) == spoken
