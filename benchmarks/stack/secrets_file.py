"""The passwords and keys of a stack: random, new at each start, and kept in a file that its owner alone reads."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from annotation.label_studio.access import write_secret

FILE = "passwords.env"


class Secrets(NamedTuple):
    """What the parts of a stack ask each other for. PostgreSQL's and Label Studio's are made where these start."""

    prefect: str  # USER:PASSWORD
    model: str
    store: str

    @classmethod
    def new(cls) -> Secrets:
        """Random ones."""
        return cls(f"v2xum:{secrets.token_hex(16)}", secrets.token_hex(16), secrets.token_hex(20))


def write_environment(folder: Path, variables: Mapping[str, str]) -> Path:
    """Write a file for a shell (`. FILE`) that exports the variables, mode 0600. Returns its path."""
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    write_secret(folder / FILE, "".join(lines))
    return folder / FILE
