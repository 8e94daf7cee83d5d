"""Binds each stage to the services that it needs: a function from a video's inputs to its record."""

from __future__ import annotations

from collections.abc import Callable

from curation.pipeline.process import Inputs
from schemas.records import Record

Work = Callable[[Inputs], Record]
