"""Writes CHANGES.md of a release: what differs from the release before it, and why."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from semver import Version

from curation.release.diff.compare import compare
from curation.release.diff.opened import Listed, OpenedRelease
from curation.release.diff.text import render_changes
from curation.release.versions import released
from schemas.kit.most_first import most_first
from schemas.release import ChangeFigures, ReleaseManifest

CHANGES = "CHANGES.md"


def earlier_release(releases: Path, version: Version) -> Path | None:
    """The folder of the latest release before `version` in the folder `releases`; None when it is the first."""
    there = [each for each in released(releases) if each < version]
    return releases / str(there[-1]) if there else None


def write_changes(folder: Path, manifest: ReleaseManifest, earlier: OpenedRelease | None) -> ReleaseManifest:
    """Write CHANGES.md into the new release in `folder`; returns its manifest with the figures of the changes.

    `manifest` lists the Parquet files in `folder`; `earlier` is the release before it, None for the first. Equal
    releases give equal bytes. Raises ConfigError when rows cannot be read.
    """
    if earlier is None:
        text, figures = render_changes(None, manifest.version, manifest.samples), None
    else:
        diff = compare(earlier, OpenedRelease(folder, Listed.model_validate(manifest.model_dump()))).diff
        text = render_changes(diff, manifest.version, manifest.samples)
        causes: Counter[str] = Counter()
        for counts in diff.by_cause.values():
            causes.update(counts)
        figures = ChangeFigures(
            before=diff.before.version,
            added=len(diff.added),
            removed=len(diff.removed),
            changed=len(diff.changed),
            same=diff.same,
            causes=most_first(causes),
        )
    (folder / CHANGES).write_text(text, encoding="utf-8", newline="\n")
    return manifest.model_copy(update={"changes": figures})
