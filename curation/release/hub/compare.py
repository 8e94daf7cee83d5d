"""Compares files on the Hub with those of a release, by the hashes that the Hub lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from curation.release.hub.client import RemoteFile
from curation.release.publish.local import LocalRelease

KEPT = frozenset({".gitattributes"})  # the Hub's own file of a repository


class Differences(NamedTuple):
    """How a revision differs from a release: paths that it lacks, that have other content, and that are not in it."""

    lacking: tuple[str, ...]
    changed: tuple[str, ...]
    strange: tuple[str, ...]

    @property
    def to_send(self) -> tuple[str, ...]:
        """The files of the release that must be written."""
        return tuple(sorted((*self.lacking, *self.changed)))


def differences(release: LocalRelease, tree: Mapping[str, RemoteFile]) -> Differences:
    """How a tree differs from the release; the Hub's own .gitattributes is no difference."""
    lacking = tuple(path for path in release.files if path not in tree)
    changed = tuple(path for path in release.files if path in tree and not _is_same(release, tree[path]))
    return Differences(lacking, changed, tuple(sorted(tree.keys() - release.files.keys() - KEPT)))


def _is_same(release: LocalRelease, there: RemoteFile) -> bool:
    file = release.files[there.path]
    if there.bytes != file.bytes:
        return False
    return there.sha256 == file.sha256 if there.sha256 is not None else there.oid == release.git_oid(there.path)
