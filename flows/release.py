"""The release flow: measures the review, and refuses or writes a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow

from curation.release.gate import Limits
from curation.workspace import Workspace
from schemas.release import FormatChoice
from tasks.release import measure_review, write_release


@flow(name="release", flow_run_name="release {workspace} {version}", persist_result=False)
def release(
    workspace: str,
    version: str,
    max_unreviewed: float | None = None,
    max_error_rate: float | None = None,
    benchmarks: list[str] | None = None,
    formats: FormatChoice | None = None,
) -> dict[str, Any]:
    """Make WORKSPACE/releases/VERSION as `v2xum release` does; returns the manifest's JSON value.

    `formats`: the formats of trainers that it holds.

    Raises ConfigError for a wrong or existing version, ReleaseRefused when the limits (shares, 0..1) are broken.
    """
    root = str(Workspace(Path(workspace)).require().root)
    findings = measure_review(root)
    limits = Limits(max_unreviewed, max_error_rate)
    manifest = write_release(root, version, findings, limits, benchmarks or [], formats or FormatChoice())
    return manifest.model_dump(mode="json")
