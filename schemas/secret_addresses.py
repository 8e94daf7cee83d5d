"""Takes out of addresses what grants access: signatures, tokens, keys, user and password.

What is stored, logged or shown is the address without them; the address as it was given lives in the user's list and
in the memory of the run that read it. The address without them also identifies a video: a signature that expired is
replaced in the list, and the video stays the same.

Parameters are known by their names. Those of the common schemes (AWS, Google, Azure, CloudFront, Akamai, Alibaba and
plain tokens) never say which video is meant and are left out. Others might: a `key` may be a credential or the name of
a file. These keep the start of a hash of their value.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import quote, unquote

_SECRET = re.compile(
    r"x-(amz|goog|oss|ms|cos|bce|obs|tos)-.*"
    r"|(.*[-_.])?(signature|sig|hmac|jwt|sas|password|passwd|passphrase|secret|credentials?|authorization|token|cookie)"
    r"|(.*[-_.])?(api|access|secret|auth|subscription|private)[-_]?key([-_]?id)?|(client|app|ws|tx|cdn)[-_]?secret"
    r"|(access|auth|id|refresh|session|security|sas|download|api|user|bearer|play|playback|cdn|video|media|stream)token"
    r"|auth|bearer|sign|lsig|hdnts|hdnea|hdntl|__gda__|pwd|pass|key-pair-id|googleaccessid|(aws|oss)accesskeyid"
)
# They mean nothing without a signature, and change with it.
_COMPANION = re.compile(r"expires?|expiry|expiration|exp|policy|ip|algorithm|wstime|txtime")
_AZURE = re.compile(r"s[ervtp]|spr|sip|ss|srt|sdd|sk[etvs]|skoid|sktid|saoid|suoid|scid")
_UNSURE = re.compile(r"key|.*(token|secret|session(id)?|credential|signature|passw(or)?d|api[-_]?key).*|cookie.*|hdn.*")
_HASHED = re.compile(r"sha256-[0-9a-f]{16}")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.\-]{0,15}://[^\s\"'<>]+")
_AUTHORITY = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.\-]*:)?//")
_BARE_USER = re.compile(r"^[^/?#\s:@]+:[^/?#\s]*@(?=[^/?#\s])")
_DEEPEST = 4
_MOST_PASSES = 32


def without_secrets(address: str) -> str:
    """An address without what grants access; an address without such parts, and any other text, as it is.

    Works without a scheme too, and inside an address that is a parameter's value. Applying it twice changes nothing.
    """
    for _ in range(_MOST_PASSES):  # what is taken out can bring a secret to a place where it is known as one
        cleaned = _cleaned(address, _DEEPEST)
        if cleaned == address:
            break
        address = cleaned
    return address


def lacks_secret(address: str) -> bool:
    """Whether a parameter of an address is only the hash that `without_secrets` leaves: it opens nothing."""
    return any(
        bool(_HASHED.fullmatch(value)) and bool(_UNSURE.fullmatch(unquote(name).strip().lower()))
        for name, _, value in (part.partition("=") for part in re.split(r"[?#&;]", address)[1:])
    )


def hide_secrets(text: str) -> str:
    """A text in which each address is as `without_secrets` gives it."""
    return _URL.sub(lambda match: without_secrets(match.group()), text) if "://" in text else text


def _cleaned(address: str, depth: int) -> str:
    address = _without_user(address)
    head, mark, fragment = address.partition("#")
    if mark:
        route, asked, rest = fragment.partition("?")  # `#/watch?token=...`
        named = rest if asked else fragment
        kept = _parameters(named, depth)
        if kept != named:
            fragment = route + _with_mark("?", kept) if asked else kept
    path, asked, query = head.partition("?")
    if asked:
        kept = _parameters(query, depth)
        head = head if kept == query else path + _with_mark("?", kept)
    return head + (_with_mark("#", fragment) if fragment else mark if address.endswith("#") else "")


def _without_user(address: str) -> str:
    begin = _AUTHORITY.match(address)
    if begin is None:
        return _BARE_USER.sub("", address)
    part = address[begin.end() :].partition("/")[0]
    authority = re.split(r"[?#]", part, maxsplit=1)[0]
    port = authority.rpartition(":")[2]
    if "@" in authority:
        user = authority.rindex("@") + 1
    elif "@" in part and ":" in authority and port and not port.isdigit() and "]" not in port:
        user = part.rindex("@") + 1  # a password with a `?` or a `#` in it, which should have been escaped
    else:
        return address
    return begin.group() + address[begin.end() + user :]


def _with_mark(mark: str, text: str) -> str:
    return mark + text if text else ""


def _parameters(query: str, depth: int) -> str:
    """The parameters without secret ones; the same text where there are none."""
    parts = re.split(r"([&;])", query)
    names = [unquote(part.partition("=")[0]).strip().lower() for part in parts[::2]]
    given = ["=" in part for part in parts[::2]]
    secret = [bool(_SECRET.fullmatch(name)) and has for name, has in zip(names, given, strict=True)]
    azure = any(name == "sig" and found for name, found in zip(names, secret, strict=True))
    if any(secret):
        secret = [
            found or bool(_COMPANION.fullmatch(name)) or (azure and bool(_AZURE.fullmatch(name)))
            for name, found in zip(names, secret, strict=True)
        ]
    kept, changed = "", any(secret)
    for number, name in enumerate(names):
        if secret[number]:
            continue
        separator = parts[2 * number - 1] if number and kept else ""
        part = _parameter(parts[2 * number], name, depth)
        changed |= part != parts[2 * number]
        kept += separator + part
    return kept if changed else query


def _parameter(part: str, name: str, depth: int) -> str:
    key, equals, value = part.partition("=")
    if not value:
        return part
    if _UNSURE.fullmatch(name) and not _HASHED.fullmatch(value):
        return f"{key}{equals}sha256-{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    inner = unquote(value)
    if depth and "://" in inner:
        cleaned = _cleaned(inner, depth - 1)
        if cleaned != inner:
            return f"{key}{equals}{quote(cleaned, safe='')}"
    return part
