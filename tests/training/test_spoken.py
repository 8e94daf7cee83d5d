"""What is said while a frame is shown: by the times of lines, as vectors kept by content, and told to summarizers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from curation.text.said import said_at
from flows.cli.main import application
from models.embedding.sentences import NgramEmbedder as Ngrams
from models.summarizers.trained import inputs_of
from schemas.configuration.model_config import NgramEmbedder, TrainedExtractor, TransformersClip
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Sample
from schemas.repository import DATA
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.release.releases import release as make_release
from tests.curation.samples import make_sample
from tests.training.test_vtsum import example
from training.examples import DEFAULT_FRAMES, Example, read_release
from training.features import Features, write_upstream
from training.hidden_states import HiddenStates
from training.passages import Passage, join
from training.recipe import recipe_of
from training.run import Hooks, Training, TrainRequest
from training.spoken import SpokenVectors, require_said
from training.summarize import _require_subtitles, _said

EMBEDDER = NgramEmbedder(dimensions=128)
TOWER = TransformersClip(engine="transformers", model=str(DATA / "demo" / "clip"))


def line(start: float, end: float, text: str) -> SpokenSegment:
    return SpokenSegment(start=Seconds(start), end=Seconds(end), text=text)


def told(frames: int, *said: str) -> Example:
    """An example with so many frames of which the first ones have what is said."""
    return replace(example("a", frames), said=tuple([*said, *[""] * frames][:frames]))


def test_vectors_are_those_of_the_embedder_and_are_kept_by_content(tmp_path: Path) -> None:
    spoken, one = SpokenVectors(tmp_path, EMBEDDER), told(5, "A kite rises.", "A kite rises.", "It falls.")
    with pytest.raises(ConfigError, match=r"video a.*is gone: train again"):
        spoken.read(one)
    assert spoken.missing([one]) == [one]
    spoken.make([one])
    found = spoken.read(one)
    assert found.shape == (5, 128) and found.dtype == np.float32
    np.testing.assert_array_equal(found, Ngrams(128).embed(one.said))
    assert not found[3:].any() and found[:3].any(axis=1).all()
    before = spoken.path(one).stat().st_mtime_ns
    spoken.make([one, replace(one, id="b")])
    assert spoken.path(one).stat().st_mtime_ns == before and len(list(tmp_path.rglob("*.npy"))) == 1
    assert spoken.path(told(5, "Other")) != spoken.path(one)
    assert SpokenVectors(tmp_path, NgramEmbedder(dimensions=64)).path(one) != spoken.path(one)
    np.save(spoken.path(one), np.zeros((1, 128), np.float32))
    with pytest.raises(ConfigError, match="is damaged: remove it"):
        spoken.read(one)
    silent = told(3)
    spoken.make([silent])
    assert not spoken.read(silent).any()


def test_vectors_of_frames_end_with_what_is_said(tmp_path: Path) -> None:
    plain, spoken = Features(tmp_path, TOWER, DEFAULT_FRAMES), Features(tmp_path, TOWER, DEFAULT_FRAMES, EMBEDDER)
    assert plain.name != spoken.name and spoken.name.endswith("ngram-128 of what is said")
    one = told(4, "A kite rises.")
    plain.keep(one, np.random.default_rng(0).random((4, 8), np.float32))
    assert spoken.missing([one]) == [one] and not plain.missing([one])
    spoken.make([one])
    np.testing.assert_array_equal(spoken.read(one)[:, :8], plain.read(one))
    np.testing.assert_array_equal(spoken.read(one)[:, 8:], Ngrams(128).embed(one.said))


def with_transcript(name: str, *lines: SpokenSegment) -> Sample:
    transcript = Transcript(source="manual", language="en", segments=lines, reason=None if lines else "nothing_said")
    return make_sample(name).model_copy(update={"transcript": transcript})


SPOKEN = ("download.subtitles=[en]", "transcribe.mode=publisher", "export.title=F", "export.licence=cc-by-4.0")
SHARES = ("export.splits.train=0.4", "export.splits.validation=0.3", "export.splits.test=0.3")


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("spoken") / "w"
    samples = [
        with_transcript(f"v{number}", *([line(2, 4, f"[1] The <kite> {number}.")] if number else []))
        for number in range(6)
    ]
    with finished(root, samples, *SPOKEN, *SHARES) as (place, services):
        make_release(place, services)
    return root / "releases" / "0.1.0"


@pytest.mark.slow
def test_a_release_tells_what_is_said(released: Path) -> None:
    found = {one.id: one.said for one in read_release(released).examples}
    assert found["v0"] == ("",) * 12
    assert found["v3"] == ("", "", "(1) The ‹kite› 3.", "(1) The ‹kite› 3.", *[""] * 8)


def training(out: Path, release: Path | None, kind: dict[str, object], speech: bool, **more: object) -> Training:
    features = {"tower": TOWER.model_dump(), **({"speech": EMBEDDER.model_dump()} if speech else {})}
    raw = {"name": "t", "summarizer": kind, "features": features, "training": {"patience": None, **more}}
    return Training(TrainRequest(config=TrainConfig.model_validate(raw), release=release, out=out))


VTSUM = {
    "kind": "vtsum", "hidden_size": 16, "heads": 2, "inner_size": 32, "text": None, "local_windows": [],
    "context_windows": [],
}  # fmt: skip


@pytest.mark.slow
def test_a_summarizer_learns_from_what_is_said_and_its_training_says_so(released: Path, tmp_path: Path) -> None:
    heard, deaf = (training(tmp_path / name, released, VTSUM, name == "heard") for name in ("heard", "deaf"))
    every = heard.release.examples
    for features in (heard.features, deaf.features):
        assert features is not None
        for one in every:
            features.keep(one, np.full((one.frames, 8), 0.5, np.float32))
    assert heard.recipe.missing(every) == list(every) and not deaf.recipe.missing(every)
    heard.make_features(Hooks())
    assert not heard.recipe.missing(every)
    assert heard.build().config.feature_size == 8 + 128 and deaf.build().config.feature_size == 8
    assert heard.features is not None
    write_upstream(tmp_path / "upstream", heard.features, every[:1])
    assert np.load(tmp_path / "upstream" / f"{every[0].id}.npy").shape == (100, 8), "of pictures alone"
    assert heard.about["features"].endswith("of what is said") and heard.about["config"] != deaf.about["config"]
    heard.fit(Hooks())
    extractor = TrainedExtractor(model=str(heard.out / "model"))
    with pytest.raises(ConfigError, match=r"reads what is said, and this run has no transcripts"):
        inputs_of(extractor, 1.0, transcripts=False)
    assert inputs_of(extractor, 1.0, transcripts=True).speech == EMBEDDER


@pytest.mark.slow
def test_a_training_that_was_begun_before_there_was_speech_goes_on(released: Path, tmp_path: Path) -> None:
    """Its `run.json` has the hash of a configuration without the key."""
    import hashlib

    made = training(tmp_path / "a", released, VTSUM, speech=False)
    excluded = {"evaluation": True, "features": {"folder", "upstream", "workers", "speech"}, "summarizer": {"folder"}}
    settings = made.config.model_dump(mode="json", exclude=excluded)  # type: ignore[arg-type]
    assert "speech" not in json.dumps(settings)
    assert made.about["config"] == hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def test_without_transcripts_it_is_told_before_anything_is_made() -> None:
    with pytest.raises(ConfigError, match=r"video a has no transcript.*transcribe\.mode"):
        require_said([told(3), example("a", 3)])
    require_said([told(3)])


def test_a_language_model_reads_what_is_said_behind_the_caption() -> None:
    one = replace(told(4, "", "It falls."), captions=("A kite.", "A kite.", "", "A tree."))
    deaf, heard = (states(speech) for speech in (False, True))
    assert deaf._lines(one) == one.captions
    assert heard._lines(one) == ("A kite.", 'A kite. Said: "It falls."', "", "A tree.")
    assert heard._lines(replace(one, said=("x",) * 4))[2] == '(no caption) Said: "x"'
    assert deaf.path(one) != heard.path(one) and deaf.path(one) == deaf.path(replace(one, said=()))
    assert heard.window(heard._lines(one), 1).splitlines()[1] == '+0 A kite. Said: "It falls."'


def states(speech: bool) -> HiddenStates:
    raw = {"kind": "llmvs", "model": {"model": str(DATA / "demo" / "summarizer")}, "window": 3, "speech": speech}
    config = TrainConfig.model_validate({"name": "x", "summarizer": raw})
    return HiddenStates(config.summarizer)  # type: ignore[arg-type]


def test_a_passage_takes_with_it_what_is_said() -> None:
    first, second = told(6, "a", "b", "c"), told(5, "d", "e")
    assert join([Passage(first, 1, 3), Passage(second, 0, 2)]).said == ("b", "c", "d", "e")
    assert join([Passage(example("x", 4), 1, 3)]).said == ()


def summarized(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(application(), ["summarize", *words])
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.slow
def test_one_video_is_summarized_with_its_subtitles(release: Path, media: Path, tmp_path: Path) -> None:
    """The checkpoint learned from films in which one line is said; what the file says changes the scores."""
    read = read_release(release)
    spoken = tuple(
        replace(one, said=said_at([line(2, 3, "Look at the kite.")], one.seconds, one.duration))
        for one in read.examples
    )
    raw = training(tmp_path / "x", release, VTSUM, speech=False).config.model_dump()
    raw["features"]["speech"] = EMBEDDER.model_dump()
    request = TrainRequest(config=TrainConfig.model_validate(raw), out=tmp_path / "out")
    made = Training(request, read._replace(examples=spoken))
    made.make_features(Hooks())
    made.fit(Hooks())
    film, model = next(media.glob("*.mp4")), str(tmp_path / "out" / "model")
    code, _, err = summarized(str(film), "--model", model, "--out", str(tmp_path / "a"))
    assert code == 2 and "reads what is said: name the video's subtitles by --subtitles" in err
    assert not (tmp_path / "a").exists(), "nothing was made"
    found = []
    cues = [f"\n00:02.000 --> 00:03.000\n{text}\n" for text in ("Look at the kite.", "Nothing to see here.")]
    for cue in (*cues, "Kind: captions\n\nNOTE nobody speaks\n"):
        (tmp_path / "said.vtt").write_text(f"WEBVTT\n{cue}")
        words = ("--model", model, "--out", str(tmp_path / "a"), "--subtitles", str(tmp_path / "said.vtt"), "--json")
        code, out, err = summarized(str(film), *words)
        assert code == 0, err
        found.append(json.loads(out)["scores"])
    assert found[0] != found[1] and found[2] not in found[:2], "nobody speaks"
    sheet = (tmp_path / "a" / "contact_sheet.jpg").read_bytes()
    for name, content, why in (("a.vtt", "nothing", "no line that can be used"), ("gone.srt", None, "cannot be read")):
        if content is not None:
            (tmp_path / name).write_text(content)
        words = ("--model", model, "--out", str(tmp_path / "a"), "--subtitles", str(tmp_path / name))
        code, _, err = summarized(str(film), *words)
        assert code == 2 and why in err, err
    assert (tmp_path / "a" / "contact_sheet.jpg").read_bytes() == sheet, "a refusal takes nothing away"


@pytest.mark.slow
def test_videos_of_which_nothing_is_known_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    silent = with_transcript("v0")
    transcript = Transcript(reason="no_subtitles")
    unknown = make_sample("v1").model_copy(update={"transcript": transcript})
    with finished(tmp_path / "w", [silent, unknown], *SPOKEN) as (place, services):
        make_release(place, services)
    found = {one.id: one for one in read_release(tmp_path / "w" / "releases" / "0.1.0").examples}
    assert (found["v0"].unheard, found["v1"].unheard) == (None, "no_subtitles") and len(found["v1"].said) == 12
    require_said([found["v0"]])
    assert not caplog.records
    require_said([*found.values()])
    assert "1 of 2 videos (v1: no_subtitles, ...) have no transcript that can be used" in caplog.text


def test_speech_is_refused_where_no_vectors_are_read(tmp_path: Path) -> None:
    features = {"tower": TOWER.model_dump(), "speech": EMBEDDER.model_dump()}
    model = {"model": str(DATA / "demo" / "summarizer")}
    config = TrainConfig.model_validate(
        {"name": "x", "summarizer": {"kind": "llmvs", "model": model}, "features": features}
    )
    with pytest.raises(ConfigError, match=r"llmvs does not: summarizer\.speech tells it what is said"):
        recipe_of(config, Features(tmp_path, TOWER, DEFAULT_FRAMES, EMBEDDER))


ROLLING = """WEBVTT

00:00:01.000 --> 00:00:03.000
so<00:00:01.500><c> today</c><00:00:02.000><c> we</c>

00:00:03.000 --> 00:00:03.010
so today we

00:00:03.010 --> 00:00:05.000
so today we
cut<00:00:03.500><c> the</c><00:00:04.000><c> bread</c>
"""


def test_rolling_lines_are_told_once_as_in_curation(tmp_path: Path) -> None:
    (tmp_path / "auto.vtt").write_text(ROLLING)
    video = make_sample("a").video
    said = _said(tmp_path / "auto.vtt", video, told(6))
    assert said[1:5] == ("so today we", "so today we", "cut the bread", "cut the bread")
    (tmp_path / "auto.txt").write_text(ROLLING)
    for path, why in ((tmp_path / "auto.txt", r"no file of subtitles \(\.vtt"), (tmp_path / "x.vtt", "cannot be read")):
        with pytest.raises(ConfigError, match=why):
            _require_subtitles(path)
