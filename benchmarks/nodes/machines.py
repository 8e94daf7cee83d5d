"""Several machines on this one: network namespaces with an address each, and a Ray cluster over them.

Ray listens on every interface of its machine. In a namespace of its own nobody else reaches it. Its processes are found
by their namespace and ended there: `ray stop` would end every Ray of the machine.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.repository import ROOT

_PORT = 6379
# What a user's shell may say of their own servers: nothing here may reach them.
_KEPT = "V2XUM_LABEL_STUDIO_VENV"
_DROPPED = ("V2XUM_", "PREFECT_", "AWS_", "RAY_", "HF_TOKEN", "GOOGLE_", "AZURE_")
_MEMORY = 80_000_000  # bytes of Ray's object store: nothing goes through it


class Machine:
    """A namespace with an address in the network 10.77.0.0/24."""

    def __init__(self, name: str, number: int, home: Path) -> None:
        self.name, self.number, self.home = name, number, home
        self.address = f"10.77.0.{number}"

    def command(self, *words: object) -> list[str]:
        """A command that runs on this machine."""
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def processes(self) -> list[int]:
        """The ids of all its processes."""
        done = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False)
        return [int(word) for word in done.stdout.split()]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to every process of the machine."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def power_off(self) -> None:
        """End all processes of the machine, at once."""
        for _ in range(50):
            if not self.processes():
                return
            self.signal(signal.SIGKILL)
            time.sleep(0.05)

    def link(self, *, up: bool) -> None:
        """Plug the machine's cable in, or pull it out."""
        _run("ip", "-n", self.name, "link", "set", "eth0", "up" if up else "down")


class Machines:
    """The machines, the first of which is Ray's head, and the environment in which Ray runs on them."""

    def __init__(self, folder: Path, prefix: str, disk: int) -> None:
        self.folder, self._prefix, self._disk = folder, prefix, disk
        (folder / "token").write_text(secrets.token_hex(32))
        (folder / "token").chmod(0o600)
        self.environment = {
            **{name: value for name, value in os.environ.items() if name == _KEPT or not name.startswith(_DROPPED)},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_health_check_initial_delay_ms": "1000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_timeout_ms": "2000",
            "RAY_health_check_failure_threshold": "3",
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "",
            "OMP_NUM_THREADS": "1",
        }
        self.machines: list[Machine] = []
        self.head = self._add()

    @property
    def address(self) -> str:
        """The address of the cluster."""
        return f"{self.head.address}:{_PORT}"

    def _add(self) -> Machine:
        number = len(self.machines) + 1
        machine = Machine(f"{self._prefix}{number}", number, self.folder / f"home{number}")
        machine.home.mkdir()
        if number > 1 and self._disk:
            _run("mount", "-t", "tmpfs", "-o", f"size={self._disk}", "v2xum", str(machine.home))
        _run("ip", "netns", "add", machine.name)
        self.machines.append(machine)
        _run("ip", "-n", machine.name, "link", "set", "lo", "up")
        if number == 1:
            _run("ip", "-n", machine.name, "link", "add", "switch", "type", "bridge")
            _run("ip", "-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", "switch")
            _run("ip", "-n", machine.name, "link", "set", "switch", "up")
            return machine
        port, head = f"port{number}", self.head.name
        _run("ip", "-n", head, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", machine.name)
        _run("ip", "-n", head, "link", "set", port, "master", "switch", "up")
        _run("ip", "-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", "eth0")
        machine.link(up=True)
        return machine

    def start(
        self, machine: Machine, *words: object, environment: Mapping[str, str] = MappingProxyType({}), **given: Any
    ) -> subprocess.Popen[str]:
        """Run Python on a machine, silently unless `given` (for subprocess.Popen) says otherwise."""
        return subprocess.Popen(
            machine.command(sys.executable, *words),
            cwd=ROOT,
            env={**self.environment, **environment, "HOME": str(machine.home)},
            text=True,
            **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **given},
        )

    def start_ray(self, environment: Mapping[str, str], machine: Machine | None = None) -> Machine:
        """Start Ray on a machine, by default on a new one, with this in its environment."""
        machine = machine or self._add()
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start"]
        role = (
            ["--head", f"--port={_PORT}", "--include-dashboard=false", f"--temp-dir={self.folder / 'ray'}"]
            if machine is self.head
            else [f"--address={self.address}"]
        )
        words = [
            *ray,
            *role,
            f"--node-ip-address={machine.address}",
            "--num-cpus=1",
            f"--object-store-memory={_MEMORY}",
        ]
        for last in (False, False, True):
            done = subprocess.run(
                machine.command(*words),
                env={**self.environment, **environment, "HOME": str(machine.home)},
                cwd=ROOT, capture_output=True, text=True, timeout=180, check=False,
            )  # fmt: skip
            if done.returncode == 0 or last or machine is self.head:
                break
            machine.power_off()  # Ray's processes waited too long for each other, on a busy machine
        assert done.returncode == 0, done.stdout + done.stderr
        return machine

    def close(self) -> None:
        """End every process on every machine, and remove the machines."""
        for machine in self.machines:
            machine.power_off()
            if machine is not self.head and self._disk:
                _run("umount", "--lazy", str(machine.home))
            _run("ip", "netns", "del", machine.name)


def why_not() -> str | None:
    """Why no machines can be made here; None where they can."""
    if importlib.util.find_spec("ray") is None:
        return "Ray is missing; install the extra `cluster`"
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces need root and iproute2"
    name = f"v2xum-{secrets.token_hex(3)}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"no network namespaces here: {tried.stderr.strip()}"
    _run("ip", "netns", "del", name)
    return None


@contextmanager
def machines(prefix: str = "v2xum", disk: int = 0) -> Iterator[Machines]:
    """A head without Ray yet; names of namespaces begin with `prefix`.

    The home of every other machine is a disk of `disk` bytes (0: a folder). Raises AssertionError where none can be
    made.
    """
    with ExitStack() as closing:
        # Ray's sockets lie below: their paths may have 107 characters.
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="v2xum-", ignore_cleanup_errors=True)))
        made = Machines(folder, f"{prefix}-{secrets.token_hex(3)}-", disk)
        closing.callback(made.close)
        yield made


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
