"""The result of one check of `v2xum doctor`: passed, passed with a warning, or failed."""

from __future__ import annotations

from typing import Literal, NamedTuple

Status = Literal["ok", "warn", "fail"]


class Check(NamedTuple):
    """The result of one check: what was checked, its status, what was found, and what to do (empty when ok)."""

    name: str
    status: Status
    found: str
    fix: str = ""


def ok(name: str, found: str) -> Check:
    """A check that passed."""
    return Check(name, "ok", found)


def warn(name: str, found: str, fix: str) -> Check:
    """A check that passed, with something that could be better or may surprise."""
    return Check(name, "warn", found, fix)


def fail(name: str, found: str, fix: str) -> Check:
    """A check that failed: a run would not work."""
    return Check(name, "fail", found, fix)
