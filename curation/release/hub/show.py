"""Shows an uploaded release on `main` by one commit, and names that commit by the tag of the version."""

from __future__ import annotations

from huggingface_hub import CommitOperationCopy, CommitOperationDelete

from curation.release.hub.client import MAIN, TRIES, HubRepository
from curation.release.hub.compare import differences
from curation.release.hub.standing import Standing, branch_of, tag_of, title_of
from curation.release.hub.trouble import AGAIN
from curation.release.publish.local import LocalRelease
from schemas.errors import ConfigError, NotPublished


def show(repository: HubRepository, release: LocalRelease, found: Standing, uploaded: str) -> str:
    """Make `main` show the release that the commit `uploaded` of its branch holds; returns the commit of `main`.

    One commit copies the files on the Hub's side and deletes those of the last release. It is bound to the commit of
    `main` that was looked at, so that nobody else's change is lost. Where the answer is lost, or says that there was a
    fault, `main` itself says whether the commit is there. Raises NotPublished.
    """
    repository.steps.report(f"showing {release.version} on `{MAIN}` of {repository.name}")
    for number in range(1, TRIES + 1):
        try:
            made = repository.commit(MAIN, _operations(release, found, uploaded), title_of(release.version), found.main)
        except NotPublished:
            made = repository.refs().branches[MAIN]
            if made == found.main and number < TRIES:
                repository.steps.wait(float(number))
                continue
            if made == found.main:
                raise
        lacks = differences(release, repository.tree(made))
        if lacks.to_send:
            raise NotPublished(
                f"somebody else changed `{MAIN}` of {repository.name} at this moment; it is not this release. {AGAIN}"
            )
        return made
    raise AssertionError("unreachable")


def name(repository: HubRepository, release: LocalRelease, commit: str) -> str:
    """Tag the commit of a release, and delete the branch of its upload; returns the tag.

    Raises ConfigError when the tag names another commit by now.
    """
    tag, branch = tag_of(release.version), branch_of(release.version)
    refs = repository.refs()
    if refs.tags.get(tag) is None:
        repository.add_tag(tag, commit, title_of(release.version))
        refs = repository.refs()
    named = refs.tags.get(tag)
    if named is None:
        raise NotPublished(f"the Hub does not list the tag {tag} of {repository.name} yet; {AGAIN}")
    if named != commit and differences(release, repository.tree(named)).to_send:
        raise ConfigError(f"somebody else made the tag {tag} of {repository.name} with other content at this moment")
    if branch in refs.branches:
        repository.remove_branch(branch)
    return tag


def _operations(release: LocalRelease, found: Standing, uploaded: str) -> list[object]:
    written = differences(release, found.tree).to_send
    removed = [CommitOperationDelete(path, is_folder=False) for path in found.removed]
    return [*removed, *(CommitOperationCopy(path, path, src_revision=uploaded) for path in written)]
