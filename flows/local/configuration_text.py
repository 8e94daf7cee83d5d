"""The text of a newcomer's first configuration: commented YAML, made from answers. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import yaml

from curation.plan.gpus import Gpu
from schemas.safe_text import plain

CONFIGURATION, SCHEMA = "v2xum.yaml", "v2xum.schema.json"
Setting = Literal["servers", "serve", "demo"]
_LEAST_ONE, _LEAST_TWO = 20_000, 40_000  # MiB of a GPU for one model of 8 billion parameters, and for two servers
_LEAST_SMALL = 11_000


class Address(NamedTuple):
    """A model behind a server: the address, which ends in `/v1`, and the name under which the server knows it."""

    url: str
    model: str


class Answers(NamedTuple):
    """What a configuration is made of.

    `sources` as the file will have them, `remote` whether one of them may be downloaded; `setting`: servers that run
    already, servers that `v2xum serve` starts, or the tiny models of the demo; `gpus` decide the weights that
    `v2xum serve` loads; `demo` is the folder of the demo.
    """

    name: str
    sources: Sequence[str]
    remote: bool
    setting: Setting
    captioner: Address
    summarizer: Address
    gpus: Sequence[Gpu] = ()
    title: str | None = None
    licence: str | None = None
    language: str = "en"
    prompt: str | None = None
    demo: str = ""


class Serving(NamedTuple):
    """The weights of a server that `v2xum serve` starts, and how much it may use."""

    weights: str
    max_model_len: int
    gpu_memory: float
    max_num_seqs: int


def name_of(folder: str) -> str:
    """The name of a dataset in a folder of this name: its letters, digits, dots and hyphens; `dataset` without any."""
    plain_letters = unicodedata.normalize("NFKD", folder).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain_letters).strip("._-")[:64].rstrip("._-") or "dataset"


def servings(gpus: Sequence[Gpu]) -> tuple[Serving, Serving | None]:
    """What to serve on these GPUs: captioner and summarizer; None for a summarizer that is the captioner's server.

    The models are those of docs/guides/serving.md. On two GPUs each has one; on a large one they share it.
    """
    largest = sorted((gpu.total for gpu in gpus), reverse=True)
    first = largest[0] if largest else _LEAST_TWO
    captioner = "Qwen/Qwen3-VL-8B-Instruct"
    if len(largest) > 1 and largest[1] >= _LEAST_ONE:
        return Serving(captioner, 4096, 0.9, 256), Serving("Qwen/Qwen3-8B", 16384, 0.9, 64)
    if first >= _LEAST_TWO:
        return Serving(captioner, 4096, 0.55, 256), Serving("Qwen/Qwen3-4B-Instruct-2507", 32768, 0.35, 64)
    if first >= _LEAST_ONE:
        return Serving(captioner, 16384, 0.9, 64), None
    small = "Qwen/Qwen3-VL-4B-Instruct" if first >= _LEAST_SMALL else "Qwen/Qwen3-VL-2B-Instruct"
    return Serving(small, 8192, 0.9, 32), None


def configuration_text(answers: Answers) -> str:
    """The whole file. Every text from outside is a quoted YAML scalar; comments hold none."""
    return "\n".join(_lines(answers)) + "\n"


def _lines(answers: Answers) -> Iterator[str]:
    yield f"# yaml-language-server: $schema=./{SCHEMA}"
    yield "# Made by `v2xum init`. A key that is left out has its default; see docs/guides/starting.md."
    yield f"name: {_scalar(answers.name)}"
    yield "# The folder for everything that a run makes, beside this file. `--workspace` names another one."
    yield "workspace: workspace"
    yield "# Files, folders, lists (.csv .tsv .jsonl .parquet .txt), addresses, YouTube ids, hf://datasets/OWNER/NAME."
    if answers.sources:
        yield "sources:"
        yield from (f"  - at: {_scalar(source)}" for source in answers.sources)
    else:
        yield "sources: []  # or give --source to each command"
    yield "filters:"
    yield "  # Seconds. Shorter and longer videos are refused; the published recipe has 40 to 940."
    yield "  duration: {min: 40, max: 940}"
    if answers.remote:
        yield "# Seconds between two downloads from one host: YouTube tolerates 12 of a guest (300 videos an hour)."
        yield "download: {pace: 12}"
    yield from _demo_models(answers) if answers.setting == "demo" else _models(answers)
    if answers.language != "en" and answers.setting != "demo":
        yield "# The language of the texts (ISO 639). A caption prompt asks for one language: this is a copy for yours."
        yield f"caption: {{language: {_scalar(answers.language)}, prompt: {_scalar(answers.prompt or 'caption.v1')}}}"
        yield f"refine: {{language: {_scalar(answers.language)}}}"
    yield "# What the dataset's card states. Only you know it: without it the card says that it is not stated."
    yield "export:"
    yield from _stated("title", answers.title, "My films")
    yield from _stated("licence", answers.licence, "cc-by-4.0")


def _stated(key: str, value: str | None, example: str) -> Iterator[str]:
    yield f"  {key}: {_scalar(value)}" if value else f"  {key}: null  # for instance: {example}"


def _models(answers: Answers) -> Iterator[str]:
    captioner, summarizer = answers.captioner, answers.summarizer
    made: tuple[Serving | None, Serving | None] = (None, None)
    if answers.setting == "serve":
        made = servings(answers.gpus)
        yield "# `v2xum serve captioner CONFIG --run` starts a server with these weights (docs/guides/serving.md)."
    yield "models:"
    yield "  captioner:"
    yield from _server(captioner, made[0])
    yield "  summarizer:"
    if captioner.url == summarizer.url:
        yield "    # The same server writes the summaries."
    yield from _server(summarizer, made[1] if captioner.url != summarizer.url else made[0])
    yield "  # These two run in this process. They are fetched from the Hugging Face Hub at the first run."
    yield "  embedder: {engine: transformers, model: sentence-transformers/all-MiniLM-L6-v2}"
    yield "  clip: {engine: transformers, model: openai/clip-vit-base-patch32}"


def _server(address: Address, serving: Serving | None) -> Iterator[str]:
    yield "    engine: openai"
    yield f"    model: {_scalar(address.model)}  # the name under which the server knows it"
    yield f"    base_urls: [{_scalar(address.url)}]  # several addresses are replicas"
    yield "    # revision: COMMIT  # of the weights: servers do not report it, and it is part of every row's provenance"
    if serving is not None:
        yield (
            f"    serve: {{weights: {serving.weights}, max_model_len: {serving.max_model_len}, "
            f"gpu_memory: {serving.gpu_memory:g}, max_num_seqs: {serving.max_num_seqs}}}"
        )


def _demo_models(answers: Answers) -> Iterator[str]:
    folder = answers.demo
    yield "# The tiny models of the demo, to see the whole way without a GPU. They know its films only: their texts"
    yield "# about yours are nonsense. Put real models in their place (docs/guides/serving.md) before you use one."
    yield "models:"
    yield f"  captioner: {{engine: local, model: {_scalar(f'{folder}/captioner')}}}"
    yield f"  summarizer: {{engine: local, model: {_scalar(f'{folder}/summarizer')}}}"
    yield f"  clip: {{engine: transformers, model: {_scalar(f'{folder}/clip')}}}"
    yield "caption: {prompt: caption-tiny.v1, max_tokens: 48}"
    yield "extract: {prompt: extract-tiny.v1, window_frames: 4, ratio_max: 1.0, max_tokens: 64}"
    yield "refine: {prompt: refine-tiny.v1, lines: 1, max_tokens: 192, similarity: 0.99, window_seconds: 3}"
    yield "binding: {mode: score-only}  # these captions fit no frame of yours, which would stop the run"
    yield "audit: {refuse_below: null, review_below: null}  # and their summaries would be refused"


def _scalar(value: str) -> str:
    """A text as one quoted YAML scalar on one line, whatever is in it."""
    # Anything else is escaped, also what only changes the order of letters, and a soft hyphen.
    shown = value.isprintable() and plain(value, len(value)) == value
    return yaml.safe_dump(value, default_style='"', width=float("inf"), allow_unicode=shown).removesuffix("\n")
