"""Which addresses our own Label Studio may send requests to: all that it allows by itself, and one of this machine.

Label Studio refuses to send a webhook to a loopback or private address (SSRF). Were that switched off, every user could
have it fetch what services of this machine and its network answer, by importing a task from their address. So it stays
on; its list of refused networks is given anew, with a hole of one address in it, where `v2xum review listen` listens.
"""

from __future__ import annotations

import ipaddress
import os
import sys

from schemas.errors import ConfigError

WEBHOOKS = "V2XUM_LABEL_STUDIO_WEBHOOKS"
# Linux has all of 127.0.0.0/8 for itself. What listens on 127.0.0.1 alone, as most services do, stays refused there.
HOOK_HOST = "127.86.50.88" if sys.platform == "linux" else "127.0.0.1"
_LOOPBACK = "127.0.0.0/8"
# Label Studio's own list (core/utils/io.py, validate_ip); a test compares it with that of the pinned version.
REFUSED = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", _LOOPBACK, "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
    *("224.0.0.0/4", "233.252.0.0/24", "240.0.0.0/4", "255.255.255.255/32", "::/128", "::1/128", "::ffff:0:0/96"),
    *("::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001:0000::/32", "2001:20::/28"),
    *("2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8"),
)


def webhook_environment() -> dict[str, str]:
    """Label Studio's variables that let it reach HOOK_HOST, when V2XUM_LABEL_STUDIO_WEBHOOKS asks for that; else none.

    Raises ConfigError for a value that is neither yes nor no.
    """
    wish = os.environ.get(WEBHOOKS, "").strip().lower()
    if wish in ("", "0", "false", "no"):
        return {}
    if wish not in ("1", "true", "yes"):
        raise ConfigError(f"{WEBHOOKS}: neither 1 nor 0")
    more = os.environ.get("USER_ADDITIONAL_BANNED_SUBNETS", "")
    return {
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED": "true",
        "LABEL_STUDIO_USE_DEFAULT_BANNED_SUBNETS": "false",
        "LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS": ",".join([*_refused(), *filter(None, more.split(","))]),
    }


def _refused() -> list[str]:
    """The list without our address: the rest of 127.0.0.0/8 is the 24 networks around it."""
    around = ipaddress.IPv4Network(_LOOPBACK).address_exclude(ipaddress.IPv4Network(HOOK_HOST))
    return [*(network for network in REFUSED if network != _LOOPBACK), *map(str, sorted(around))]
