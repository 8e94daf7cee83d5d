"""The checks of a speech recogniser for `v2xum doctor`: it gets a second of sound, as a run would send it."""

from __future__ import annotations

import math
import struct

from models.chat import Request
from models.check import Check, fail, ok, warn
from models.servers.failures import RequestFailed
from models.servers.server import Server
from models.servers.speech_wire import SpeechWriter
from models.servers.transport import api_key
from schemas.configuration.model_config import SpeechServer
from schemas.errors import ConfigError
from schemas.kit.wav import RATE, wav_of
from schemas.parts.heard import Heard

_NAME = "models.transcriber"
_LOG = "see the server's log; a run would fail the same way"


async def check_transcriber(config: SpeechServer) -> list[Check]:
    """Check every server of a recogniser: it answers, serves the model, and gives a transcription with times."""
    try:
        key = api_key(config.api_key_env)
    except ConfigError as error:
        return [fail(f"{_NAME}: key", str(error), f"export {config.api_key_env}=KEY-OF-THE-SERVER")]
    checks = []
    if config.revision is None:
        text = "not set: a server does not report its weights, so nobody would notice that they changed"
        checks.append(warn(f"{_NAME}.revision", text, "set it to the commit of the weights (or a date)"))
    for url in config.base_urls:
        server = Server(url, config, key)
        try:
            checks += await _checks(server, config)
        finally:
            await server.close()
    return checks


async def _checks(server: Server, config: SpeechServer) -> list[Check]:
    name = f"{_NAME} at {server.url}"
    problem = await server.check(config.context)
    if problem is not None:
        return [fail(f"{name}: model", problem.text, f"vllm serve {config.model}   (or correct {_NAME}.base_urls)")]
    checks = [ok(f"{name}: model", f"serves {config.model!r}")]
    wire = SpeechWriter(config.model)
    request = Request("", sound=wav_of(_tone()))
    try:
        body = await server.ask(wire.path, wire.body(request), wire.content_type, "v2xum-doctor")
    except RequestFailed as error:
        fix = "serve a model of speech with `POST /v1/audio/transcriptions`" if error.fault.status == 404 else _LOG
        return [*checks, fail(f"{name}: transcription", error.fault.reason, fix)]
    reply, fault = wire.read(body, "", request)
    if reply is None:
        return [*checks, fail(f"{name}: transcription", fault.reason if fault else "", _LOG)]
    heard = Heard.model_validate_json(reply.text)
    found = f"a tone of one second is heard as {len(heard.segments)} segments"
    return [*checks, ok(f"{name}: transcription", f"answered; {found}")]


def _tone() -> bytes:
    """A second of a quiet tone."""
    samples = (round(3000 * math.sin(2 * math.pi * 440 * n / RATE)) for n in range(RATE))
    return b"".join(struct.pack("<h", sample) for sample in samples)
