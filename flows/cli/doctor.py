"""`v2xum doctor`: every check of this machine and of the configured models, on the terminal or as JSON."""

from __future__ import annotations

import asyncio
import json
import shlex
import socket
import sys
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from curation.plan.doctor import check_decoders, check_disk, check_downloader, check_memory, needs
from flows.prometheus import ADDRESS
from models.checks import Check, check_clip, check_embedder, check_local, fail, ok, warn
from models.servers.checks import check_server
from schemas.config import CurateConfig
from schemas.model_config import OpenAIModel
from schemas.safe_text import plain, plain_line

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def examine(config: CurateConfig, config_path: Path, workspace: Path, as_json: bool) -> bool:
    """Run all checks and print them; whether nothing failed. Raises PromptError, and what a broken import raises."""
    found = [
        *check_decoders(config.frames.backend),
        *check_downloader(),
        *check_disk(config, workspace),
        check_memory(config),
        *check_port(config.run.metrics_port),
        *asyncio.run(check_models(config, config_path)),
    ]
    good = all(check.status != "fail" for check in found)
    if as_json:
        cleaned = [{name: plain_line(text) for name, text in check._asdict().items()} for check in found]
        sys.stdout.write(json.dumps({"ok": good, "checks": cleaned}, ensure_ascii=False) + "\n")
    else:
        show(found, Console(highlight=False, soft_wrap=True))
    return good


async def check_models(config: CurateConfig, config_path: Path) -> list[Check]:
    """The checks of every configured model; servers are asked one after the other."""
    found: list[Check] = []
    for role, need in needs(config).items():
        model = getattr(config.models, role)
        if not isinstance(model, OpenAIModel):
            found += check_local(role, model)
            continue
        if model.revision is None:
            text = "not set: a server does not tell which weights it has, so a change of them goes unnoticed"
            fix = f"set models.{role}.revision to the commit of the weights (or a date)"
            found.append(warn(f"models.{role}.revision", text, fix))
        for url in model.base_urls:
            port = urlsplit(url).port
            start = f"v2xum serve {role} {shlex.quote(str(config_path))} --port {port or 8000} --run"
            found += await check_server(role, model, url, need, start)
    found += check_embedder(config.models.embedder)
    if config.models.clip is not None:
        found += check_clip(config.models.clip)
    return found


def check_port(port: int | None) -> list[Check]:
    """Whether a run's metrics can be served on this port of the loopback address."""
    if port is None:
        return []
    name = "run.metrics_port"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server of the metrics does
        try:
            probe.bind((ADDRESS, port))
            probe.listen(1)
        except OSError as error:
            found = f"{ADDRESS}:{port} cannot be listened on ({error.strerror})"
            return [fail(name, found, f"set {name} to a free port")]
    return [ok(name, f"{ADDRESS}:{port} is free")]


def show(found: list[Check], console: Console) -> None:
    """A line a check, its fix below it; at the end how many of each."""
    for check in found:
        line = Text(f"{check.status:5}", style=_STYLES[check.status])
        line.append(f"{plain(check.name)}  ", style="bold").append(plain(check.found, 500), style="default")
        console.print(line)
        if check.fix:
            console.print(Text(f"      fix: {plain(check.fix, 500)}"))
    counts = {status: sum(check.status == status for check in found) for status in _STYLES}
    console.print(f"\n{counts['ok']} ok, {counts['warn']} to look at, {counts['fail']} failed")
