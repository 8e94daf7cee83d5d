"""Addresses have one canonical form, and only the public internet may be contacted unless the rest is allowed."""

import ipaddress
import socket
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.sources import addresses
from schemas.configuration.config import DownloadConfig
from schemas.errors import RefusedError, TransientError
from schemas.repository import ROOT

CONFIG = DownloadConfig()
ALLOWED = DownloadConfig(allow_private_addresses=True)


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("HTTP://ExAmple.COM:80/a/../b c?q=1#t=30", "http://example.com/b%20c?q=1"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com:443/%7euser", "https://example.com/%7Euser"),
        ("http://bücher.example/ä", "http://xn--bcher-kva.example/%C3%A4"),
        ("https://h.example/#!/video/1", "https://h.example/#!/video/1"),
        ("http://h.example:8080/x", "http://h.example:8080/x"),
    ],
)
def test_canonical_forms(url, same):
    assert addresses.canonical(url) == same


@settings(max_examples=50)
@given(
    st.sampled_from(["http", "https"]),
    st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20),
)
def test_canonical_is_idempotent(scheme, host, path, query):
    try:
        once = addresses.canonical(f"{scheme}://{host}/{path}?{query}")
    except RefusedError:
        return
    assert addresses.canonical(once) == once


def test_ids_do_not_depend_on_what_else_is_loaded():
    """yt-dlp changes how urllib3 writes percent-encodings."""
    told = "import sys; from curation.sources.addresses import canonical; print(canonical(sys.argv[1]))"
    url = "http://h.example/%c3%a4?q=%2f%zz#t"
    command = [sys.executable, "-c", told, url]
    fresh = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    import yt_dlp.networking._requests  # noqa: F401

    assert addresses.canonical(url) == fresh == "http://h.example/%C3%A4?q=%252F%25zz"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://user:pass@h.example/x", "credentials_in_address"),
        ("http://a b.example/", "bad_address"),
        ("http://h.example/\nx", "bad_address"),
        ("http:///x", "bad_address"),
        ("http://h.example:99999/", "bad_address"),
        ("http://[fe80::1%25eth0]/", "bad_address"),
        ("https://h.example/" + "x" * 9000, "bad_address"),
    ],
)
def test_malformed_addresses_are_refused_without_repeating_secrets(url, reason):
    with pytest.raises(RefusedError) as caught:
        addresses.parse(url)
    assert caught.value.reason == reason
    assert "pass@" not in str(caught.value)


PRIVATE = [
    *("127.0.0.1", "127.9.9.9", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
    *("224.0.0.1", "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1"),
    *("ff02::1", "fec0::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "no address"),
]


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_and_reserved_addresses_are_not_public(ip):
    assert not addresses.is_public(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "1.1.1.1"])
def test_public_addresses(ip):
    assert addresses.is_public(ip)


@settings(max_examples=50)
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_the_same_inside_any_ipv6_address(ip):
    plain = addresses.is_public(str(ip))
    assert plain == addresses.is_public(f"::ffff:{ip}")
    assert plain == addresses.is_public(str(ipaddress.IPv6Address((0x0064FF9B << 96) | int(ip))))
    assert plain == addresses.is_public(str(ipaddress.IPv6Address((0x2002 << 112) | (int(ip) << 80))))
    if plain:
        assert ip.is_global
        assert not ip.is_private


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f.1", "017700000001", "localhost", "[::1]", "127.1"])
def test_every_notation_of_the_own_machine_is_refused_unless_allowed(host):
    with pytest.raises(RefusedError) as caught:
        addresses.check(f"http://{host}:8000/", CONFIG)
    assert caught.value.reason == "address_not_allowed"
    addresses.check(f"http://{host}:8000/", DownloadConfig(allow_private_addresses=True))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h.example/x", "gopher://h.example/", "data:text/plain,x"])
def test_other_schemes_are_refused(url):
    with pytest.raises(RefusedError) as caught:
        addresses.check(url, CONFIG)
    assert caught.value.reason == "scheme_not_allowed"


def test_a_host_with_one_private_address_is_refused(monkeypatch):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(RefusedError, match="10\\.0\\.0\\.1"):
        addresses.check("http://mixed.example/", CONFIG)


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "169.254.169.254.", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376", "10.1"),
        *("[::ffff:169.254.169.254]", "[fe80::1]", "127.0.0.1.", "0x7f.1.", "１６９.254.169.254"),
        *("localhost", "localhost.", "a.localhost", "metadata.google.internal", "nas.local", "router", "db.corp."),
        *("1.0.0.127.in-addr.arpa", "wiki.lan", "x.home.arpa"),
    ],
)
def test_a_proxy_is_not_asked_for_private_addresses_and_names(host):
    with pytest.raises(RefusedError) as caught:
        addresses.check(f"http://{host}/latest", CONFIG, proxied=True)
    assert caught.value.reason in ("address_not_allowed", "bad_address")
    assert addresses.check(f"http://{host}/latest", ALLOWED, proxied=True) if host.isascii() else True


def test_an_unknown_host_is_transient_unless_a_proxy_resolves_it(monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(TransientError) as caught:
        addresses.check("http://nowhere.example/", CONFIG)
    assert caught.value.reason == "host_not_found"
    addresses.check("http://nowhere.example/", CONFIG, proxied=True)


ID = "aB3_-678901"


@pytest.mark.parametrize(
    "url",
    [
        f"https://www.youtube.com/watch?v={ID}",
        f"http://m.youtube.com/watch?list=PL1&v={ID}&t=3",
        f"https://youtu.be/{ID}?si=x",
        f"https://www.youtube.com/shorts/{ID}",
        f"https://www.youtube-nocookie.com/embed/{ID}",
        f"https://music.youtube.com/watch?v={ID}",
        f"https://YouTube.com/live/{ID}/",
    ],
)
def test_youtube_ids(url):
    assert addresses.youtube_id(url) == ID
    assert addresses.host_key(url) == "youtube.com"


@pytest.mark.parametrize(
    "url",
    [
        f"https://youtube.com.evil.example/watch?v={ID}",
        f"https://evil.example/?u=youtube.com/watch?v={ID}",
        "https://www.youtube.com/playlist?list=PL123",
        "https://www.youtube.com/watch?v=short",
        f"ftp://youtube.com/watch?v={ID}",
        "https://[bad",
    ],
)
def test_other_addresses_have_no_youtube_id(url):
    assert addresses.youtube_id(url) is None


def test_the_pacing_key_is_the_host_with_an_unusual_port():
    assert addresses.host_key("https://CDN.example/x") == "cdn.example"
    assert addresses.host_key("http://cdn.example:8080/x") == "cdn.example:8080"
    assert addresses.host_key("https://www.youtube.com/playlist?list=PL1") == "youtube.com"
