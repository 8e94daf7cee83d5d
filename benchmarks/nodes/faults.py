"""The faults that `make chaos` makes, each by its name; what ended is started again, what was changed is put back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from benchmarks.nodes.machines import Machine
from benchmarks.nodes.setup import Site

_AWAY = 6.0  # seconds for which a server does not answer, or a disk is full


class Faults:
    """Faults on the nodes of a site."""

    def __init__(self, here: Site, nodes: int, chance: random.Random, claim: float) -> None:
        """Add the nodes; `chance` decides which of them a fault is about. `claim`: run.claim_seconds."""
        self._here, self._chance, self._claim = here, chance, claim
        self.nodes = [here.add() for _ in range(nodes)]

    @property
    def kinds(self) -> dict[str, Callable[[Machine, subprocess.Popen[str]], None]]:
        """The faults by name: each is told a node, and the driver."""
        return {
            "worker": lambda node, _: self._signal(node, "WorkerActor", signal.SIGKILL),
            "node": lambda node, _: self._restart(node, self._claim),
            "cut": lambda node, _: self._cut(node),
            "sleep": lambda node, _: self._sleep(node),
            "database": lambda _node, _: self._database(),
            "store": lambda _node, _: self._stop(self._here.s3),
            "model": lambda node, _: self._stop(self._here.models[node.name]),
            "driver": lambda _node, driver: driver.kill(),
            "disk": lambda node, _: self._fill(node),
            "corrupt": lambda node, _: self._corrupt(node),
            "head": lambda _node, _: self._head(),
        }

    def make(self, kind: str, driver: subprocess.Popen[str]) -> None:
        """Make a fault. Raises KeyError for an unknown one."""
        self.kinds[kind](self._chance.choice(self.nodes), driver)

    def _signal(self, node: Machine, words: str, number: signal.Signals) -> None:
        """Send a signal to the processes of a node that have the words in their command line."""
        for process in node.processes():
            with suppress(OSError):
                if words.encode() in Path(f"/proc/{process}/cmdline").read_bytes():
                    os.kill(process, number)

    def _restart(self, node: Machine, seconds: float) -> None:
        node.power_off()
        time.sleep(seconds)
        self._here.add(node)

    def _cut(self, node: Machine) -> None:
        node.link(up=False)
        time.sleep(3 * self._claim)
        node.link(up=True)
        time.sleep(self._claim)  # its workers find that their claims are gone
        self._restart(node, 0)

    def _sleep(self, node: Machine) -> None:
        self._signal(node, "WorkerActor", signal.SIGSTOP)
        time.sleep(3 * self._claim)
        self._signal(node, "WorkerActor", signal.SIGCONT)

    def _database(self) -> None:
        """No connection lives, and none is taken for some time."""
        name = self._here.server.database
        self._here.ask(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false', "template1")
        ending = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        self._here.ask(ending, "template1")
        time.sleep(_AWAY)
        self._here.ask(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true', "template1")

    def _stop(self, process: subprocess.Popen[str]) -> None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(_AWAY)
        process.send_signal(signal.SIGCONT)

    def _fill(self, node: Machine) -> None:
        """Fill the node's disk, which is small, for some time."""
        filler = node.home / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as stream:
            while True:
                stream.write(bytes(1 << 16))
        time.sleep(_AWAY)
        filler.unlink(missing_ok=True)

    def _corrupt(self, node: Machine) -> None:
        """Change a byte of a video or a picture in the node's cache."""
        with suppress(OSError, IndexError):  # a folder of pictures may go while it is read; there may be no file yet
            files = sorted(_files(node.home / ".cache" / "v2xum" / "nodes"))
            with self._chance.choice(files).open("r+b") as stream:
                stream.seek(0, os.SEEK_END)
                stream.seek(stream.tell() // 2)
                byte = stream.read(1)
                stream.seek(-1, os.SEEK_CUR)
                stream.write(bytes([byte[0] ^ 0xFF]))

    def _head(self) -> None:
        """End Ray on the head, and so the cluster; start the cluster again.

        Ray looks at all processes of the machine for one that belongs to its address, so the nodes end before it.
        """
        for words in ("gcs_server", "raylet", "WorkerActor"):
            self._signal(self._here.made.head, words, signal.SIGKILL)
        time.sleep(self._claim)
        for node in self.nodes:
            node.power_off()
        self._here.made.start_ray(self._here.environment, self._here.made.head)
        for node in self.nodes:
            self._here.add(node)


def _files(folder: Path) -> Iterable[Path]:
    """The videos and pictures below a node's cache."""
    return (file for file in folder.rglob("*") if file.suffix in (".jpg", ".mp4") and file.is_file())
