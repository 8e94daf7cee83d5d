"""Our Label Studio may send requests to one more address than Label Studio's default allows, and only on request."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.access import new_access
from annotation.label_studio.allowed_addresses import HOOK_HOST, REFUSED, WEBHOOKS, webhook_environment
from annotation.label_studio.server import environment
from schemas.errors import ConfigError

ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.ip_addresses(network="127.0.0.0/8"),
    st.sampled_from([ipaddress.IPv4Address(HOOK_HOST) + step for step in (-1, 0, 1)]),
    st.sampled_from(REFUSED).flatmap(lambda network: st.ip_addresses(network=network)),
)


@given(address=ADDRESSES)
def test_our_label_studio_may_reach_one_more_address_than_its_default(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WEBHOOKS, "1")
        variables = webhook_environment()
    ours = variables["LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    refused, before = ([address in ipaddress.ip_network(one) for one in nets] for nets in (ours, REFUSED))
    assert any(refused) == (any(before) and str(address) != HOOK_HOST)
    assert variables["LABEL_STUDIO_SSRF_PROTECTION_ENABLED"] == "true"


def test_it_may_reach_that_address_only_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = new_access("http://127.0.0.1:8080")
    monkeypatch.setenv("USER_ADDITIONAL_BANNED_SUBNETS", "8.8.8.0/24")
    monkeypatch.setenv("LABEL_STUDIO_SSRF_PROTECTION_ENABLED", "false")
    for wish in ("", "0", "no"):
        monkeypatch.setenv(WEBHOOKS, wish)
        assert not [name for name in environment(tmp_path, access) if "SSRF" in name or "DEFAULT_BANNED" in name]
    monkeypatch.setenv(WEBHOOKS, "yes")
    variables = environment(tmp_path, access)
    assert variables["LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"].endswith(",8.8.8.0/24")
    monkeypatch.setenv(WEBHOOKS, "perhaps")
    with pytest.raises(ConfigError, match=WEBHOOKS):
        environment(tmp_path, access)
