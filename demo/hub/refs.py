"""What the stand-in Hub answers about repositories: who asks, their settings, their commits, branches and tags."""

from __future__ import annotations

from typing import Any

import yaml
from aiohttp import web

from demo.hub.accounts import Account, raise_if_hidden, raise_if_not_writable
from demo.hub.refusals import Refusal
from demo.hub.repository import MAIN, Commit, Repository
from demo.hub.state import HubState
from demo.hub.store import GITATTRIBUTES

REPOSITORY = "/api/datasets/{namespace}/{name}"
_DATE = "2026-01-01T00:00:00.000Z"
_COMMITS_A_PAGE = 50


class RefRoutes:
    """The requests about repositories and their refs."""

    def __init__(self, hub: HubState) -> None:
        """Answer for the repositories of `hub`."""
        self._hub = hub

    def add(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/api/whoami-v2", self._whoami)
        app.router.add_post("/api/repos/create", self._create)
        app.router.add_post("/api/validate-yaml", self._validate)
        app.router.add_get(f"{REPOSITORY}/auth-check", self._may_read)
        app.router.add_get(f"{REPOSITORY}/auth-check/write", self._may_write)
        app.router.add_get(f"{REPOSITORY}/refs", self._refs)
        app.router.add_get(f"{REPOSITORY}/commits/{{revision}}", self._commits)
        app.router.add_post(f"{REPOSITORY}/branch/{{branch}}", self._add_branch)
        app.router.add_delete(f"{REPOSITORY}/branch/{{branch}}", self._remove_branch)
        app.router.add_post(f"{REPOSITORY}/tag/{{revision}}", self._add_tag)
        app.router.add_delete(f"{REPOSITORY}/tag/{{revision}}", self._remove_tag)
        app.router.add_put(f"{REPOSITORY}/settings", self._settings)
        app.router.add_get(f"{REPOSITORY}/revision/{{revision}}", self._about)
        app.router.add_get(REPOSITORY, self._about)

    def repository(self, request: web.Request, *, to_write: bool = False) -> tuple[Repository, Account | None]:
        """The repository that a request names, and who asks. Raises Refusal."""
        account = self._hub.account(request)
        named = "{namespace}/{name}".format_map(request.match_info)
        found = raise_if_hidden(self._hub.repositories.get(named), account)
        if to_write:
            raise_if_not_writable(found, account)
        return found, account

    async def _whoami(self, request: web.Request) -> web.Response:
        account = self._hub.account(request)
        if account is None:
            raise Refusal(401, "Invalid username or password.")
        return web.json_response(account.document())

    async def _create(self, request: web.Request) -> web.Response:
        account, asked = self._hub.account(request), await request.json()
        if account is None:
            raise Refusal(401, "Invalid username or password.")
        namespace = asked.get("organization") or account.name
        if not account.may_write(namespace):
            raise Refusal(403, f"You don't have the rights to create a dataset under the namespace {namespace!r}")
        named = f"{namespace}/{asked['name']}"
        if named in self._hub.repositories:
            raise Refusal(409, "You already created this dataset repo")
        made = Repository(named, private=asked.get("visibility") == "private" or bool(asked.get("private")))
        made.begin({".gitattributes": self._hub.store.in_git(GITATTRIBUTES.encode())})
        self._hub.repositories[named] = made
        return web.json_response({"url": f"{self._hub.url}/datasets/{named}", "name": named, "id": named})

    async def _validate(self, request: web.Request) -> web.Response:
        """The Hub's check of a card's header, as far as YAML itself goes."""
        text = (await request.json())["content"]
        parts = text.split("---\n", 2)
        if not text.startswith("---\n") or len(parts) < 3:
            return web.json_response(
                {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
            )
        try:
            header = yaml.safe_load(parts[1])
        except yaml.YAMLError as error:
            return web.json_response({"errors": [{"message": str(error)[:200]}], "warnings": []}, status=400)
        if not isinstance(header, dict):
            return web.json_response({"errors": [{"message": "not an object"}], "warnings": []}, status=400)
        return web.json_response({"errors": [], "warnings": []})

    async def _may_read(self, request: web.Request) -> web.Response:
        self.repository(request)
        return web.json_response({})

    async def _may_write(self, request: web.Request) -> web.Response:
        self.repository(request, to_write=True)
        return web.json_response({})

    async def _about(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request)
        commit = found.find(request.match_info.get("revision", MAIN))
        fields: dict[str, Any] = {
            "_id": "0",
            "id": found.id,
            "author": found.id.split("/")[0],
            "sha": commit.oid,
            "private": found.private,
            "gated": found.gated,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "lastModified": _DATE,
            "createdAt": _DATE,
            "siblings": [{"rfilename": path} for path in sorted(commit.tree)],
        }
        return web.json_response(fields)

    async def _refs(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request)
        fields: dict[str, Any] = {"converts": [], "pullRequests": []}
        for kind, folder, names in (("branches", "heads", found.branches), ("tags", "tags", found.tags)):
            fields[kind] = [
                {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": oid} for name, oid in names.items()
            ]
        return web.json_response(fields)

    async def _commits(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request)
        history, page = found.history(request.match_info["revision"]), int(request.query.get("p", 0))
        begin = page * _COMMITS_A_PAGE
        headers = {}
        if begin + _COMMITS_A_PAGE < len(history):
            headers["Link"] = f'<{self._hub.url}{request.path}?p={page + 1}>; rel="next"'
        return web.json_response(
            [_said(commit) for commit in history[begin : begin + _COMMITS_A_PAGE]], headers=headers
        )

    async def _add_branch(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request, to_write=True)
        asked = await request.json() if request.can_read_body else {}
        found.add_branch(request.match_info["branch"], asked.get("startingPoint") or MAIN)
        return web.json_response({})

    async def _remove_branch(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request, to_write=True)
        found.remove_branch(request.match_info["branch"])
        return web.json_response({})

    async def _add_tag(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request, to_write=True)
        found.add_tag((await request.json())["tag"], request.match_info["revision"])
        return web.json_response({})

    async def _remove_tag(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request, to_write=True)
        found.remove_tag(request.match_info["revision"])
        return web.json_response({})

    async def _settings(self, request: web.Request) -> web.Response:
        found, _ = self.repository(request, to_write=True)
        asked = await request.json()
        found.gated = asked.get("gated", found.gated)
        if "visibility" in asked or "private" in asked:
            found.private = asked.get("visibility") == "private" or bool(asked.get("private"))
        return web.json_response({})


def _said(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.message,
        "date": _DATE,
        "authors": [{"user": "me"}],
    }
