"""Uploads a release to a branch of its own, and reads it back: what lacks is sent, in commits that the Hub takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from curation.release.hub.client import HubRepository
from curation.release.hub.compare import Differences, differences
from curation.release.hub.standing import Standing, branch_of
from curation.release.publish.local import LocalRelease
from schemas.errors import ConfigError, NotPublished
from schemas.kit.number_of import number_of

# The Hub wants fewer than 100 files a commit, and allows 128 commits an hour.
FILES_A_COMMIT, BYTES_A_COMMIT = 90, 5 * 10**9
_ROUNDS = 3
_TITLE = "Upload release"


def upload(repository: HubRepository, release: LocalRelease, found: Standing) -> str:
    """Bring the branch of the release to hold exactly its files; returns the branch's commit.

    A branch that an earlier try left is gone on with. Raises ConfigError when somebody else has a branch of this name,
    and NotPublished when the Hub does not keep what was sent.
    """
    branch = branch_of(release.version)
    if branch in found.refs.branches:
        _raise_if_not_ours(repository, release, found)
    else:
        repository.add_branch(branch, found.main)
    for _ in range(_ROUNDS):
        tip = repository.refs().branches[branch]
        lacks = differences(release, repository.tree(tip))
        if not lacks.to_send and not lacks.strange:
            return tip
        _send(repository, release, branch, lacks)
    raise NotPublished(
        f"{repository.name}: files are not on the branch {branch} although they were sent "
        f"({', '.join(lacks.to_send[:5] or lacks.strange[:5])}); a .gitignore there may hide them"
    )


def _send(repository: HubRepository, release: LocalRelease, branch: str, lacks: Differences) -> None:
    size = sum(release.files[path].bytes for path in lacks.to_send)
    files = number_of(len(lacks.to_send), "file")
    repository.steps.report(f"uploading {files}, {size / 1e6:,.1f} MB, to the branch {branch} of {repository.name}")
    removed = [CommitOperationDelete(path, is_folder=False) for path in lacks.strange]
    for number, paths in enumerate(_batches(release, lacks.to_send)):
        added = [CommitOperationAdd(path, release.folder / path) for path in paths]
        operations = [*(removed if number == 0 else ()), *added]
        repository.commit(branch, operations, f"{_TITLE} {release.version} (part {number + 1})")
    if removed and not lacks.to_send:
        repository.commit(branch, removed, f"{_TITLE} {release.version} (removals)")


def _batches(release: LocalRelease, paths: Sequence[str]) -> Iterator[list[str]]:
    """The paths in groups of so many files and bytes; a larger file is a group of its own."""
    batch: list[str] = []
    size = 0
    for path in paths:
        if batch and (len(batch) == FILES_A_COMMIT or size + release.files[path].bytes > BYTES_A_COMMIT):
            yield batch
            batch, size = [], 0
        batch.append(path)
        size += release.files[path].bytes
    if batch:
        yield batch


def _raise_if_not_ours(repository: HubRepository, release: LocalRelease, found: Standing) -> None:
    """Raise ConfigError when the branch has commits that no publication made: they would be lost."""
    branch = branch_of(release.version)
    ours = {commit for commit, title in repository.titles(branch) if title.startswith(f"{_TITLE} {release.version} ")}
    known = {commit for commit, _ in repository.titles(found.main)} | ours
    tip = found.refs.branches[branch]
    if tip not in known:
        raise ConfigError(
            f"{repository.name} has a branch {branch} that no publication made: rename or delete it, since the release "
            "is uploaded to a branch of this name"
        )


def read_back(repository: HubRepository, release: LocalRelease, commit: str) -> None:
    """Read every file of a commit as a reader gets it, and compare its bytes with the manifest.

    Nothing is stored. Raises NotPublished for a file that differs.
    """
    files = number_of(len(release.files), "file")
    repository.steps.report(f"reading {files} back, {release.bytes / 1e6:,.1f} MB")
    for path, file in release.files.items():
        sha256, size = repository.sha256(path, commit)
        if (sha256, size) != (file.sha256, file.bytes):
            raise NotPublished(
                f"{repository.name}: {path} comes back as SHA-256 {sha256[:12]}, {size} bytes; sent were "
                f"{file.sha256[:12]}, {file.bytes} bytes. `main` is as it was. Delete the branch "
                f"{branch_of(release.version)} and publish again"
            )
