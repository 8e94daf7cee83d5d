"""A release whose rows are written: what its documents and formats are made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from curation.pipeline.services import Services
from schemas.release import ReleaseManifest


class Written(NamedTuple):
    """A release whose rows are written: `folder` has the Parquet files of all configurations, with their final names.

    `manifest` lists these files, and no others yet; `example` is a row of `full` to quote, None without rows. A
    document reads rows from `folder`, column by column, so that memory does not grow with their number.
    """

    folder: Path
    manifest: ReleaseManifest
    services: Services
    example: Mapping[str, Any] | None
