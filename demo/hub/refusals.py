"""What the stand-in Hub answers when it refuses a request: a status, and the error code that clients look at."""

from __future__ import annotations

from aiohttp import web


class Refusal(Exception):
    """A request that is refused: `status`, the Hub's own `code` (such as RepoNotFound, or None), and a message."""

    def __init__(
        self, status: int, message: str, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        """Keep the parts of the answer."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The answer, as the Hub writes it."""
        headers = {"X-Error-Message": self.message.replace("\n", " "), **self.headers}
        if self.code is not None:
            headers["X-Error-Code"] = self.code
        return web.json_response({"error": self.message}, status=self.status, headers=headers)


def no_repository() -> Refusal:
    """The answer for a repository that does not exist, or that this token may not see."""
    return Refusal(404, "Repository not found", "RepoNotFound")


def no_revision(revision: str) -> Refusal:
    """The answer for a branch, tag or commit that does not exist."""
    return Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def no_entry(path: str) -> Refusal:
    """The answer for a file that the revision does not have."""
    return Refusal(404, f"Entry not found: {path}", "EntryNotFound")
