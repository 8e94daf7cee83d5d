"""What grants access leaves an address, whatever the scheme, and everything else stays as it is."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.safe_text import public_text, public_url
from schemas.secret_addresses import hide_secrets, lacks_secret, without_secrets

SECRET = "S3CR3TvalueX"
PLAIN = "https://h.example/v.mp4"
SIGNED = [
    f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={SECRET}%2F2026&X-Amz-Date=20261129T1&X-Amz-Expires=600"
    f"&X-Amz-SignedHeaders=host&X-Amz-Signature={SECRET}&X-Amz-Security-Token={SECRET}",
    f"?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=a&X-Goog-Signature={SECRET}",
    f"?Expires=1700000000&Signature={SECRET}&Key-Pair-Id={SECRET}",
    f"?Policy={SECRET}&Signature={SECRET}&Key-Pair-Id=K",
    f"?AWSAccessKeyId={SECRET}&Signature={SECRET}&Expires=17",
    f"?GoogleAccessId={SECRET}&Expires=17&Signature=x",
    f"?sv=2024-01-01&st=2026&se=2027&sr=b&sp=r&sip=1.2.3.4&spr=https&skoid=a&sig={SECRET}%3D",
    f"?token={SECRET}",
    f"?access_token={SECRET}&expires=17",
    f"?accessToken={SECRET}",
    f"?hdnts=exp=17~acl=/*~hmac={SECRET}",
    f"?OSSAccessKeyId=a&Expires=1&Signature={SECRET}",
    f"?auth_key={SECRET}",
    f"?sign={SECRET}&exp=17",
    f"?wsSecret={SECRET}&wsTime=1",
    f"?api_key={SECRET}",
    f"?X%2DAmz%2DSignature={SECRET}",
    f"?password={SECRET}",
    f"#access_token={SECRET}",
]


@pytest.mark.parametrize("query", SIGNED)
def test_known_signatures_leave_nothing_behind(query: str) -> None:
    assert without_secrets(PLAIN + query) == PLAIN
    mark, rest = query[0], query[1:]
    if mark == "?":
        assert without_secrets(f"{PLAIN}?id=7&{rest}&t=3#x") == f"{PLAIN}?id=7&t=3#x"
    assert without_secrets(f"h.example/v.mp4{query}") == "h.example/v.mp4"  # without a scheme
    for shown in (hide_secrets(f"see {PLAIN}{query} and"), public_url(PLAIN + query), public_text(f"'{PLAIN}{query}'")):
        assert shown is not None and SECRET not in shown


@pytest.mark.parametrize(
    "user", [f"user:{SECRET}@", f"{SECRET}@", f"u:{SECRET}@b@", f"u:a?{SECRET}@", f"u:a#{SECRET}@", f"u%40:{SECRET}@"]
)
def test_user_and_password_leave_nothing_behind(user: str) -> None:
    assert without_secrets(f"https://{user}h.example/v.mp4") == PLAIN
    assert SECRET not in public_text(f"see https://{user}h.example:99999/v.mp4?sig={SECRET}")


@pytest.mark.parametrize(
    "address",
    [
        "https://h.example:8443/v?id=1&t=30&sp=2&st=4&ip=1.2.3.4&expires=never&policy=open",
        "https://h.example/?v=a&&b;c=%zz&=x&d",
        "https://h.example?email=a@b",
        "https://www.youtube.com/watch?v=aB3_-678901&si=x#t=30",
        "https://h.example/#!/route",
        "https://h.example/v?",
        "https://h.example/v#",
        "C:\\films\\a#b?.mp4",
        "no address at all",
        "film? #1 (sign).mp4",
    ],
)
def test_what_is_no_secret_stays_as_it_is(address: str) -> None:
    assert without_secrets(address) == address
    assert hide_secrets(address) == address


def test_a_parameter_that_may_name_the_video_is_hashed() -> None:
    one, two = (without_secrets(f"{PLAIN}?key={value}&id=1") for value in (SECRET, "videos/b.mp4"))
    assert one != two and SECRET not in one and "b.mp4" not in two
    assert one.startswith(f"{PLAIN}?key=sha256-") and one.endswith("&id=1")
    assert without_secrets(one) == one
    assert public_url(one) == f"{PLAIN}?id=1"
    assert lacks_secret(one) and not lacks_secret(f"{PLAIN}?key={SECRET}&id=sha256-0123456789abcdef")


def test_an_address_inside_an_address() -> None:
    inner = f"https://b.example/x.mp4?id=1&X-Amz-Signature={SECRET}"
    outer = f"{PLAIN}?next={quote(f'https://c.example/?u={quote(inner)}', safe='')}&n=1"
    shown = without_secrets(outer)
    assert SECRET not in shown and shown.endswith("&n=1") and "b.example" in shown


texts = st.text(st.sampled_from("https://a.b?&;=#@%26:sig token key/"), max_size=40) | st.text(max_size=30)


@given(texts)
@example("#;?")
@example("a?;;b#;?;")
@example("#key=z?sig=x")
@example("&#token=y%26token=ysig=x?&sig=x")
def test_doing_it_twice_changes_nothing(text: str) -> None:
    once = without_secrets(text)
    assert without_secrets(once) == once
    assert hide_secrets(hide_secrets(text)) == hide_secrets(text)


@given(st.lists(st.sampled_from(["sig", "token", "X-Amz-Signature", "Key-Pair-Id", "id", "t", "key"]), max_size=6))
def test_a_secret_never_comes_through(names: list[str]) -> None:
    query = "&".join(f"{name}={SECRET if name not in ('id', 't') else 'plain'}" for name in names)
    shown = without_secrets(f"{PLAIN}?{query}")
    assert SECRET not in shown
    assert shown.count("plain") == sum(name in ("id", "t") for name in names)
