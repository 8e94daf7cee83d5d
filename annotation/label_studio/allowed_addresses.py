"""Addresses to which our own Label Studio may send requests: those of its default, and one address of this machine.

Label Studio refuses to send a webhook to a loopback or private address, as a protection against server-side request
forgery (SSRF). Without that protection every user could read the services of this machine and of its network, by
importing a task from their address. So the protection stays on. We only replace Label Studio's list of refused networks
by the same list without one address, at which `v2xum review listen` listens.
"""

from __future__ import annotations

import ipaddress
import os
import sys

from schemas.errors import ConfigError

WEBHOOKS = "V2XUM_LABEL_STUDIO_WEBHOOKS"
# On Linux all of 127.0.0.0/8 belongs to this machine, so the address can be one where no other service listens: most
# services listen on 127.0.0.1 alone, which stays refused.
HOOK_HOST = "127.86.50.88" if sys.platform == "linux" else "127.0.0.1"
_LOOPBACK = "127.0.0.0/8"
# Label Studio's own list (core/utils/io.py, validate_ip). A test compares it with the list of the pinned version.
REFUSED = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", _LOOPBACK, "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "233.252.0.0/24", "240.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "::ffff:0:0/96"),
    *("::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001:0000::/32", "2001:20::/28"),
    *("2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"),
)


def webhook_environment() -> dict[str, str]:
    """Environment variables that let Label Studio send to HOOK_HOST; none unless V2XUM_LABEL_STUDIO_WEBHOOKS is 1.

    Raises ConfigError when the variable has neither a yes value (1, true, yes) nor a no value (0, false, no, empty).
    """
    wish = os.environ.get(WEBHOOKS, "").strip().lower()
    if wish in ("", "0", "false", "no"):
        return {}
    if wish not in ("1", "true", "yes"):
        raise ConfigError(f"{WEBHOOKS}: the value must be 1 or 0")
    more = os.environ.get("USER_ADDITIONAL_BANNED_SUBNETS", "")
    return {
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "true",
        "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS": "false",
        "LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS": ",".join([*_refused(), *filter(None, more.split(","))]),
    }


def _refused() -> list[str]:
    """The list without HOOK_HOST: the 24 networks that make up the rest of 127.0.0.0/8 replace 127.0.0.0/8."""
    around = ipaddress.IPv4Network(_LOOPBACK).address_exclude(ipaddress.IPv4Network(HOOK_HOST))
    return [*(network for network in REFUSED if network != _LOOPBACK), *map(str, sorted(around))]
