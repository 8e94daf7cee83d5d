"""The project's webhook on the server: made, brought up to date, taken back; one a project, found again by its path."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from annotation.label_studio.access import URL, Access
from annotation.label_studio.allowed_addresses import HOOK_HOST, WEBHOOKS
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.http import Denied
from annotation.label_studio.project import find_project
from annotation.label_studio.webhook import HEADER, PATH
from schemas.errors import ConfigError

ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")


def hook_address(access: Access, host_url: str | None) -> tuple[str, str | None]:
    """Where to listen, and what a server elsewhere calls that place: None when it is on this machine.

    Raises ConfigError for a `host_url` that is no address, and without one for a server that is not on this machine.
    """
    if host_url is None:
        if urlsplit(access.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ConfigError(f"{URL} is another machine's: --host-url has to say how it reaches this one")
        return HOOK_HOST, None
    try:
        parts = urlsplit(host_url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError("--host-url: not an address that can be sent to; it looks like https://hooks.example.org")
    return "127.0.0.1", host_url.rstrip("/")


def register(access: Access, title: str, url: str, secret: str) -> None:
    """Have the project of this title ring at an address; a hook of ours that it has already is brought up to date.

    Ours are those to PATH, wherever. Raises ConfigError when there is no such project, or when Label Studio does not
    send to this address.
    """
    with LabelStudio(access) as server:
        server.check()
        marked = find_project(server, title)
        if marked is None:
            raise ConfigError(f"{access.url}: no project {title!r} there; `v2xum review push` makes it")
        number = marked.project.id
        ours = [hook for hook in server.webhooks(number) if _is_ours(hook)]
        fields = {
            "project": number,
            "url": url,
            "headers": {HEADER: secret},
            "actions": ACTIONS,
            "send_payload": False,
            "send_for_all_actions": False,
            "is_active": True,
        }
        try:
            server.save_webhook(ours[0]["id"] if ours else None, **fields)
        except Denied as error:
            raise ConfigError(
                f"{access.url}: Label Studio does not send to {url} (or the token's user may not change webhooks): "
                f"start the workspace's own server by `{WEBHOOKS}=1 v2xum review serve`; for another one, --host-url"
            ) from error
        for hook in ours[1:]:
            server.delete_webhook(hook["id"])


def unregister(access: Access, title: str, url: str) -> None:
    """Take our hook to this address back; one that is gone already, with its project or without, is no error."""
    with LabelStudio(access) as server:
        marked = find_project(server, title)
        for hook in server.webhooks(marked.project.id) if marked is not None else []:
            if hook.get("url") == url:
                server.delete_webhook(hook["id"])


def _is_ours(hook: dict[str, Any]) -> bool:
    return urlsplit(str(hook.get("url"))).path.endswith(PATH)
