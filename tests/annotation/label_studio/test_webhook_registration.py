from __future__ import annotations

import ipaddress

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.allowed_addresses import HOOK_HOST
from annotation.label_studio.webhook_registration import hook_address
from schemas.errors import ConfigError


def test_the_listening_host_and_its_public_address() -> None:
    local, remote = Access(url="http://localhost:8080", token="x"), Access(url="https://labels.example.org", token="x")
    assert hook_address(local, None) == (HOOK_HOST, None)
    assert ipaddress.ip_address(HOOK_HOST).is_loopback
    assert hook_address(remote, "https://hooks.example.org/a/") == ("127.0.0.1", "https://hooks.example.org/a")
    with pytest.raises(ConfigError, match="--host-url"):
        hook_address(remote, None)
    for wrong in ("hooks.example.org", "ftp://x", "https://", "https://u:p@x", "https://x?a", "http://[", "http://x:x"):
        with pytest.raises(ConfigError, match="--host-url"):
            hook_address(local, wrong)
