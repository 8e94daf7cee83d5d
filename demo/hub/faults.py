"""The faults of the stand-in Hub: rules that say which requests fail, how often, and how."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["drop", "drop_after", "half", "status"]


@dataclass
class Fault:
    """What happens to requests whose `METHOD PATH` matches `request`: the first `times` of them after `skip`.

    - `drop`: the connection ends, and nothing was done; `drop_after`: it ends when the work is done.
    - `half`: the connection ends in the middle of the answer's body.
    - `status`: an answer with `status`, after `headers`, and nothing was done.
    """

    request: str
    kind: Kind = "drop"
    times: int = 1
    skip: int = 0
    status: int = 503
    message: str = "Service unavailable"
    code: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Faults:
    """The rules of a server; they may be changed while it runs."""

    def __init__(self) -> None:
        """Begin without a fault."""
        self._rules: list[Fault] = []
        self._lock = threading.Lock()

    def set(self, *rules: Fault) -> None:
        """Replace all rules."""
        with self._lock:
            self._rules = list(rules)

    def draw(self, request: str) -> Fault | None:
        """The fault that this request meets, which is used up by it."""
        with self._lock:
            for rule in self._rules:
                if rule.times and re.search(rule.request, request):
                    if rule.skip:
                        rule.skip -= 1
                        continue
                    rule.times -= 1
                    return rule
        return None
