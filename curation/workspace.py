"""A workspace: one folder that holds a run's ledger, store, exports and resolved configuration, and can be moved."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from filelock import FileLock, Timeout

from curation.ledger.claims import SECONDS, Claim
from curation.ledger.databases import copy_ledger, has_ledger, open_ledger
from curation.ledger.holding.heartbeat import Heartbeat
from curation.ledger.holding.run_claim import run_claim
from curation.ledger.ledger import Ledger
from curation.store.files import hold_folder, make_private, write_whole
from curation.store.place import borrowed_store, settle_store, store_of
from curation.store.store import Store
from schemas.configuration.config import CurateConfig
from schemas.configuration.store_config import StoreConfig
from schemas.errors import ConfigError, LedgerDamaged, WorkspaceBusy
from schemas.secret_addresses import hide_secrets

_CONFIG = "config.json"
_INNER = "workspace"
_EXPORTED = "export/manifest.json"
_LOOKED_AT, _NAMED = 200, 5
_ASKED = 0.05  # seconds, in which a command that only asks who holds a folder is done
_PRIVATE = (_CONFIG, "ledger.sqlite*", "prefect", "review/*.key")  # files, and a folder that nobody else may enter


class Workspace:
    """Paths of a workspace, and the objects that live in it."""

    def __init__(self, root: Path) -> None:
        """Name the folder. It is not created yet."""
        self.root = root
        self._held: Heartbeat | None = None

    @property
    def export(self) -> Path:
        """The folder of the exported dataset."""
        return self.root / "export"

    @property
    def exists(self) -> bool:
        """Whether a run was ever started here."""
        return has_ledger(self.root)

    def find(self) -> Workspace | None:
        """This workspace, else the one in its folder `workspace`, as `make demo` makes it; None where there is none."""
        inner = Workspace(self.root / _INNER)
        return self if self.exists else inner if inner.exists else None

    def require(self) -> Workspace:
        """As `find`; raises ConfigError when there is no workspace."""
        found = self.find()
        if found is None and self.root.exists() and not self.root.is_dir():
            raise ConfigError(f"{self.root} is a file; name the folder that `v2xum curate` worked in")
        if found is None:
            below = ", ".join(str(place.root) for place in self._below())
            way = f"below it: {below}" if below else f"`v2xum curate CONFIG --workspace {self.root}` makes one"
            raise ConfigError(f"{self.root}: no workspace here; {way}")
        return found

    def _below(self) -> list[Workspace]:
        """The first workspaces in the folders of this one, by name."""
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        return [place for folder in folders[:_LOOKED_AT] if (place := Workspace(folder).find())][:_NAMED]

    def ledger(self) -> Ledger:
        """Open the ledger: a file of the workspace, or where V2XUM_LEDGER says. Raises ConfigError as `open_ledger`.

        In PostgreSQL a ledger that is opened while this object holds the lock is written under the lock's claim.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        ledger = open_ledger(self.root, fence=self.claim)
        # Addresses and titles of the user's videos, and what annotators wrote. Earlier versions let everybody read it.
        make_private(*(path for pattern in _PRIVATE for path in self.root.glob(pattern)))
        return ledger

    @property
    def claim(self) -> Claim | None:
        """The claim of the lock that this object holds; None without one, and where the ledger is a file."""
        return self._held.claim if self._held is not None else None

    def require_claim(self) -> None:
        """Raise ClaimLost once the claim of the lock is lost, so that no more work is done in vain."""
        if self._held is not None:
            self._held.require()

    def store(self) -> Store:
        """Open the store: a folder of the workspace, or the address that its last run had. Raises ConfigError."""
        return store_of(self.root)

    def settle_store(self, config: StoreConfig) -> None:
        """Make a configuration's store that of the workspace, whose lock is held. Raises as `place.settle_store`."""
        settle_store(self.root, config)

    @contextmanager
    def to_read(self, *, always_borrow: bool = False) -> Iterator[Workspace]:
        """This workspace, for a command that only reads; one that is borrowed where this user may not write to it.

        `always_borrow`: borrow it in any case. Nothing is written here then: the ledger, as it is now, is copied to a
        temporary folder, and the store is read from here. Messages name this workspace. Raises OSError.
        """
        if not always_borrow and self._may_write():
            yield self
            return
        with TemporaryDirectory(prefix="v2xum-") as folder:
            borrowed = _Borrowed(Path(folder), self.root)
            copy_ledger(self.root, borrowed.root)
            for name in (_CONFIG, _EXPORTED):
                if (self.root / name).is_file():
                    write_whole(borrowed.root / name, (self.root / name).read_bytes(), private=True)
            try:
                yield borrowed
            except (ConfigError, LedgerDamaged) as error:
                raise type(error)(str(error).replace(folder, str(self.root))) from error

    def _may_write(self) -> bool:
        files = [self.root, *self.root.glob("ledger.sqlite*")]
        return all(os.access(file, os.W_OK | (os.X_OK if file.is_dir() else 0)) for file in files)

    @contextmanager
    def lock(self, seconds: float = SECONDS) -> Iterator[None]:
        """Hold the workspace alone. Raises WorkspaceBusy at once when another process holds it.

        The operating system releases the lock when the process ends, however it ends. Two things are locked: the file
        `lock`, which earlier versions know too, and the folder itself, which nobody can delete while a run writes
        into it. A ledger in PostgreSQL is claimed besides, against other machines, for `seconds` after each renewal.
        Raises ConfigError and LedgerDamaged as `open_claims`.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.root / "lock", timeout=0)
        with ExitStack() as held:
            try:
                held.enter_context(lock)
                busy = not held.enter_context(hold_folder(self.root))
                if busy:
                    time.sleep(_ASKED)
                    busy = not held.enter_context(hold_folder(self.root))
            except Timeout:
                busy = True
            if busy:
                raise WorkspaceBusy(
                    f"{self.root}: another run holds this workspace; wait for it, stop it, or use another --workspace"
                )
            self._held = held.enter_context(run_claim(self.root, seconds))
            try:
                yield
            finally:
                self._held = None

    def save_config(self, config: CurateConfig) -> None:
        """Write the resolved configuration into the workspace."""
        write_whole(self.root / _CONFIG, config.model_dump_json(indent=2) + "\n", durable=True, private=True)

    def saved_config(self) -> dict[str, Any]:
        """The configuration of the last run as a plain document; empty when it cannot be read."""
        try:
            saved = json.loads((self.root / _CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return saved if isinstance(saved, dict) else {}

    def config(self) -> CurateConfig:
        """The configuration of the last run. Raises ConfigError when it is missing or of another version."""
        path = self.root / _CONFIG
        try:
            return CurateConfig.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(
                f"{path} is missing. Copy the whole folder of a workspace; or `v2xum curate CONFIG --workspace "
                f"{self.root}` writes it, with the configuration of the last run"
            ) from error
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: not a configuration of this version: {hide_secrets(str(error))}") from error


class _Borrowed(Workspace):
    """A workspace in a temporary folder that reads the store of another one."""

    def __init__(self, root: Path, lender: Path) -> None:
        super().__init__(root)
        self._lender = lender

    def store(self) -> Store:
        """Open the store: the lender's to read, an own one to write."""
        return borrowed_store(self._lender, self.root)
