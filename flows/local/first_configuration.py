"""`v2xum init`: looks at the machine, asks what only a person knows, and writes a first configuration."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from curation.plan.gpus import Gpu, find_gpus
from curation.sources.list_files import HUB, LIST_SUFFIXES
from curation.sources.read import read_sources
from curation.store.files import write_whole
from flows.local.configuration_text import (
    CONFIGURATION,
    SCHEMA,
    Address,
    Answers,
    Setting,
    configuration_text,
    name_of,
    servings,
)
from models.servers.find_servers import FoundServer, find_servers
from models.servers.transport import api_key
from prompts import load
from schemas.configuration.config import CurateConfig, SourceSpec
from schemas.configuration.json_schema import json_schema
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.kit.utf8 import is_utf8, quoted
from schemas.records import Rejection
from schemas.repository import DATA
from schemas.safe_text import clean_text, plain
from schemas.secret_addresses import lacks_secret, without_secrets

Ask = Callable[[str, str], str]
Tell = Callable[[str], None]
_CAPTIONER, _SUMMARIZER = (
    Address("http://127.0.0.1:8000/v1", "captioner"),
    Address("http://127.0.0.1:8100/v1", "summarizer"),
)
_ROWS = 20  # of a list that are looked at
_SEES = ("vl", "vision", "llava", "caption", "gemma-3", "gemma-4", "pixtral", "internvl", "minicpm-v", "moondream")
LANGUAGES = {
    **{"ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English"},
    **{"es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi"},
    **{"hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch"},
    **{"no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish"},
    **{"th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese"},
}


class Wanted(NamedTuple):
    """What the command line says; None, or nothing, for what is to be asked or found."""

    sources: Sequence[str] = ()
    captioner: str | None = None
    captioner_model: str | None = None
    summarizer: str | None = None
    summarizer_model: str | None = None
    title: str | None = None
    licence: str | None = None
    language: str | None = None
    demo_models: bool = False


class Machine(NamedTuple):
    """What was found here. `trouble`: why GPUs could not be looked for, else empty."""

    gpus: Sequence[Gpu]
    servers: Sequence[FoundServer]
    trouble: str = ""


class Made(NamedTuple):
    """The configuration that was written, and how its models run."""

    path: Path
    answers: Answers


def look() -> Machine:
    """The GPUs of this machine, and the servers that answer at the usual ports. It takes two seconds at most."""
    try:
        gpus, trouble = find_gpus(), ""
    except ConfigError as error:
        gpus, trouble = [], str(error)
    return Machine(gpus, find_servers(key=api_key("V2XUM_API_KEY")), trouble)


def first_configuration(
    folder: Path, wanted: Wanted, machine: Machine, *, ask: Ask | None = None, tell: Tell, overwrite: bool = False
) -> Made:
    """Write the configuration and its schema into `folder`, which is made where it is missing.

    `ask(question, default)` is None where nobody can answer: what is not said has its default then. Raises ConfigError
    for a file that exists already (unless `overwrite`), for sources that hold no video, and for what is no address or
    language.
    """
    if not is_utf8(str(folder)) or not str(folder.resolve()).isprintable():
        raise ConfigError(f"{quoted(str(folder))}: choose a folder whose name can be printed")
    _refuse_to_replace(folder / CONFIGURATION, overwrite)
    _refuse_to_replace(folder / SCHEMA, overwrite)
    if wanted.language is not None:
        _known_language(wanted.language)
    sources = _sources(folder, wanted.sources, ask, tell)
    setting, captioner, summarizer = _models(wanted, machine, ask, tell)
    title = _stated("Title of the dataset", wanted.title, ask)
    licence = _stated("Its licence, such as cc-by-4.0", wanted.licence, ask)
    language = _language(wanted.language, ask, tell)
    prompt = f"caption.{language}.md" if language != "en" and setting != "demo" else None
    if prompt is not None:
        _refuse_to_replace(folder / prompt, overwrite)
    answers = Answers(
        name=name_of(folder.resolve().name),
        sources=sources,
        remote=any(_is_remote(text, folder) for text in sources),
        setting=setting,
        captioner=captioner,
        summarizer=summarizer,
        gpus=machine.gpus,
        title=title,
        licence=licence,
        language=language,
        prompt=prompt and f"./{prompt}",
        demo=str(DATA / "demo"),
    )
    folder.mkdir(parents=True, exist_ok=True)
    if prompt is not None:
        text = load("caption.v1").text
        write_whole(folder / prompt, text.replace(" in English", f" in {LANGUAGES[language]}"))
    write_whole(folder / SCHEMA, json.dumps(json_schema(CurateConfig), indent=1, ensure_ascii=False) + "\n")
    write_whole(folder / CONFIGURATION, configuration_text(answers))
    load_config(folder / CONFIGURATION)  # it is said here, not by the next command, if the file were wrong
    return Made(folder / CONFIGURATION, answers)


def _refuse_to_replace(file: Path, overwrite: bool) -> None:
    if not overwrite and os.path.lexists(file):
        raise ConfigError(f"{file} exists already; --overwrite replaces it, or name another folder")


def _sources(folder: Path, given: Sequence[str], ask: Ask | None, tell: Tell) -> tuple[str, ...]:
    """The sources as the file will have them. Whoever is asked may try again; options that are wrong raise."""
    if given or ask is None:
        return tuple(_source(text, folder) for text in given)
    found: list[str] = []
    while text := ask(
        "Videos: a file, folder, list, address or YouTube id" if not found else "More videos (Enter: no more)", ""
    ).strip():
        try:
            found.append(_source(text, folder))
        except ConfigError as error:
            tell(str(error))
    return tuple(found)


def _source(text: str, folder: Path) -> str:
    """One source, looked at: it must give a video, or a row that is told about later. Raises ConfigError.

    A path becomes relative to the configuration's folder where it lies in it, else absolute.
    """
    if not is_utf8(text) or "\0" in text:
        raise ConfigError(f"--source {quoted(text)}: its bytes are not UTF-8; rename the file")
    if without_secrets(text) != text or lacks_secret(text):
        raise ConfigError(
            f"--source {without_secrets(text)}: an address that grants access does not belong here; give "
            "it to `v2xum curate --source`, or put it into a list"
        )
    if text.startswith(HUB):
        return text
    rows = list(islice(read_sources(SourceSpec(at=text), base=Path.cwd()), _ROWS))  # it opens the place as a run does
    if all(isinstance(row, Rejection) for row in rows):
        first = rows[0]
        evidence = first.evidence if isinstance(first, Rejection) else ""
        raise ConfigError(
            f"--source {plain(text)}: none of the first {len(rows)} entries gives a video ({plain(evidence)}); "
            "docs/guides/sources.md says how lists and folders are read"
        )
    path = _existing(text)
    if path is None:
        return text
    inside = folder.resolve()
    return f"./{path.relative_to(inside)}" if path.is_relative_to(inside) and path != inside else str(path)


def _existing(text: str) -> Path | None:
    """The file or folder that a text names, if there is one."""
    try:
        path = Path(text).expanduser().resolve()
        return path if "://" not in text and path.exists() else None
    except (OSError, ValueError, RuntimeError):
        return None  # no file can have such a name


def _is_remote(text: str, folder: Path) -> bool:
    """Whether a source, as the file has it, may need downloads."""
    path = _existing(str(folder / text)) if text.startswith("./") else _existing(text)
    return path is None or path.suffix.lower() in LIST_SUFFIXES


def _models(wanted: Wanted, machine: Machine, ask: Ask | None, tell: Tell) -> tuple[Setting, Address, Address]:
    """How the models run: the demo's tiny ones, servers that were named or found, or servers to be started."""
    if wanted.demo_models:
        return "demo", _CAPTIONER, _SUMMARIZER
    if machine.trouble:
        tell(machine.trouble)
    for gpu in machine.gpus:
        tell(f"found a GPU: {plain(gpu.name)}, {gpu.total:,} MiB")
    for server in machine.servers:
        tell(f"found a server: {server.url} with {plain(', '.join(server.models), 300)}")
    elsewhere = _elsewhere(ask, tell) if wanted.captioner is wanted.summarizer is None and not machine.servers else None
    captioner, summarizer = _named(wanted, machine) or _guessed(machine.servers) or elsewhere or (None, None)
    if captioner is not None and summarizer is not None:
        if ask is not None and wanted.captioner is None and elsewhere is None:
            captioner = _asked("captioner", captioner, ask, tell)
            summarizer = _asked("summarizer", summarizer, ask, tell) if wanted.summarizer is None else summarizer
        return "servers", captioner, summarizer
    if not machine.gpus:
        tell(
            "neither a GPU nor a model server was found. Start a server elsewhere and put its address in the file; or "
            "begin with --demo-models: they run anywhere, and their texts are nonsense"
        )
    return "serve", _CAPTIONER, _SUMMARIZER if servings(machine.gpus)[1] is not None else _CAPTIONER


def _named(wanted: Wanted, machine: Machine) -> tuple[Address, Address] | None:
    """The servers of the options; a name that is not given is that of the server's first model."""
    if wanted.captioner is None and wanted.summarizer is None:
        return None
    known = {server.url: server.models[0] for server in machine.servers}
    first, second = wanted.captioner or wanted.summarizer or "", wanted.summarizer or wanted.captioner or ""
    names = [wanted.captioner_model or known.get(_url(first)), wanted.summarizer_model or known.get(_url(second))]
    if _url(first) == _url(second):  # one server, and one model unless both are named
        names = [names[0] or names[1], wanted.summarizer_model or names[0]]
    return (
        _address("--captioner", first, names[0] or _CAPTIONER.model),
        _address("--summarizer", second, names[1] or _SUMMARIZER.model),
    )


def _guessed(servers: Sequence[FoundServer]) -> tuple[Address, Address] | None:
    """The models that look like captioner and summarizer: of names that say that a model sees, and of the others."""
    every = [Address(server.url, model) for server in servers for model in server.models]
    if not every:
        return None
    seeing = [one for one in every if any(sign in one.model.casefold() for sign in _SEES)]
    captioner = (seeing or every)[0]
    others = [one for one in every if one not in seeing and one != captioner]
    return captioner, (others or [captioner])[0]


def _elsewhere(ask: Ask | None, tell: Tell) -> tuple[Address, Address] | None:
    """Servers of another machine, where a person knows some: captioner and summarizer."""
    if ask is None:
        return None
    question = "A model server elsewhere, as ADDRESS MODEL (Enter: none yet)"
    while text := ask(question, "").split(maxsplit=1):
        try:
            captioner = _address("server", text[0], text[1] if len(text) > 1 else _CAPTIONER.model)
        except ConfigError as error:
            tell(str(error))
            continue
        return captioner, _asked("summarizer", captioner, ask, tell)
    return None


def _asked(role: str, found: Address, ask: Ask, tell: Tell) -> Address:
    while True:
        answer = ask(f"Server of the {role}, as ADDRESS MODEL", f"{found.url} {found.model}").split(maxsplit=1)
        try:
            return _address(role, answer[0], answer[1] if len(answer) > 1 else found.model)
        except (ConfigError, IndexError) as error:
            tell(str(error))


def _address(option: str, url: str, model: str) -> Address:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        good = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
        )
    except ValueError:
        good = False
    if (
        not good
        or not is_utf8(url + model)
        or any(c.isspace() or not c.isprintable() for c in url)
        or not model.strip()
    ):
        raise ConfigError(f"{option} {plain(url)}: give the address of a server, for instance http://127.0.0.1:8000/v1")
    return Address(_url(url), model)


def _url(text: str) -> str:
    """An address as `base_urls` has it: with its scheme, and with the `/v1` at its end."""
    text = (text if "://" in text else f"http://{text}").rstrip("/")
    return text if text.endswith("/v1") or urlsplit(text).path not in ("", "/") else f"{text}/v1"


def _stated(question: str, given: str | None, ask: Ask | None) -> str | None:
    text = given if given is not None else ask(f"{question} (Enter: not stated)", "") if ask is not None else ""
    if not is_utf8(text):
        raise ConfigError(f"{question}: its bytes are not UTF-8")
    return clean_text(text) or None


def _language(given: str | None, ask: Ask | None, tell: Tell) -> str:
    if given is not None or ask is None:
        return _known_language(given or "en")
    while True:
        try:
            return _known_language(ask("Language of captions and summaries", "en").strip())
        except ConfigError as error:
            tell(str(error))


def _known_language(code: str) -> str:
    if code not in LANGUAGES:
        known = ", ".join(sorted(LANGUAGES))
        raise ConfigError(
            f"--language {plain(code)}: known are {known}; for another one, write a prompt of your own and name it in "
            "caption.prompt"
        )
    return code
