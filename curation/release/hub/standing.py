"""Where a repository stands before a publication, and what follows: nothing to do, a tag that lacks, or a release.

`main` shows whole releases only, so it is always one of these: a release of ours as it was published, one that somebody
changed by hand since, or files that are no release.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from pydantic import BaseModel, ValidationError
from semver import Version

from curation.release.hub.client import MAIN, HubRepository, Refs, RemoteFile
from curation.release.hub.compare import KEPT, differences
from curation.release.publish.local import LocalRelease
from curation.release.publish.steps import Wishes
from curation.release.versions import MANIFEST
from schemas.errors import ConfigError, NotPublished
from schemas.manifest import ExportedFile

CARD = "README.md"
_LARGEST_MANIFEST = 256 * 2**20
_LARGEST_IN_GIT = 16 * 2**20
_SHOWN = 5
_OVERWRITE = "`--overwrite` replaces that by the release; the history on the Hub keeps it"


class Shown(BaseModel):
    """The part of the manifest on `main` that is needed here."""

    version: str
    files: tuple[ExportedFile, ...]


class Standing(NamedTuple):
    """What is to be done, and the state that it was found from.

    `state`: `done` (published as it is), `untagged` (a commit of `main` is the release, and only its tag lacks), or
    `new`. `commit`: the commit of the release where there is one. `main`: the newest commit of `main`. `removed`: paths
    on `main` that belong to the last release alone; `kept`: files on `main` that are of no release.
    """

    state: Literal["done", "untagged", "new"]
    commit: str | None
    main: str
    tree: Mapping[str, RemoteFile]
    refs: Refs
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def tag_of(version: str) -> str:
    """The tag of a release."""
    return f"v{version}"


def branch_of(version: str) -> str:
    """The branch to which a release is uploaded."""
    return f"release-{version}"


def title_of(version: str) -> str:
    """The title of the commit that shows a release on `main`."""
    return f"Release {version}"


def standing(repository: HubRepository, release: LocalRelease, wishes: Wishes) -> Standing:
    """Look at a repository that exists.

    Raises ConfigError when the version has been published with other content, when `main` shows a higher version, or
    files that are no release; and NotPublished when published files were changed by hand.
    """
    refs = repository.refs()
    main = refs.branches[MAIN] if MAIN in refs.branches else _no_main(repository)
    tree = repository.tree(main)
    tagged = refs.tags.get(tag_of(release.version))
    if tagged is not None:
        _raise_if_other(repository, release, tagged)
    shown = _shown(repository, main, tree)
    found = differences(release, tree)
    if not found.to_send and not _in_the_way(found.strange, release.files):
        state: Literal["done", "untagged"] = "done" if tagged is not None else "untagged"
        return Standing(state, tagged or main, main, tree, refs, kept=found.strange)
    if shown is not None and _order(shown.version) > _order(release.version):
        return _behind(repository, release, Standing("done", tagged, main, tree, refs), shown.version)
    removed, kept = _replaced(repository, release, main, tree, shown, overwrite=wishes.overwrite)
    return Standing("new", None, main, tree, refs, removed, kept)


def _in_the_way(strange: Iterable[str], files: Iterable[str]) -> tuple[str, ...]:
    """The strange files in folders of a release: whoever loads a configuration by its folder would read them too."""
    folders = {path.split("/")[0] for path in files if "/" in path}
    return tuple(path for path in strange if path.split("/")[0] in folders)


def _no_main(repository: HubRepository) -> str:
    raise ConfigError(f"{repository.name} has no branch {MAIN}: make a new dataset, or its first commit")


def _raise_if_other(repository: HubRepository, release: LocalRelease, commit: str) -> None:
    found = differences(release, repository.tree(commit))
    if found.to_send:
        raise ConfigError(
            f"{repository.name} has the tag {tag_of(release.version)} with other content ({_named(found.to_send)}): a "
            "published version never changes, so release a higher version"
        )


def _shown(repository: HubRepository, main: str, tree: Mapping[str, RemoteFile]) -> Shown | None:
    """The manifest on `main`; None where there is none, or where it is not one of ours."""
    if MANIFEST not in tree:
        return None
    try:
        return Shown.model_validate_json(repository.content(MANIFEST, main, _LARGEST_MANIFEST))
    except ValidationError:
        return None


def _behind(repository: HubRepository, release: LocalRelease, state: Standing, newer: str) -> Standing:
    """`main` shows a newer release: fine when this one was shown before it."""
    if state.commit is not None:
        return state
    for commit, title in repository.titles(state.main):
        if title == title_of(release.version):
            found = differences(release, repository.tree(commit))
            if not found.to_send:
                return state._replace(state="untagged", commit=commit)
    raise ConfigError(
        f"{repository.name} shows {newer} already, and {release.version} was never published there: readers do not go "
        "back, so release a higher version"
    )


def _replaced(
    repository: HubRepository,
    release: LocalRelease,
    main: str,
    tree: Mapping[str, RemoteFile],
    shown: Shown | None,
    *,
    overwrite: bool,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files on `main` that the release replaces or leaves out, and those that stay."""
    if shown is None:
        strange = tuple(sorted(tree.keys() - KEPT - {CARD}))
        if strange and not overwrite:
            raise ConfigError(
                f"{repository.name} holds files that are no release of v2xum ({_named(strange)}): choose a new "
                "dataset, or `--overwrite` to remove them; the history on the Hub keeps them"
            )
        return tuple(path for path in strange if path not in release.files), ()
    listed = {file.path: file for file in shown.files}
    edited = [path for path, file in listed.items() if not _is_as_listed(repository, main, tree.get(path), file)]
    others = sorted(tree.keys() - listed.keys() - KEPT - {MANIFEST})
    strange = tuple(
        path for path in others if path in release.files or path in _in_the_way(others, (*listed, *release.files))
    )
    if not overwrite:
        _raise_if_same_version(repository, release, tree, shown)
    if (edited or strange) and not overwrite:
        raise NotPublished(
            f"`{MAIN}` of {repository.name} is not what {shown.version} was when it was published: somebody changed "
            f"{_named((*edited, *strange))}. {_OVERWRITE}"
        )
    gone = {path for path in (*listed, *strange) if path in tree and path not in release.files}
    return tuple(sorted(gone)), tuple(path for path in others if path not in strange)


def _raise_if_same_version(
    repository: HubRepository, release: LocalRelease, tree: Mapping[str, RemoteFile], shown: Shown
) -> None:
    """Raise ConfigError when `main` shows this version, made from another release of the same name."""
    found = differences(release, tree).to_send
    if shown.version == release.version and MANIFEST in found:
        raise ConfigError(
            f"{repository.name} shows {release.version} with other content ({_named(found)}): a published version "
            "never changes, so release a higher version"
        )


def _is_as_listed(repository: HubRepository, main: str, there: RemoteFile | None, file: ExportedFile) -> bool:
    if there is None or there.bytes != file.bytes:
        return False
    if there.sha256 is not None:
        return there.sha256 == file.sha256
    content = repository.content(file.path, main, _LARGEST_IN_GIT)
    return hashlib.sha256(content).hexdigest() == file.sha256


def _named(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _order(version: str) -> Version:
    """The version as one that can be compared; what is none is lower than every release."""
    return Version.parse(version) if Version.is_valid(version) else Version(0, 0, 0, "0")
