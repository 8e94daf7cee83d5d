"""The `openai` engine of speech recognition: a recogniser behind servers with `POST /v1/audio/transcriptions`.

It is asked as chat models are (models/chat.py), so that limits, retries, servers that go away and the cache of replies
are the same: a request has a piece of sound, and the text of a reply is a `Heard` as JSON.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence

from models.chat import Arrived, Reply, Request
from models.identity import UNSTATED, speech_sampling
from models.meter import Meter
from models.servers.engine import Engine
from models.servers.speech_wire import SpeechWriter
from models.servers.transport import api_key
from schemas.configuration.model_config import SpeechServer
from schemas.errors import RunStopped

_MOST_UNANSWERED = 32  # pieces in a row, after which the server and no video is to blame


class RemoteTranscriber:
    """A speech recogniser behind one or several servers. Threads may share it. Close it after use."""

    whole_batches = False
    context = 0

    def __init__(self, config: SpeechServer, meter: Meter, raise_if_stopped: Callable[[], None]) -> None:
        """Connect to the servers and check that they serve the model; wait for servers that have not started yet.

        `raise_if_stopped` is called while anything waits, and may raise RunStopped. Raises ConfigError for a wrong
        name, key or address, ServerGone when no server came within `patience`.
        """
        self.name = config.model
        self.revision = config.revision or UNSTATED
        self.sampling = speech_sampling(config)
        self.batch = config.batch
        self._raise_if_stopped = raise_if_stopped
        self._unanswered = 0
        self._lock = threading.Lock()
        self._engine = Engine(config, api_key(config.api_key_env), meter, SpeechWriter(config.model))
        self._closing = weakref.finalize(self, self._engine.stop)
        try:
            self._engine.wait_ready(raise_if_stopped)
        except BaseException:
            self.close()
            raise

    def count_tokens(self, text: str) -> int:
        """No token: what is asked is sound."""
        return 0

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """What is heard in every piece, in order.

        Raises RunStopped (from `raise_if_stopped`, ServerGone, or when many pieces in a row got no answer, which no
        video can be blamed for), and ConfigError for a key that is not accepted.
        """
        if not requests:
            return []
        replies = self._engine.answers(requests, [()] * len(requests), self._raise_if_stopped, arrived)
        with self._lock:
            for reply in replies:
                self._unanswered = self._unanswered + 1 if reply.finish == "failed" else 0
            silent = self._unanswered >= _MOST_UNANSWERED
        if silent:
            raise RunStopped(
                f"model {self.name!r} gave no answer to the last {self._unanswered} pieces of sound: "
                f"{replies[-1].text}; see the log of its server, and run the same command again"
            )
        return replies

    def close(self) -> None:
        """Cancel the requests that are under way and close the connections. Later calls raise RunStopped."""
        self._closing()
