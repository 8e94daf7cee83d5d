"""URLs: their canonical form, YouTube ids, and a check of which hosts may be contacted.

A list of videos is hostile. It may name this machine, its private network or a cloud's metadata service: directly, by
a name that resolves there, or by a redirect. `resolve` returns the IP addresses that were checked, and callers connect
to these: a second DNS answer changes nothing.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from schemas.configuration.config import DownloadConfig
from schemas.errors import RefusedError, TransientError

YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_YOUTUBE_HOSTS = re.compile(r"(?:(?:www|m|music)\.)?youtube\.com|(?:www\.)?youtube-nocookie\.com|youtu\.be")
_YOUTUBE_PATH = re.compile(r"/(?:embed|shorts|live|v|e)/([A-Za-z0-9_-]{11})/?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")
_SITE_LOCAL = IPv6Network("fec0::/10")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# Top-level names that no public name server answers for, and the last part of an IPv4 address in any notation.
_PRIVATE_NAME = re.compile(
    r"(?i)localhost|local|localdomain|internal|intranet|private|corp|home|lan|arpa|[0-9]+|0x[0-9a-f]*"
)
_PERCENT = re.compile(r"%[0-9a-fA-F]{2}")
MAX_URL = 8192


class Address(NamedTuple):
    """A parsed URL: lower-case scheme, host in ASCII without brackets, the port in effect, and the canonical text."""

    scheme: str
    host: str
    port: int
    text: str


def parse(url: str) -> Address:
    """Parse a URL of any scheme that has a host.

    The canonical text has a lower-case scheme, an IDNA host, upper-case percent-encoding, no default port and no
    fragment; a fragment that is a route (`#!x`, `#/x`) stays, because it names another page.
    Raises RefusedError `bad_address` (no host, control characters, too long) or `credentials_in_address`.
    """
    if len(url) > MAX_URL or _UNSAFE.search(url):
        raise RefusedError("bad_address", f"{len(url)} characters, or control characters in it")
    try:
        # urllib3 writes the encoding in upper case too, but yt-dlp patches urllib3 once it is loaded; ids must not
        # depend on that.
        parts = parse_url(_PERCENT.sub(lambda match: match.group().upper(), url))
        host_by_urllib = urlsplit(parts.url).hostname
    except (LocationParseError, ValueError) as error:
        # Without the library's message, which repeats the address: it may hold a password.
        raise RefusedError("bad_address", "it cannot be read as an address with a host and a port") from error
    if not parts.scheme or not parts.host:
        raise RefusedError("bad_address", "no scheme or no host")
    if parts.auth is not None:
        raise RefusedError("credentials_in_address", "user names and passwords do not belong into a list of videos")
    scheme, host, port = parts.scheme.lower(), parts.host.lower().strip("[]"), parts.port
    if host != host_by_urllib or "%" in host:
        raise RefusedError("bad_address", "its host can be read in two ways")
    if port == _DEFAULT_PORTS.get(scheme):
        parts = parts._replace(port=None)
    fragment = parts.fragment if parts.fragment and parts.fragment[0] in "!/" else None
    text = parts._replace(fragment=fragment, path=parts.path or "/").url
    return Address(scheme, host, port or _DEFAULT_PORTS.get(scheme, 0), text)


def canonical(url: str) -> str:
    """The canonical text of a URL, which ids and comparisons use. Raises RefusedError as `parse` does."""
    return parse(url).text


def youtube_id(url: str) -> str | None:
    """The video id of a YouTube URL (watch, short link, embed, shorts, live); None for any other address."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not _YOUTUBE_HOSTS.fullmatch(host):
        return None
    if host == "youtu.be":
        candidate = parts.path.strip("/")
    elif parts.path.rstrip("/") == "/watch":
        candidate = parse_qs(parts.query).get("v", [""])[0]
    else:
        match = _YOUTUBE_PATH.fullmatch(parts.path)
        candidate = match.group(1) if match else ""
    return candidate if YOUTUBE_ID.fullmatch(candidate) else None


def youtube_url(video_id: str) -> str:
    """The watch URL of a YouTube id."""
    return f"https://www.youtube.com/watch?v={video_id}"


def host_key(url: str) -> str:
    """The key under which downloads from one host are paced.

    It is one key for all of YouTube, else the host, with the port where it is not the default port.
    """
    if youtube_id(url):
        return "youtube.com"
    address = parse(url)
    if _YOUTUBE_HOSTS.fullmatch(address.host):
        return "youtube.com"
    usual = address.port == _DEFAULT_PORTS.get(address.scheme)
    return address.host if usual else f"{address.host}:{address.port}"


def is_public(ip: str) -> bool:
    """Whether an IP address belongs to the public internet; an IPv4 address inside an IPv6 address is judged too."""
    try:
        address = ip_address(ip.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is not None:
            return is_public(str(inner))
        if address in _SITE_LOCAL:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def check(url: str, config: DownloadConfig, *, proxied: bool = False) -> Address:
    """Check that a URL may be contacted: its scheme is allowed and its host has public IP addresses only.

    Returns the parsed URL. Raises RefusedError `scheme_not_allowed`, `address_not_allowed` (unless the configuration
    allows private addresses), `bad_address` or `credentials_in_address`, and TransientError `host_not_found`. With
    `proxied`, a public name that this machine cannot resolve passes, because the proxy resolves it; an IP address, a
    name without a dot and a name that only private networks know do not pass.
    """
    check_scheme(url.partition(":")[0].lower(), config)
    address = parse(url)
    try:
        resolve(address.host, address.port, config)
    except TransientError:
        if not proxied:
            raise
        _require_public_name(address.host, config)
    return address


def _require_public_name(host: str, config: DownloadConfig) -> None:
    """For a name that this machine cannot resolve: what a proxy would find under it may be its own network."""
    name, _, last = host.rstrip(".").rpartition(".")
    if not config.allow_private_addresses and (not name or ":" in host or _PRIVATE_NAME.fullmatch(last)):
        raise RefusedError("address_not_allowed", f"{host[:255]} is no name of the public internet")


def check_scheme(scheme: str, config: DownloadConfig) -> None:
    """Raise RefusedError `scheme_not_allowed` for a scheme that the configuration does not list."""
    if scheme not in config.schemes:
        raise RefusedError("scheme_not_allowed", f"{scheme[:40]!r}: allowed are {', '.join(config.schemes)}")


def resolve(host: str, port: int, config: DownloadConfig) -> tuple[str, ...]:
    """The IP addresses of a host, all of them allowed.

    A host with any address that is not allowed is refused as a whole: its next DNS answer may be that address alone.

    Raises RefusedError `address_not_allowed` and TransientError `host_not_found`.
    """
    try:
        answers = socket.getaddrinfo(host, port or None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise TransientError("host_not_found", f"{host[:255]}: {error}") from error
    ips = tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))
    if not config.allow_private_addresses:
        for ip in ips:
            if not is_public(ip):
                raise RefusedError("address_not_allowed", f"{host} is {ip}, which is not on the public internet")
    return ips


def _embedded(address: IPv6Address) -> IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
