"""Every reason that the code gives is described, and nothing is described that it does not give."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path

from schemas.meanings.reasons import PLACES, described
from schemas.repository import ROOT
from schemas.review import REASONS
from tests import house

KINDS = {"TransientError", "PermanentError", "PoisonError", "RefusedError", "HostBlocked", "NotStored"}
SLUG = re.compile(r"[a-z]+(_[a-z]+)*")
GIVERS = {"slug": 0, "storage_error": 1, "BadRow": 1}  # functions that take a reason, and its place
FILTERS = {"_range": slice(3, 5), "_listed": slice(4, 5)}


@cache
def trees() -> Mapping[Path, ast.Module]:
    own = {ROOT / "schemas" / "meanings"}
    return {path: ast.parse(path.read_text()) for path in house.files() if path.parent not in own}


@cache
def constants() -> Mapping[str, str]:
    """Names of modules that stand for a text: `REASON = "opted_out"`, `A, B = "a", "b"`."""
    found = {}
    for tree in trees().values():
        for node in tree.body:
            if isinstance(node, ast.Assign):
                pairs = [(node.targets[0], node.value)]
                if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                    pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
                for name, value in pairs:
                    if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                        found[name.id] = value.value
    return found


def texts(node: ast.AST) -> Iterator[str]:
    """The slugs that an argument may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and SLUG.fullmatch(node.value):
        yield node.value
    elif isinstance(node, ast.Name) and SLUG.fullmatch(constants().get(node.id, "")):
        yield constants()[node.id]
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))


def name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def given() -> Iterator[str]:
    for tree in trees().values():
        for node in ast.walk(tree):
            elements = node.elts if isinstance(node, ast.Tuple) else []
            if isinstance(node, ast.Call):
                name, elements = name_of(node.func), [node.func, *node.args]
                if name in GIVERS and len(node.args) > GIVERS[name]:
                    yield from texts(node.args[GIVERS[name]])
                for argument in node.args[FILTERS[name]] if name in FILTERS else ():
                    yield from texts(argument)
                if name == "partial":
                    elements = node.args
                for keyword in node.keywords if name == "Rejection" else ():
                    yield from texts(keyword.value) if keyword.arg == "reason" else ()
            for kind, reason in pairwise(elements):
                if name_of(kind) in KINDS:
                    yield from texts(reason)


def test_every_reason_that_a_video_gets_is_described() -> None:
    found = {*given(), *REASONS}
    assert len(found) > 90  # that so many are found at all
    assert {slug for slug in found if described(slug, "") is None} == set()


def test_no_reason_is_described_that_nothing_gives() -> None:
    words = {
        word.split(":")[0]
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for word in [node.value]
    }
    assert {reason.slug for place in PLACES for reason in place.reasons} - words == set()


def test_a_reason_that_two_stages_give_is_told_apart() -> None:
    download, audit = described("unsupported", "download"), described("unsupported", "audit")
    assert download is not None and "yt-dlp" in download.means
    assert audit is not None and "sentence" in audit.means
