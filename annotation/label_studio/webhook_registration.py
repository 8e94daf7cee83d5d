"""Registers the review's webhook with a project on the server, updates it and removes it.

A project has one such webhook, which is recognised by the path of its address.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from annotation.label_studio.access import URL, Access
from annotation.label_studio.allowed_addresses import HOOK_HOST, WEBHOOKS
from annotation.label_studio.client import LabelStudio, Webhook
from annotation.label_studio.http import Denied
from annotation.label_studio.project import find_project
from annotation.label_studio.webhook import HEADER, PATH
from schemas.errors import ConfigError

ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED")


def hook_address(access: Access, host_url: str | None) -> tuple[str, str | None]:
    """The host to listen on, and the server's address of it: None when the server is on this machine.

    `host_url`: the address of a proxy before this machine, for a server elsewhere. Raises ConfigError when it is not an
    address, or when it is missing although the server is not on this machine.
    """
    if host_url is None:
        if urlsplit(access.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise ConfigError(f"{URL} is on another machine: --host-url must give the address of this one")
        return HOOK_HOST, None
    try:
        parts = urlsplit(host_url)
        good = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment or parts.username is not None:
        raise ConfigError("--host-url: not an address that takes requests; an example is https://hooks.example.org")
    return "127.0.0.1", host_url.rstrip("/")


def register(access: Access, title: str, url: str, secret: str) -> None:
    """Let the project of this title send its webhook to `url`, with `secret` in a header.

    A webhook that this program made earlier is changed, and further ones are removed. The program knows its webhooks by
    their address, which ends with PATH on any host. Raises ConfigError when there is no such project, or when Label
    Studio refuses to send to this address.
    """
    with LabelStudio(access) as server:
        server.check()
        own = find_project(server, title)
        if own is None:
            raise ConfigError(f"{access.url}: it has no project {title!r}; `v2xum review push` makes the project")
        number = own.project.id
        ours = [hook for hook in server.webhooks(number) if _is_ours(hook)]
        fields = {
            "url": url,
            "headers": {HEADER: secret},
            "actions": ACTIONS,
            "send_payload": False,
            "send_for_all_actions": False,
            "is_active": True,
        }
        try:
            server.save_webhook(ours[0].id if ours else None, number, **fields)
        except Denied as error:
            raise ConfigError(
                f"{access.url}: Label Studio does not send to {url} (or the token's user may not change webhooks): "
                f"start the workspace's own server by `{WEBHOOKS}=1 v2xum review serve`; for another server, give "
                "--host-url"
            ) from error
        for hook in ours[1:]:
            server.delete_webhook(hook.id)


def unregister(access: Access, title: str, url: str) -> None:
    """Remove our webhook to this address; no error when the webhook or the whole project is gone already."""
    with LabelStudio(access) as server:
        own = find_project(server, title)
        for hook in server.webhooks(own.project.id) if own is not None else []:
            if hook.url == url:
                server.delete_webhook(hook.id)


def _is_ours(hook: Webhook) -> bool:
    return urlsplit(hook.url).path.endswith(PATH)
