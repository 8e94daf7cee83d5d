"""Publishes a release to the Hub: upload to a branch, read back, show on `main` in one commit, tag.

A reader of `main` sees the last release or this one, wherever the publication is killed, and the next call goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from curation.release.hub.client import HubRepository
from curation.release.hub.compare import differences
from curation.release.hub.rights import raise_if_no_right
from curation.release.hub.show import name, show
from curation.release.hub.standing import Standing, branch_of, standing, tag_of
from curation.release.hub.upload import read_back, upload
from curation.release.publish.local import LocalRelease
from curation.release.publish.steps import Wishes
from curation.release.versions import MANIFEST
from schemas.documents.publication import Publication
from schemas.errors import ConfigError


def publish_to_hub(
    repository: HubRepository, release: LocalRelease, wishes: Wishes, check: Callable[[], None] = lambda: None
) -> Publication:
    """Publish a release, or say what would be done (`wishes.dry_run`).

    `check` is called before anything is sent, and may raise; not where nothing is to be sent, and not by a dry run.

    Raises ConfigError (no right, the version exists with other content), NotPublished (no connection, a fault of the
    Hub, files that were changed by hand) and Interrupted; then readers see what they saw before.
    """
    about = raise_if_no_right(repository)
    found = None if about is None else standing(repository, release, wishes)
    if about is not None:
        _raise_if_open(repository, about, found, wishes)
    if wishes.dry_run:
        return _would(repository, release, found)
    if found is None or found.state == "new":
        check()
    if found is None:
        repository.create(private=wishes.private)
        repository.close_to_the_public(private=False, gated=wishes.gated)
        found = standing(repository, release, wishes)
    elif found.state == "new" and MANIFEST not in found.tree:
        repository.close_to_the_public(private=wishes.private, gated=wishes.gated)
    sent: tuple[str, ...] = ()
    commit = found.commit
    if found.state == "new":
        sent = _to_send(repository, release, found)
        uploaded = upload(repository, release, found)
        read_back(repository, release, uploaded)
        commit = show(repository, release, found, uploaded)
    assert commit is not None
    if found.state != "done" or branch_of(release.version) in found.refs.branches:
        name(repository, release, commit)
    return _done(repository, release, found, commit, sent, new=about is None)


def _to_send(repository: HubRepository, release: LocalRelease, found: Standing) -> tuple[str, ...]:
    """The files that neither `main` nor an earlier try has."""
    branch = found.refs.branches.get(branch_of(release.version))
    return differences(release, found.tree if branch is None else repository.tree(branch)).to_send


def _raise_if_open(repository: HubRepository, about: Any, found: Standing | None, wishes: Wishes) -> None:
    """Raise ConfigError when a repository that shows a release is open, and the user wants it closed."""
    if found is None or MANIFEST not in found.tree:
        return
    for wanted, closed, word in ((wishes.private, about.private, "private"), (wishes.gated, about.gated, "gated")):
        if wanted and not closed:
            raise ConfigError(
                f"{repository.name} has readers already and is not {word}: change that on "
                f"{repository.address}/settings, or leave out --{word}"
            )


def _would(repository: HubRepository, release: LocalRelease, found: Standing | None) -> Publication:
    if found is None:
        sent = tuple(release.files)
        return _document(repository, release, state="would", sent=sent, commit=None, removed=(), kept=(), new=True)
    if found.state == "done":
        return _done(repository, release, found, found.commit, ())
    sent = _to_send(repository, release, found) if found.state == "new" else ()
    return _document(
        repository, release, state="would", sent=sent, commit=None, removed=found.removed, kept=found.kept, new=False
    )


def _done(
    repository: HubRepository,
    release: LocalRelease,
    found: Standing,
    commit: str | None,
    sent: tuple[str, ...],
    *,
    new: bool = False,
) -> Publication:
    state = "already" if found.state == "done" else "published"
    return _document(
        repository, release, state=state, sent=sent, commit=commit, removed=found.removed, kept=found.kept, new=new
    )


def _document(
    repository: HubRepository,
    release: LocalRelease,
    *,
    state: Any,
    sent: tuple[str, ...],
    commit: str | None,
    removed: tuple[str, ...],
    kept: tuple[str, ...],
    new: bool,
) -> Publication:
    return Publication(
        address=repository.address,
        version=release.version,
        state=state,
        new_repository=new,
        files=len(release.files),
        bytes=release.bytes,
        sent_files=len(sent),
        sent_bytes=sum(release.files[path].bytes for path in sent),
        removed=removed,
        kept=kept,
        commit=commit,
        tag=tag_of(release.version),
    )
