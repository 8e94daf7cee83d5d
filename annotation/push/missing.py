"""Finds the samples that are not in the Label Studio project yet and makes them ready to send."""

from __future__ import annotations

from typing import Any, NamedTuple

from annotation.push.strata import Chosen
from annotation.push.task import Key

CHUNK = 250
SCORES = ("support", "grounding", "judge")  # the first that the audit has is the task's score


class _Ready(NamedTuple):
    task: dict[str, Any]
    key: Key
    chosen: Chosen
