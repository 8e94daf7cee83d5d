"""A dataset repository on the Hub, as publishing needs it: every call is bounded, and every error a sentence."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from huggingface_hub import HfApi, HfFileSystem, get_token, set_client_factory
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils._http import default_client_factory
from huggingface_hub.utils.tqdm import disable_progress_bars

from curation.release.hub.trouble import asked_to_wait, is_transient, sentence, status_of
from curation.release.publish.steps import Steps
from schemas.errors import NotPublished

T = TypeVar("T")
MAIN = "main"
TRIES = 5
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_SECONDS = 300.0  # a large commit takes the Hub most of a minute
_BLOCK = 1 << 20
_KIND = "dataset"


class RemoteFile(NamedTuple):
    """A file of a commit: size in bytes, git object, and SHA-256 where the Hub keeps it outside git."""

    path: str
    bytes: int
    oid: str
    sha256: str | None


class Refs(NamedTuple):
    """Branches and tags of a repository, each with its commit."""

    branches: dict[str, str]
    tags: dict[str, str]


class HubRepository:
    """One dataset repository, and the token that asks.

    Calls raise ConfigError and NotPublished (curation.release.hub.trouble), and Interrupted between two tries. Calls
    that change nothing when they are repeated are tried up to five times.
    """

    def __init__(self, name: str, steps: Steps, *, endpoint: str | None = None, token: str | None = None) -> None:
        """`name` is OWNER/NAME. `endpoint` and `token` are by default those of the environment."""
        self.name = name
        self.steps = steps
        self._token = token or get_token()
        set_client_factory(_bounded_client)
        if not sys.stderr.isatty():
            disable_progress_bars()
        self.api = HfApi(endpoint=endpoint, token=self._token, library_name="v2xum-curator")
        self._files = HfFileSystem(endpoint=self.api.endpoint, token=self._token, skip_instance_cache=True)

    @property
    def address(self) -> str:
        """Where people look at it."""
        return f"{self.api.endpoint}/datasets/{self.name}"

    def whoami(self) -> dict[str, Any]:
        """Who the token is of, and what it may do."""
        return self.call("asking who the token is of", lambda: self.api.whoami(token=self._token))

    def info(self) -> Any:
        """Whether the repository is private and gated; None when it does not exist or must not be seen."""

        def ask() -> Any:
            try:
                return self.api.repo_info(self.name, repo_type=_KIND)
            except RepositoryNotFoundError:
                return None

        return self.call("looking at the repository", ask)

    def raise_if_not_writable(self) -> None:
        """Raise ConfigError when the token may not write to the repository."""
        self.call("asking for write access", lambda: self.api.auth_check(self.name, repo_type=_KIND, write=True))

    def create(self, *, private: bool) -> None:
        """Make the repository."""
        self.call(
            "making the repository",
            lambda: self.api.create_repo(self.name, repo_type=_KIND, private=private, exist_ok=True),
        )

    def close_to_the_public(self, *, private: bool, gated: bool) -> None:
        """Let only its owners see it (`private`), or only those who ask for access load it (`gated`)."""
        settings: dict[str, Any] = {}
        settings |= {"private": True} if private else {}
        settings |= {"gated": "auto"} if gated else {}
        if settings:
            self.call(
                "restricting access", lambda: self.api.update_repo_settings(self.name, repo_type=_KIND, **settings)
            )

    def refs(self) -> Refs:
        """Its branches and tags."""
        found = self.call("listing branches", lambda: self.api.list_repo_refs(self.name, repo_type=_KIND))
        return Refs(*({ref.name: ref.target_commit for ref in refs} for refs in (found.branches, found.tags)))

    def tree(self, revision: str) -> dict[str, RemoteFile]:
        """All files of a revision, by path."""

        def ask() -> dict[str, RemoteFile]:
            listed = self.api.list_repo_tree(self.name, repo_type=_KIND, revision=revision, recursive=True)
            files = (item for item in listed if isinstance(item, RepoFile))
            return {
                file.path: RemoteFile(file.path, file.size, file.blob_id, file.lfs.sha256 if file.lfs else None)
                for file in files
            }

        return self.call("listing files", ask)

    def titles(self, revision: str) -> list[tuple[str, str]]:
        """Hash and title of the commits of a revision, the newest first."""
        found = self.call(
            "listing commits", lambda: self.api.list_repo_commits(self.name, repo_type=_KIND, revision=revision)
        )
        return [(commit.commit_id, commit.title) for commit in found]

    def add_branch(self, branch: str, start: str) -> None:
        """Make a branch that begins at the commit `start`; one that is there stays."""
        self.call(
            "making a branch",
            lambda: self.api.create_branch(self.name, repo_type=_KIND, branch=branch, revision=start, exist_ok=True),
        )

    def remove_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone is no error."""

        def ask() -> None:
            try:
                self.api.delete_branch(self.name, repo_type=_KIND, branch=branch)
            except HfHubHTTPError as error:
                if status_of(error) != 404:
                    raise

        self.call("deleting a branch", ask)

    def add_tag(self, tag: str, commit: str, message: str) -> None:
        """Name a commit; a tag that is there stays, and the caller looks at it."""
        self.call(
            "making a tag",
            lambda: self.api.create_tag(
                self.name, repo_type=_KIND, tag=tag, revision=commit, tag_message=message, exist_ok=True
            ),
        )

    def commit(self, branch: str, operations: Sequence[Any], title: str, parent: str | None = None) -> str:
        """Put one commit on a branch, whole or not at all; returns its hash.

        It is tried once: whether a commit whose answer was lost is there, only the caller can say. With `parent`,
        nothing happens when the branch has moved on from that commit.
        """

        def ask() -> str:
            made = self.api.create_commit(
                self.name, operations, commit_message=title, repo_type=_KIND, revision=branch, parent_commit=parent
            )
            return str(made.oid)

        return self.call(f"committing to {branch}", ask, tries=1)

    def content(self, path: str, revision: str, most: int) -> bytes:
        """A file of at most `most` bytes. Raises NotPublished for a larger one."""
        found = self.call(f"reading {path}", lambda: b"".join(self.blocks(path, revision, most)))
        if len(found) > most:
            raise NotPublished(f"{self.name}: {path} has more than {most} bytes")
        return found

    def sha256(self, path: str, revision: str) -> tuple[str, int]:
        """SHA-256 and size of a file as a reader gets it: its bytes are read, and nothing is stored."""

        def ask() -> tuple[str, int]:
            digest, size = hashlib.sha256(), 0
            for block in self.blocks(path, revision):
                digest.update(block)
                size += len(block)
            return digest.hexdigest(), size

        return self.call(f"reading {path} back", ask)

    def blocks(self, path: str, revision: str, most: int | None = None) -> Iterator[bytes]:
        """The bytes of a file of a commit (its hash), in blocks; at most one block more than `most` bytes."""
        with self._files.open(f"datasets/{self.name}@{revision}/{path}", "rb", block_size=0) as stream:
            read = 0
            while (most is None or read <= most) and (block := stream.read(_BLOCK)):
                read += len(block)
                yield block
                self.steps.raise_if_stopped()

    def call(self, doing: str, ask: Callable[[], T], tries: int = TRIES) -> T:
        """Do a call of the library; its error becomes a sentence. Transient ones are tried `tries` times in all."""
        for number in range(1, tries + 1):
            self.steps.raise_if_stopped()
            try:
                return ask()
            except Exception as error:
                told = sentence(error, self.name, doing, self._token)
                if told is None:
                    raise
                asked = asked_to_wait(error)
                if number == tries or not is_transient(error) or asked > _LONGEST_WAIT:
                    raise told from None  # the library's error may hold the request, and with it the token
            self.steps.wait(max(asked, min(_FIRST_WAIT * 2 ** (number - 1), _LONGEST_WAIT)))
        raise AssertionError("unreachable")


def _bounded_client() -> Any:
    """The library's client with an end for every request: by default it waits for ever."""
    client = default_client_factory()
    client.timeout = _SECONDS
    return client
