"""Builds the command that starts the server of a configured model: vLLM, or the faulty server for a dry run.

The options are those of vLLM 0.24 to 0.33.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ConfigError
from schemas.safe_text import plain_line

ROLES = "captioner, summarizer, judge, or annotators.0 and so on"
Engine = Literal["vllm", "faults"]
# If white space between JSON tokens is allowed, a model may write newlines until its tokens are used up.
STRUCTURED = {"backend": "guidance", "disable_any_whitespace": True}
_CHAT = ("captioner", "summarizer", "annotators", "judge")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYS = {
    "vllm": "VLLM_API_KEY",
    "faults": "V2XUM_FAULTS_API_KEY",
}  # the variables from which the servers read their key


class ServeCommand(NamedTuple):
    """The command of a server: the program with its first arguments, the options, and notes for the user.

    `key` holds two names of variables: the one from which the server reads its key, and the one that holds the key
    here. The key itself is not part of the command. `media_path` is the folder of pictures, if the server reads one.
    """

    program: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    key: tuple[str, str] | None
    notes: tuple[str, ...]
    media_path: Path | None = None

    @property
    def argv(self) -> list[str]:
        """The program and all its arguments."""
        return [*self.program, *(part for option in self.options for part in option)]

    def text(self) -> str:
        """The command for a shell, with each option on a line of its own."""
        prefix = f'{self.key[0]}="${self.key[1]}" ' if self.key is not None else ""
        return " \\\n  ".join([prefix + shlex.join(self.program), *map(shlex.join, self.options)])


def serve_command(config: CurateConfig, role: str, engine: Engine = "vllm", port: int | None = None) -> ServeCommand:
    """The command that serves the model of a role (ROLES). The default of `port` is the port of its first base URL.

    Raises ConfigError when no such model is configured, when it runs in this process, or when it states no port.
    """
    if role.partition(".")[0] not in _CHAT or role == "annotators":
        raise ConfigError(f"{plain_line(role)}: there is no such model; give {ROLES}")
    model = config.models.named().get(role)
    if model is None:
        raise ConfigError(f"models.{plain_line(role)} is not configured: there is nothing to serve")
    if not isinstance(model, OpenAIModel):
        raise ConfigError(
            f"models.{role} has engine local: it runs inside `v2xum curate` and needs no server; "
            f"for a server, set engine: openai, model: NAME and base_urls: [http://127.0.0.1:8000/v1]"
        )
    where = urlsplit(model.base_urls[0])
    number = port or where.port
    if number is None:
        raise ConfigError(f"models.{role}.base_urls[0] names no port ({model.base_urls[0]}): give --port")
    notes = []
    if not _is_here(where.hostname or ""):
        notes.append(
            f"the configuration expects this server on {where.hostname}: start it there, with --host set to an "
            f"address that only your machines reach, and with a key"
        )
    if len(model.base_urls) > 1:
        notes.append(
            f"{len(model.base_urls)} servers are configured: start each, with the --port of its base URL (and its own "
            f"CUDA_VISIBLE_DEVICES)"
        )
    if not _VARIABLE.fullmatch(model.api_key_env):
        raise ConfigError(f"models.{role}.api_key_env: {model.api_key_env!r} cannot be the name of a variable")
    key = (_KEYS[engine], model.api_key_env) if os.environ.get(model.api_key_env) else None
    if engine == "vllm":
        program, options = _vllm(model, role, number, config.caption.pictures)
    else:
        program, options = _faults(model, role, number)
    media = _media_path(model)
    if media is not None and not media.is_dir():
        notes.append(f"make the folder {media} first: vLLM refuses every picture while it is not there")
    return ServeCommand(program, options, key, tuple(notes), media)


def run_command(command: ServeCommand) -> None:
    """Replace this process by the server. Raises ConfigError when its program is not installed."""
    if shutil.which(command.program[0]) is None:
        raise ConfigError(
            f"{command.program[0]!r} is not installed here: install vLLM in an environment of its own "
            "(docs/guides/serving.md) and put that on PATH, or print the command and run it there"
        )
    if command.media_path is not None:
        command.media_path.mkdir(parents=True, exist_ok=True)
    if command.key is not None:
        os.environ[command.key[0]] = os.environ[command.key[1]]
    sys.stdout.flush()
    os.execvp(command.program[0], command.argv)  # noqa: S606 - the server takes this process's place


def _vllm(
    model: OpenAIModel, role: str, port: int, pictures: int
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    serve = model.serve
    weights = serve.weights or model.model
    options: list[tuple[str, ...]] = [
        ("--served-model-name", model.model),
        ("--host", "127.0.0.1"),
        ("--port", str(port)),
        ("--dtype", serve.dtype),
        ("--max-model-len", str(serve.max_model_len)),
        ("--max-num-seqs", str(serve.max_num_seqs)),
        ("--gpu-memory-utilization", f"{serve.gpu_memory:g}"),
    ]
    if model.revision is not None and _COMMIT.fullmatch(model.revision) and not Path(weights).exists():
        options.append(("--revision", model.revision))
    if serve.tensor_parallel > 1:
        options.append(("--tensor-parallel-size", str(serve.tensor_parallel)))
    if serve.data_parallel > 1:
        options.append(("--data-parallel-size", str(serve.data_parallel)))
    if role == "captioner":
        # Each frame is sent once: a cache of prepared pictures would only use memory, and forbids several renderers.
        options += [
            ("--limit-mm-per-prompt", json.dumps({"image": pictures, "video": 0}, separators=(",", ":"))),
            ("--mm-processor-cache-gb", "0"),
            ("--renderer-num-workers", "2"),
        ]
        if (media := _media_path(model)) is not None:
            options.append(("--allowed-local-media-path", str(media)))
    options += [
        ("--structured-outputs-config", json.dumps(STRUCTURED, separators=(",", ":"))),
        ("--generation-config", "vllm"),
        ("--enable-prefix-caching",),
        ("--enable-request-id-headers",),
        ("--no-enable-log-requests",),
    ]
    for part in serve.extra:
        if options and len(options[-1]) == 1 and options[-1][0] in serve.extra and not part.startswith("-"):
            options[-1] += (part,)  # an option's value, on its line
        else:
            options.append((part,))
    return ("vllm", "serve", weights), tuple(options)


def _faults(model: OpenAIModel, _role: str, port: int) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    options: list[tuple[str, ...]] = [
        ("--model", model.model),
        ("--port", str(port)),
        ("--max-model-len", str(model.serve.max_model_len)),
        ("--capacity", "8"),
        ("--latency", "0.2"),
        ("--rate-limit", "0.02"),
        ("--server-error", "0.02"),
        ("--drop-inside", "0.01"),
    ]
    if (media := _media_path(model)) is not None:
        options.append(("--media-path", str(media)))
    return (sys.executable, "-m", "demo.faulty_server"), tuple(options)


def _media_path(model: OpenAIModel) -> Path | None:
    """The folder from which the server reads pictures, if they are sent as files."""
    if model.images != "file" or model.media_path is None:
        return None
    return Path(model.media_path).expanduser().resolve()


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
