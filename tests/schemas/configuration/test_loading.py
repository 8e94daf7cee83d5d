from __future__ import annotations

from pathlib import Path

import pytest

from flows.cli.app import run_folder
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config, parse_override
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ConfigError
from schemas.repository import ROOT

MODELS = "models:\n  captioner: {model: a}\n  summarizer: {model: b}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_committed_configuration_is_valid(path: Path) -> None:
    assert isinstance(load_config(path), CurateConfig)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("frames: {fsp: 2}\n", ["frames.fsp", "unknown key", "'fps'"]),
        ("frame: {}\n", ["frame:", "'frames'"]),
        ("filters: {duration: {minimum: 3}}\n", ["filters.duration.minimum", "'min'"]),
        ("frames: {fps: 0}\n", ["frames.fps", "greater than 0"]),
        ("export: {splits: {train: 1, validation: 1, test: 0}}\n", ["export.splits", "must be 1"]),
        ("sources: [{at: x, colum: y}]\n", ["sources.0.colum", "'column'"]),
        ("frames: {near_duplicates: {maxdistance: 1}}\n", ["frames.near_duplicates.maxdistance", "'max_distance'"]),
        ("frames: {zzz: 2}\n", ["frames.zzz: unknown key (known here: "]),
    ],
)
def test_an_error_names_the_file_the_key_and_the_nearest_known_key(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, f"name: x\n{MODELS}{text}"))
    for word in ["run.yaml", *words]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("download: {subtitles: en}\n", ": download.subtitles: must be a list, such as [a, b]"),
        ("transcribe: {mode: publisher}\n", ": transcribe.mode: publisher reads subtitles, and"),
        ("transcribe: {mode: recognise}\n", ": transcribe.mode: recognise needs models.transcriber"),
    ],
)
def test_an_error_is_in_words_of_ours(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, f"name: x\n{MODELS}{text}"))
    assert told in str(caught.value) and "Value error" not in str(caught.value)


@pytest.mark.parametrize(
    ("embedder", "told"),
    [
        (
            "{engine: ngram, model: x}",
            "models.embedder.model: unknown key with engine: ngram; engine: transformers would have it "
            "(known here: dimensions, engine)",
        ),
        ("{engine: ngram, dimension: 9}", "models.embedder.dimension: unknown key with engine: ngram; did you mean"),
        ("{engine: transformers, modle: x}", "models.embedder.modle: unknown key with engine: transformers; did you"),
        ("{engine: ngram, dimensions: 1}", "models.embedder.dimensions: Input should be greater"),
    ],
)
def test_a_key_of_another_engine_is_named_as_such_and_no_key_is_its_own_suggestion(
    tmp_path: Path, embedder: str, told: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, f"name: x\n{MODELS}  embedder: {embedder}\n"))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("embedder", "told"),
    [
        ("{ngram: {model: x}}", "models.embedder: it names no engine (known here: ngram, transformers)"),
        ("{engine: ngrm}", "models.embedder: engine 'ngrm' is not known (known here: ngram, transformers)"),
    ],
)
def test_a_missing_or_unknown_engine_is_told_with_the_known_ones(tmp_path: Path, embedder: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, f"name: x\n{MODELS}  embedder: {embedder}\n"))
    assert told in str(caught.value)


def test_an_error_lists_all_problems(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, f"name: x\n{MODELS}frames: {{fsp: 2, short_sid: 3}}\n"))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize("text", ["- a\n", "{", "\x00", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"run\.yaml"):
        load_config(written(tmp_path, text))


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda p: p.stem)
def test_a_saved_configuration_reads_back_unchanged(path: Path) -> None:
    config = load_config(path)
    again = CurateConfig.model_validate_json(config.model_dump_json())
    assert again.model_dump_json() == config.model_dump_json()
    assert repr(again) == repr(config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        load_config(tmp_path / "nowhere.yaml")


def test_overrides_reach_any_depth_and_are_yaml(tmp_path: Path) -> None:
    path = written(tmp_path, f"name: x\n{MODELS}")
    config = load_config(path, ["frames.fps=2", "filters.duration.min=null", "download.subtitles=[en, de]", "name=y"])
    assert config.frames.fps == 2
    assert config.filters.duration.min is None
    assert config.download.subtitles == ("en", "de")
    assert config.name == "y"


@pytest.mark.parametrize("override", ["frames", "=1", "name.x=1", "frames.fps=[", "frames.fsp=1"])
def test_bad_overrides_are_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError):
        load_config(written(tmp_path, f"name: x\n{MODELS}"), [override])


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "a").mkdir()
    config = load_config(written(tmp_path, f"name: x\n{MODELS}sources: [{{at: videos}}, {{at: 'https://x.org/v'}}]\n"))
    assert [spec.at for spec in config.sources] == [str(tmp_path / "videos"), "https://x.org/v"]
    assert config.models.captioner.model == str(tmp_path / "a")
    assert config.models.summarizer.model == "b"


def test_media_path_is_relative_to_the_file_even_when_it_is_not_there(tmp_path: Path) -> None:
    server = "{engine: openai, model: a, base_urls: ['http://127.0.0.1:8000/v1'], images: file, media_path: %s}"
    for given, right in (("pictures", tmp_path / "pictures"), ("~/pictures", Path.home() / "pictures")):
        models = f"models:\n  captioner: {server % given}\n  summarizer: {{model: b}}\n"
        captioner = load_config(written(tmp_path, f"name: x\n{models}")).models.captioner
        assert isinstance(captioner, OpenAIModel) and captioner.media_path == str(right)


def test_prompts_of_ones_own_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.v1.md").write_text("Judge {{ summary }}")
    config = load_config(written(tmp_path, MODELS + "name: n\naudit: {judge_prompt: ./mine.v1.md}\n"))
    assert config.audit.judge_prompt == str(tmp_path / "mine.v1.md")
    with pytest.raises(ConfigError, match=r"nowhere\.md"):
        load_config(written(tmp_path, MODELS + "name: n\naudit: {judge_prompt: ./nowhere.md}\n"))


def test_a_path_that_is_not_there_is_named_with_its_key_and_once(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    for override, key in (
        ("binding.canary_pictures=/none/canaries", "binding.canary_pictures"),
        ("models.clip.model=/none/canaries", "models.clip.model"),
    ):
        path.write_text((ROOT / "configs" / "demo.yaml").read_text().replace("../data", str(ROOT / "data")))
        with pytest.raises(ConfigError) as raised:
            load_config(path, (override,))
        assert str(raised.value) == (
            f"{key}: /none/canaries: there is no such file or folder; correct it, or --set {key}=PATH"
        )
    with pytest.raises(ConfigError, match=r"^sources\.at: /none: .* or give --source$"):
        load_config(path, ("sources=[{at: /none}]",))


def test_the_folder_of_a_run_is_remembered_and_leaves_no_trace(tmp_path: Path) -> None:
    """It starts from the file, need not exist, and is in no saved configuration: workspaces are moved and published."""
    path = written(tmp_path, f"name: demo\n{MODELS}")
    config = load_config(path, ["workspace=runs/a"])
    assert config.workspace == str(tmp_path / "runs" / "a")
    assert run_folder(None, config) == tmp_path / "runs" / "a"
    assert run_folder(Path("/elsewhere"), config) == Path("/elsewhere")
    assert "workspace" not in config.model_dump()
    assert run_folder(None, load_config(path)) == Path("data/runs/demo").resolve()


@pytest.mark.parametrize(
    "text",
    ["a: 2020-99-99", "[" * 5000, "a: !!int x", "a: " + "9" * 5000],
    ids=["date", "nested", "tagged", "long number"],
)
def test_yaml_that_cannot_be_made_values_is_an_error_of_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"c\.yaml: not YAML"):
        load_config(path)
    with pytest.raises(ConfigError, match="not YAML"):
        parse_override(f"run={text.removeprefix('a: ')}")


def test_a_path_that_no_system_can_have_is_no_path_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    for name in ("a" * 3000, "~nobody-of-that-name/x", "/" + "b" * 300, "./" + "c" * 300):
        path.write_text(f"name: films\nmodels: {{captioner: {{engine: local, model: {name}}}}}\n")
        with pytest.raises(ConfigError, match=r"c\.yaml|no such file"):
            load_config(path)
