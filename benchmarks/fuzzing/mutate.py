"""Makes hostile inputs of valid ones: cut, flipped, doubled, spliced, with odd numbers, types and nesting."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

LONGEST = 200_000  # bytes of an example
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
NUMBERS = (
    *(b"0", b"-0", b"-1", b"1e999", b"-1e999", b"NaN", b"Infinity", b"1e-400", b"9" * 30, b"9" * 5000, b"2147483648"),
    *(b"9223372036854775808", b"18446744073709551616", b"0x7fffffff", b"1_000", b"00", b".", b"1e5", b"1" + b"0" * 400),
    *("٣".encode(), "²".encode()),
)
TOKENS = (
    *(
        b"\x00",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
        b"\xff\xfe",
        b"\xc3\x28",
        "\u2028".encode(),
        "\u202e".encode(),
        b"\x1b[31m",
    ),
    *("\ud800".encode("utf-8", "surrogatepass"), b"\\ud800", b'"\\udfff"', b"\\u0000", b"\r", b"\n\n", b"\r\n", b"\t"),
    *(b'"', b"'", b",", b":", b"[", b"]", b"{", b"}", b"<", b">", b"&", b"%", b"*", b"#", b"- ", b"? ", b"!!", b"|\n"),
    *(b"[" * 100_000, b'{"a":' * 50_000, b"((" * 20_000, b"- " * 3000, b"<f0>" * 1000, b"[1]" * 2000, b"a" * 20_000),
    *(b"{{ 7*7 }}", b"{% include '/etc/passwd' %}", b"${HOME}", b"%(ext)s", b"=1+1", b"@SUM(A1)", b"<script>", b"</s>"),
    *(b"!!python/object/apply:os.system [true]", b"&a [*a]", b"*a", b"2020-99-99", b"12:99:99", b"0o9", b"<<: 1", b"~"),
    *(
        b"../../etc/passwd",
        b"/dev/zero",
        b"file:///etc/passwd",
        b"http://[::1",
        b"http://127.0.0.1:99999/",
        b"//",
        b"\\",
    ),
    *(b"null", b"true", b'""', b"[]", b"{}", b"[[[]]]", b'{"id":1,"id":2}'),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        2**31,
        2**63,
        2**64,
        -(2**70),
        10**400,
        1e308,
        -0.5,
        float("nan"),
        float("inf"),
        float("-inf"),
    ),
    *("", " ", "\x00", "\ud800", "a" * 5000, "1", "NaN", "../..", "/", "[3.0]a", "\u202e", "\n", "é" * 300, "0" * 64),
    *([], {}, [[]], [None], [[1], [1, 2]], {"": None}, {"id": {}}, [0] * 3000, ["a", 1, None], {"a": {"a": {"a": []}}}),
)


def mutated(seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """A hostile variant of one of the seeds, at most LONGEST bytes; now and then a seed as it is."""
    data = chance.choice(seeds)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 5))):
        data = chance.choice(_WAYS)(data, seeds, chance)[:LONGEST]
    return data


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((1, 2, 4, 16, 64, 1000)))


def _cut(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    return data[: chance.randint(0, len(data))]


def _drop(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start, stop = _span(data, chance)
    return data[:start] + data[stop:]


def _double(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    start, stop = _span(data, chance)
    return data[:stop] + data[start:stop] * chance.choice((1, 2, 50)) + data[stop:]


def _flip(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 10))):
        if changed:
            changed[chance.randrange(len(changed))] ^= chance.choice((1 << chance.randrange(8), 0xFF))
    return bytes(changed)


def _splice(data: bytes, seeds: Sequence[bytes], chance: random.Random) -> bytes:
    other = chance.choice(seeds)
    start, stop = _span(other, chance)
    at = chance.randint(0, len(data))
    return data[:at] + other[start : stop if chance.random() < 0.5 else len(other)] + data[at:]


def _insert(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    at = chance.choice((0, len(data), chance.randint(0, len(data))))
    return data[:at] + chance.choice(TOKENS) + data[at:]


def _number(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    one = chance.choice(found)
    return data[: one.start()] + chance.choice(NUMBERS) + data[one.end() :]


def _swap_lines(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _value(data: bytes, _seeds: Sequence[bytes], chance: random.Random) -> bytes:
    """Exchange, drop or rename a value of JSON, or of one line of it; other data stay as they are."""
    lines = data.split(b"\n")
    place = chance.randrange(len(lines)) if len(lines) < 200 else 0
    whole: Any
    try:
        whole, place = json.loads(data), -1
    except (ValueError, RecursionError):
        try:
            whole = json.loads(lines[place])
        except (ValueError, RecursionError):
            return data
    try:
        written = json.dumps(_changed(whole, chance)).encode()
    except (ValueError, RecursionError):
        return data
    return written if place < 0 else b"\n".join([*lines[:place], written, *lines[place + 1 :]])


def _changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.9:
        key = chance.choice(list(value))
        way = chance.random()
        rest = {name: item for name, item in value.items() if name != key}
        if way < 0.1:
            return rest
        if way < 0.2:
            return {**rest, chance.choice(("", "x", "\ud800", key.upper(), key + " ")): value[key]}
        return {**value, key: _changed(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        way = chance.random()
        if way < 0.1:
            return value[:at] + value[at + 1 :]
        if way < 0.2:
            return [*value, value[at]]
        return [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    return chance.choice(VALUES)


_WAYS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    *(_cut, _drop, _double, _flip, _splice, _insert, _insert, _number, _number, _swap_lines),
    *(_value, _value, _value, _value, _value),
)
