"""What the stand-in Hub holds: repositories, files, accounts, and its address."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from aiohttp import web

from demo.hub.accounts import Account
from demo.hub.refusals import Refusal
from demo.hub.repository import Repository
from demo.hub.store import ObjectStore


class HubState:
    """The state of a server on `port`. Repositories are in memory, contents below the folder `root`."""

    def __init__(self, root: Path, accounts: Mapping[str, Account], port: int) -> None:
        """Begin without a repository; `accounts` are by token."""
        self.store = ObjectStore(root)
        self.repositories: dict[str, Repository] = {}
        self.accounts = dict(accounts)
        self.port = port
        self.lock = threading.Lock()  # one commit at a time

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def account(self, request: web.Request) -> Account | None:
        """Who asks; None without a token. Raises Refusal for a token that nobody has."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        found = self.accounts.get(token)
        if found is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return found
