"""A repository of the stand-in Hub: commits that never change, and the branches and tags that point to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from demo.hub.refusals import Refusal, no_entry, no_revision

MAIN = "main"


class Entry(NamedTuple):
    """A file of a commit. `oid` is its git object; `lfs`: it is stored outside git; `xet`: its hash there, or None."""

    sha256: str
    size: int
    oid: str
    lfs: bool
    xet: str | None = None


class Commit(NamedTuple):
    """A commit: its tree is complete, and nobody ever changes it."""

    oid: str
    parent: str | None
    title: str
    message: str
    tree: Mapping[str, Entry]


class Operations(NamedTuple):
    """What a commit does: files that it writes, and paths of files and folders that it deletes."""

    title: str
    message: str
    parent: str | None
    writes: Mapping[str, Entry]
    deletes: tuple[str, ...]
    deleted_folders: tuple[str, ...]


def pointer(sha256: str, size: int) -> bytes:
    """The text that git stores in place of a large file."""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def git_oid(content: bytes) -> str:
    """The id of a git blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass
class Repository:
    """A dataset repository. `shown` are the trees that readers of `main` ever saw, the first one first."""

    id: str
    private: bool = False
    gated: str | bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    shown: list[Mapping[str, Entry]] = field(default_factory=list)

    def begin(self, tree: Mapping[str, Entry]) -> None:
        """Make the first commit, as the Hub does when a repository is created."""
        self._put(MAIN, Commit("", None, "initial commit", "", dict(tree)))

    def find(self, revision: str) -> Commit:
        """The commit that a branch, a tag or the hash of a commit names. Raises Refusal."""
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        found = self.commits.get(oid)
        if found is None:
            raise no_revision(revision)
        return found

    def history(self, revision: str) -> list[Commit]:
        """The commits of a revision, the newest first. Raises Refusal."""
        found = [self.find(revision)]
        while found[-1].parent is not None:
            found.append(self.commits[found[-1].parent])
        return found

    def commit(self, branch: str, work: Operations) -> Commit:
        """Put a commit on a branch, whole or not at all. Raises Refusal."""
        if branch not in self.branches:
            raise no_revision(branch)
        head = self.commits[self.branches[branch]]
        if work.parent is not None and not head.oid.startswith(work.parent):
            raise Refusal(412, "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        for path in work.deletes:
            if tree.pop(path, None) is None:
                raise no_entry(f"{path}: A file with this name doesn't exist")
        for folder in work.deleted_folders:
            tree = {path: entry for path, entry in tree.items() if not path.startswith(folder.rstrip("/") + "/")}
        _raise_if_both(tree, work.writes)
        return self._put(branch, Commit("", head.oid, work.title, work.message, {**tree, **work.writes}))

    def add_branch(self, name: str, start: str) -> None:
        """Make a branch. Raises Refusal when it exists, or when `start` does not."""
        if name in self.branches:
            raise Refusal(409, f"Reference already exists: {name}")
        self.branches[name] = self.find(start).oid

    def remove_branch(self, name: str) -> None:
        """Delete a branch. Raises Refusal for `main`, and for one that does not exist."""
        if name == MAIN:
            raise Refusal(403, "main cannot be deleted")
        if self.branches.pop(name, None) is None:
            raise no_revision(name)

    def add_tag(self, name: str, revision: str) -> None:
        """Name a commit. Raises Refusal when the tag exists."""
        if name in self.tags:
            raise Refusal(409, f"Tag reference exists already: {name}")
        self.tags[name] = self.find(revision).oid

    def remove_tag(self, name: str) -> None:
        """Delete a tag. Raises Refusal when there is none."""
        if self.tags.pop(name, None) is None:
            raise no_revision(name)

    def _put(self, branch: str, made: Commit) -> Commit:
        parts = [str(len(self.commits)), made.parent, made.title, sorted(made.tree.items())]
        oid = hashlib.sha1(repr(parts).encode(), usedforsecurity=False).hexdigest()
        made = made._replace(oid=oid)
        self.commits[oid] = made
        self.branches[branch] = oid
        if branch == MAIN:
            self.shown.append(made.tree)
        return made


def _raise_if_both(tree: Mapping[str, Entry], writes: Iterable[str]) -> None:
    """Refuse a path that would be a file and a folder at once, and names that git does not take."""
    files = set(tree) | set(writes)
    for path in writes:
        parts = path.split("/")
        if any(part in ("", ".", "..", ".git") for part in parts):
            raise Refusal(400, f"Invalid path: {path}")
        if any("/".join(parts[:end]) in files for end in range(1, len(parts))):
            raise Refusal(400, f"{path}: a part of this path is a file")
