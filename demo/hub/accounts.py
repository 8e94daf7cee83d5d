"""Who asks the stand-in Hub: tokens, their roles, and what they may do with a repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from demo.hub.refusals import Refusal, no_repository
from demo.hub.repository import Repository

WRITE_TOKEN, READ_TOKEN = "hf_standInWrite", "hf_standInRead"


class Account(NamedTuple):
    """The owner of a token. `orgs` maps organisations to the owner's role in them (admin, write, contributor, read).

    `scopes` are those of a fine-grained token: namespaces or repositories, each with its permissions.
    """

    name: str
    role: Literal["read", "write", "fineGrained"] = "write"
    orgs: Mapping[str, str] = {}
    scopes: Mapping[str, tuple[str, ...]] = {}

    def document(self) -> dict[str, Any]:
        """What `/api/whoami-v2` says."""
        token: dict[str, Any] = {"displayName": "stand-in", "role": self.role}
        if self.role == "fineGrained":
            scoped = [
                {
                    "entity": {"_id": "0", "type": "dataset" if "/" in name else "user", "name": name},
                    "permissions": list(may),
                }
                for name, may in self.scopes.items()
            ]
            token["fineGrained"] = {"global": [], "canReadGatedRepos": True, "scoped": scoped}
        return {
            "type": "user",
            "id": "0",
            "name": self.name,
            "orgs": [{"type": "org", "id": "0", "name": name, "roleInOrg": role} for name, role in self.orgs.items()],
            "auth": {"type": "access_token", "accessToken": token},
        }

    def may_write(self, namespace: str, repository: str | None = None) -> bool:
        """Whether this token may write to a namespace, or to one of its repositories."""
        if self.role == "read":
            return False
        owned = namespace == self.name or self.orgs.get(namespace) in ("admin", "write", "contributor")
        if self.role == "fineGrained":
            named = self.scopes.get(namespace, ()) + self.scopes.get(f"{namespace}/{repository}", ())
            return owned and "repo.write" in named
        return owned


DEFAULT_ACCOUNTS: Mapping[str, Account] = {
    WRITE_TOKEN: Account("me", "write", {"our-lab": "write", "their-lab": "read"}),
    READ_TOKEN: Account("me", "read"),
}


def raise_if_hidden(repository: Repository | None, account: Account | None) -> Repository:
    """The repository, if the account may know of it. Raises Refusal."""
    if repository is None:
        raise no_repository()
    namespace = repository.id.split("/")[0]
    member = account is not None and (account.name == namespace or namespace in account.orgs)
    if repository.private and not member:
        raise no_repository()
    return repository


def raise_if_gated(repository: Repository, account: Account | None) -> None:
    """Raise Refusal when the files of a gated repository are asked for by somebody who did not ask for access."""
    if repository.gated and (account is None or account.name != repository.id.split("/")[0]):
        raise Refusal(403 if account else 401, "Access to this dataset is restricted", "GatedRepo")


def raise_if_not_writable(repository: Repository, account: Account | None) -> None:
    """Raise Refusal when the account may not write to the repository."""
    if account is None:
        raise Refusal(401, "Invalid username or password.")
    namespace, _, name = repository.id.partition("/")
    if not account.may_write(namespace, name):
        raise Refusal(403, "You don't have the rights to write to this repository")
