"""What a run on several nodes needs, checked before anything is opened: all that is missing is named at once."""

from __future__ import annotations

import importlib.util
import os
from typing import NamedTuple

from curation.ledger.databases import LEDGER
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError

_ADDRESS = "HOST:PORT, as `ray start --head` prints it"
_OPEN_TO_ALL = (
    "Ray listens on every interface, and whoever reaches it may run anything. Set RAY_AUTH_MODE=token and "
    "RAY_AUTH_TOKEN_PATH before `ray start` on every node, and here"
)


class Head(NamedTuple):
    """The address of a Ray cluster."""

    host: str
    port: int


def head_of(address: str) -> Head:
    """The host and the port of an address, where Ray may be asked at all.

    Raises ConfigError for what is no address, without Ray, and where Ray's commands need no token.
    """
    faults = _faults_of_ray(address)
    if faults:
        raise ConfigError(f"run.engine: ray: {'; '.join(faults)}")
    host, _, port = address.rpartition(":")
    return Head(host, int(port))


def require_cluster(config: CurateConfig) -> None:
    """Raise ConfigError where `run.engine` is ray and something is missing for it; the message names all of it."""
    if config.run.engine != "ray":
        return
    address = config.run.ray_address
    faults = [f"run.ray_address is missing: {_ADDRESS}"] if address is None else _faults_of_ray(address)
    if not os.environ.get(LEDGER, "").strip():
        faults.append(f"no ledger that all nodes reach: set {LEDGER}=postgresql://USER:PASSWORD@HOST/NAME")
    if config.store.address is None:
        faults.append("no store that all nodes reach: set store.address, such as s3://BUCKET/FOLDER")
    if faults:
        raise ConfigError(f"run.engine: ray: {'; '.join(faults)}. `v2xum cluster CONFIG` prints every step")


def _faults_of_ray(address: str) -> list[str]:
    host, _, port = address.rpartition(":")
    faults = []
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        faults.append(f"run.ray_address {address!r} is not an address; give {_ADDRESS}")
    if importlib.util.find_spec("ray") is None:
        faults.append("Ray is missing: pip install -e '.[cluster]' on every node")
    if os.environ.get("RAY_AUTH_MODE") != "token":
        faults.append(_OPEN_TO_ALL)
    return faults
