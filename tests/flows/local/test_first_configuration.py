"""A first configuration loads as it is written, whatever folders, titles and servers are called."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from curation.plan.gpus import Gpu
from flows.local.configuration_text import (
    CONFIGURATION,
    SCHEMA,
    Address,
    Answers,
    configuration_text,
    name_of,
    servings,
)
from flows.local.first_configuration import Machine, Made, Wanted, first_configuration
from models.servers.find_servers import FoundServer, find_servers
from prompts import load
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.configuration.model_config import LocalModel, OpenAIModel
from schemas.errors import ConfigError

NOTHING, ASKED = Machine((), ()), Wanted()
SERVERS = (FoundServer("http://127.0.0.1:1234/v1", ("some-text-model", "Qwen3-VL-8B")),)


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "one.mp4").write_bytes(b"not opened")
    monkeypatch.chdir(tmp_path)
    return folder


def made(folder: Path, wanted: Wanted = ASKED, machine: Machine = NOTHING, said: list[str] | None = None) -> Made:
    return first_configuration(folder, wanted, machine, tell=(said if said is not None else []).append)


def config_of(result: Made) -> CurateConfig:
    return load_config(result.path)


@example(title="0", model="\xad", folder="")
@given(title=st.text(min_size=1), model=st.text(st.characters(codec="utf-8"), min_size=1), folder=st.text(max_size=80))
def test_any_text_is_one_value_of_the_file(title: str, model: str, folder: str) -> None:
    title, here = title.encode("utf-8", "replace").decode(), Address("http://127.0.0.1:8000/v1", model)
    answers = Answers(name_of(folder), (title,), True, "servers", here, here, title=title, licence=title)
    text = configuration_text(answers)
    config = CurateConfig.model_validate(yaml.safe_load(text))
    assert (config.export.title, config.export.licence, config.sources[0].at) == (title, title, title)
    assert isinstance(config.models.captioner, OpenAIModel) and config.models.captioner.model == model
    lines = text.splitlines()
    assert lines[0] == f"# yaml-language-server: $schema=./{SCHEMA}" and all(line.isprintable() for line in lines)


def test_what_is_written_loads_beside_a_schema_that_it_fits(films: Path, tmp_path: Path) -> None:
    folder = tmp_path / 'né "x": #'
    inside = folder / "mine"
    inside.mkdir(parents=True)
    (inside / "two.mp4").write_bytes(b"")
    result = made(
        folder, Wanted((str(films), str(inside), "dQw4w9WgXcQ"), title=" A\ttitle\x1b[31m ", licence="cc0-1.0")
    )
    config = config_of(result)
    assert config.workspace == str(folder / "workspace") and config.name == "ne-x"
    assert [source.at for source in config.sources] == [str(films), str(inside), "dQw4w9WgXcQ"]
    assert (config.export.title, config.export.licence) == ("A title[31m", "cc0-1.0")
    assert config.download.pace == 12  # one of them is downloaded
    schema = json.loads((folder / SCHEMA).read_text())
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(result.path.read_text()))


def test_nothing_is_replaced_unless_it_is_said(films: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / CONFIGURATION).symlink_to(tmp_path / "lost")
    with pytest.raises(ConfigError, match="exists already; --overwrite"):
        made(tmp_path / "new")
    assert not (tmp_path / "lost").exists() and not (tmp_path / "new" / SCHEMA).exists()
    first_configuration(tmp_path / "new", Wanted(), NOTHING, tell=print, overwrite=True)
    assert load_config(tmp_path / "new" / CONFIGURATION).name == "new"


def test_servers_that_run_are_used_by_what_their_models_look_like(films: Path, tmp_path: Path) -> None:
    said: list[str] = []
    models = config_of(made(tmp_path / "a", machine=Machine((), SERVERS), said=said)).models
    assert isinstance(models.captioner, OpenAIModel) and isinstance(models.summarizer, OpenAIModel)
    assert (models.captioner.model, models.summarizer.model) == ("Qwen3-VL-8B", "some-text-model")
    assert said == ["found a server: http://127.0.0.1:1234/v1 with some-text-model, Qwen3-VL-8B"]
    wanted = Wanted(captioner="10.0.0.7:9000", captioner_model="m")
    models = config_of(made(tmp_path / "b", wanted, Machine((), SERVERS))).models
    assert isinstance(models.captioner, OpenAIModel) and models.captioner.base_urls == ("http://10.0.0.7:9000/v1",)
    assert models.summarizer == models.captioner
    with pytest.raises(ConfigError, match="give the address of a server"):
        made(tmp_path / "c", Wanted(captioner="http://u:p@h/v1"))


def test_a_machine_with_nothing_is_told_so_and_the_tiny_models_run_anywhere(films: Path, tmp_path: Path) -> None:
    said: list[str] = []
    made(tmp_path / "a", said=said)
    assert "neither a GPU nor a model server" in said[0] and "--demo-models" in said[0]
    models = config_of(made(tmp_path / "b", Wanted(demo_models=True))).models
    assert isinstance(models.captioner, LocalModel) and Path(models.captioner.model).is_dir()


@pytest.mark.parametrize(
    ("memory", "weights", "alone"),
    [
        ((143_771,), "Qwen/Qwen3-VL-8B-Instruct", False),
        ((24_576,), "Qwen/Qwen3-VL-8B-Instruct", True),
        ((12_288,), "Qwen/Qwen3-VL-4B-Instruct", True),
        ((8_192, 8_192), "Qwen/Qwen3-VL-2B-Instruct", True),
        ((24_576, 24_576), "Qwen/Qwen3-VL-8B-Instruct", False),
    ],
)
def test_what_is_served_fits_the_card(
    memory: tuple[int, ...], weights: str, alone: bool, films: Path, tmp_path: Path
) -> None:
    gpus = tuple(Gpu("card", total, total, "1") for total in memory)
    captioner, summarizer = servings(gpus)
    assert captioner.weights == weights and (summarizer is None) == alone
    models = config_of(made(tmp_path / "a", machine=Machine(gpus, ()))).models
    assert isinstance(models.captioner, OpenAIModel) and isinstance(models.summarizer, OpenAIModel)
    assert models.captioner.serve.weights == weights
    assert (models.captioner == models.summarizer) == alone


def test_another_language_gets_a_prompt_that_asks_for_it(films: Path, tmp_path: Path) -> None:
    config = config_of(made(tmp_path / "a", Wanted(language="de")))
    assert (config.caption.language, config.refine.language) == ("de", "de")
    assert "one sentence in German," in load(config.caption.prompt).text
    with pytest.raises(ConfigError, match="--language xx: known are ar, bn"):
        made(tmp_path / "b", Wanted(language="xx"))


def test_sources_that_give_no_video_are_told_at_once(films: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("title,url\nfirst,\nsecond,\n")
    for text, words in (
        ("empty", "there is no video in 'empty'"),
        ("list.csv", "none of the first 2 entries gives a video"),
        ("no/such/file.mp4", "no file"),
        ("https://h.example/a.mp4?token=abc", "grants access"),
    ):
        with pytest.raises(ConfigError, match=words):
            made(tmp_path / "new", Wanted((text,)))
    assert not (tmp_path / "new").exists()


def test_whoever_is_asked_may_try_again(films: Path, tmp_path: Path) -> None:
    answers = iter(["empty", "films", "", "ftp://x m", "127.0.0.1:9 my model", "", "T", "", "english", "en"])
    asked, said = [], list[str]()

    def ask(question: str, default: str) -> str:
        asked.append(question)
        return next(answers) or default

    result = first_configuration(tmp_path / "new", Wanted(), Machine((), SERVERS), ask=ask, tell=said.append)
    config = config_of(result)
    assert [source.at for source in config.sources] == [str(films)] and config.export.title == "T"
    assert isinstance(config.models.captioner, OpenAIModel)
    assert (config.models.captioner.base_urls, config.models.captioner.model) == (
        ("http://127.0.0.1:9/v1",),
        "my model",
    )
    assert len(asked) == 10 and config.export.licence is None


def test_a_server_elsewhere_is_asked_for_where_none_is_found(films: Path, tmp_path: Path) -> None:
    def made_with(name: str, *given: str) -> CurateConfig:
        answers = iter(["", *given, "", "", ""])

        def ask(question: str, default: str) -> str:
            return next(answers) or default

        said: list[str] = []
        return config_of(first_configuration(tmp_path / name, Wanted(), NOTHING, ask=ask, tell=said.append))

    models = made_with("a", "http://", "10.0.0.7:8000 vlm", "10.0.0.8:8000 llm").models
    assert isinstance(models.captioner, OpenAIModel) and isinstance(models.summarizer, OpenAIModel)
    assert (models.captioner.base_urls, models.captioner.model) == (("http://10.0.0.7:8000/v1",), "vlm")
    assert (models.summarizer.base_urls, models.summarizer.model) == (("http://10.0.0.8:8000/v1",), "llm")
    models = made_with("b", "").models
    assert isinstance(models.captioner, OpenAIModel) and models.captioner.base_urls == ("http://127.0.0.1:8000/v1",)


class _Answers(http.server.BaseHTTPRequestHandler):
    def __init__(self, body: bytes, *rest: object) -> None:
        self.body = body
        super().__init__(*rest)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body if self.path == "/v1/models" else b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ports() -> Iterator[list[int]]:
    """Three servers: one with a model, one whose names are hostile, one that answers nonsense."""
    bodies = [b'{"data": [{"id": "llava"}]}', b'{"data": [{"id": "a\\u001b[31m"}, {"id": 7}]}', b'["data"]']
    servers = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Answers, body)) for body in bodies]
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,)) for server in servers]
    for thread in threads:
        thread.start()
    yield [server.server_address[1] for server in servers]
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


def test_servers_are_found_by_the_list_of_their_models(ports: list[int]) -> None:
    assert find_servers([9, *ports]) == [FoundServer(f"http://127.0.0.1:{ports[0]}/v1", ("llava",))]
