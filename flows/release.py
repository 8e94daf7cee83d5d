"""The release flow: measures the review, and refuses or writes a release."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from curation.release.gate import Limits
from curation.workspace import Workspace as WorkspaceFolder
from flows.shared.events import tells_of_failure
from flows.shared.parameters import Share, Text, Version, Workspace
from schemas.release import FormatChoice
from tasks.release import measure_review, write_release


@flow(name="release", flow_run_name="release {workspace} {version}", persist_result=False)
@tells_of_failure("release")
def release(
    workspace: Workspace,
    version: Version,
    max_unreviewed: Annotated[
        Share | None, Field(description="Refuse when a larger share of the rows is unreviewed, 0 to 1.")
    ] = None,
    max_error_rate: Annotated[
        Share | None,
        Field(description="Refuse when the 95 % interval of the label-error rate reaches above this share, 0 to 1."),
    ] = None,
    benchmarks: Annotated[
        list[Text] | None,
        Field(description="Lists of a known benchmark's ids or titles, or folders of its videos. Empty: none."),
    ] = None,
    formats: Annotated[
        FormatChoice | None, Field(description="The formats of trainers that the release holds too. Empty: none.")
    ] = None,
) -> dict[str, Any]:
    """Make WORKSPACE/releases/VERSION as `v2xum release` does; returns the manifest's JSON value.

    Raises ConfigError for a wrong or existing version, ReleaseRefused when the limits (shares, 0..1) are broken.
    """
    root = str(WorkspaceFolder(Path(workspace)).require().root)
    findings = measure_review(root)
    limits = Limits(max_unreviewed, max_error_rate)
    manifest = write_release(root, version, findings, limits, benchmarks or [], formats or FormatChoice())
    return manifest.model_dump(mode="json")
