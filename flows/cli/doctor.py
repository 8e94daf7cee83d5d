"""Runs all checks of `v2xum doctor` and prints them on the terminal or as JSON."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from curation.plan.doctor import (
    check_decoders,
    check_disk,
    check_downloader,
    check_gpus,
    check_memory,
    check_open_files,
    check_store,
    needs,
)
from flows.cli.app import print_json
from flows.prometheus import ADDRESS, require_port
from models.check import Check, fail, ok, warn
from models.checks import (
    check_clip,
    check_embedder,
    check_extractor,
    check_faces,
    check_local,
    check_nudity,
    check_reader,
    check_voice,
    check_whisper,
)
from models.servers.checks import check_server
from models.servers.speech_checks import check_transcriber
from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import LocalModel, LocalWhisper, OpenAIModel
from schemas.errors import ConfigError
from schemas.safe_text import plain, plain_line

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def examine(config: CurateConfig, config_path: Path, workspace: Path, as_json: bool) -> bool:
    """Run all checks, print them, and return whether none failed.

    Raises PromptError, and the errors of broken imports.
    """
    checks = [
        *check_decoders(config.frames.backend),
        *check_downloader(),
        *check_disk(config, workspace),
        *check_store(config),
        check_memory(config),
        *check_gpus(),
        check_open_files(config),
        *check_port(config.run.metrics_port),
        *asyncio.run(check_models(config, config_path)),
    ]
    good = all(check.status != "fail" for check in checks)
    if as_json:
        cleaned = [{name: plain_line(text) for name, text in check._asdict().items()} for check in checks]
        print_json({"ok": good, "checks": cleaned})
    else:
        show(checks, Console(highlight=False, soft_wrap=True))
    return good


async def check_models(config: CurateConfig, config_path: Path) -> list[Check]:
    """The checks of every configured model; servers are checked one after the other."""
    checks: list[Check] = []
    for role, need in needs(config).items():
        model = config.models.named()[role]
        if isinstance(model, LocalModel):
            checks += check_local(role, model)
        if not isinstance(model, OpenAIModel):
            continue
        if model.revision is None:
            text = "not set: a server does not report its weights, so nobody would notice that they changed"
            fix = f"set models.{role}.revision to the commit of the weights (or a date)"
            checks.append(warn(f"models.{role}.revision", text, fix))
        for url in model.base_urls:
            port = urlsplit(url).port
            start = f"v2xum serve {role} {shlex.quote(str(config_path))} --port {port or 8000} --run"
            checks += await check_server(role, model, url, need, start)
    checks += check_embedder(config.models.embedder)
    if config.models.clip is not None:
        checks += check_clip(config.models.clip)
    if config.models.extractor is not None:
        checks += check_extractor(config.models.extractor, config.frames.fps, config.transcribe.mode != "disable")
    if config.transcribe.voice == "silero":
        checks.append(check_voice())
    if config.models.reader is not None:
        checks += check_reader(config.models.reader)
    if config.models.faces is not None:
        checks += check_faces(config.models.faces)
    if config.models.nudity is not None:
        checks += check_nudity(config.models.nudity)
    recogniser = config.models.transcriber
    if isinstance(recogniser, LocalWhisper):
        checks += check_whisper(recogniser)
    elif recogniser is not None:
        checks += await check_transcriber(recogniser)
    return checks


def check_port(port: int | None) -> list[Check]:
    """Check that a run can serve its metrics on this port of the loopback address; no check without a port."""
    if port is None:
        return []
    name = "run.metrics_port"
    try:
        require_port(port)
    except ConfigError as error:
        return [fail(name, str(error).removeprefix(f"{name}: "), f"set {name} to a free port")]
    return [ok(name, f"{ADDRESS}:{port} is free")]


def show(checks: list[Check], console: Console) -> None:
    """Print a line for each check with its fix below, and a last line with the number of each status."""
    for check in checks:
        line = Text(f"{check.status:5}", style=_STYLES[check.status])
        line.append(f"{plain(check.name)}  ", style="bold").append(plain(check.found, 500), style="default")
        console.print(line)
        if check.fix:
            console.print(Text(f"      fix: {plain(check.fix, 500)}"))
    counts = {status: sum(check.status == status for check in checks) for status in _STYLES}
    console.print(f"\n{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed")
