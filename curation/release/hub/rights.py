"""Whether a token may publish, found out before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.release.hub.client import HubRepository
from curation.release.hub.trouble import LOGIN
from schemas.errors import ConfigError

_MAY_WRITE = ("admin", "write", "contributor")


def raise_if_no_right(repository: HubRepository) -> Any:
    """The repository's settings, None where it does not exist yet. Raises ConfigError when the token may not write.

    A repository that exists is asked; for a new one, role and scopes of the token must allow to make it.
    """
    owner = repository.whoami()
    name, role, token = _text(owner.get("name")), *_role(owner)
    if role == "read":
        raise ConfigError(f"the token of {name} may only read, so it cannot publish to {repository.name}: {LOGIN}")
    found = repository.info()
    if found is not None:
        repository.raise_if_not_writable()
        return found
    namespace = repository.name.split("/")[0]
    orgs = {_text(org.get("name")): _text(org.get("roleInOrg")) for org in owner.get("orgs") or ()}
    if namespace != name and orgs.get(namespace) not in _MAY_WRITE:
        there = ", ".join([name, *(org for org, its in orgs.items() if its in _MAY_WRITE)])
        raise ConfigError(
            f"there is no dataset {repository.name}, or the token may not see it, and {name} may not make one under "
            f"{namespace} (only under {there}): look at the name, or take another token"
        )
    if role == "fineGrained" and not _is_allowed(token, namespace, repository.name):
        raise ConfigError(
            f"there is no dataset {repository.name} yet, and the fine-grained token of {name} may not make one: give "
            f"it write access to the repositories of {namespace}, or make the dataset and give it access to that"
        )
    return None


def _role(owner: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    token = (owner.get("auth") or {}).get("accessToken") or {}
    return _text(token.get("role")), token.get("fineGrained") or {}


def _is_allowed(token: Mapping[str, Any], namespace: str, name: str) -> bool:
    """Whether a scope of a fine-grained token gives write access to the namespace or the repository."""
    scopes = [
        scope for scope in token.get("scoped") or () if (scope.get("entity") or {}).get("name") in (namespace, name)
    ]
    return any("repo.write" in (scope.get("permissions") or ()) for scope in scopes)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
