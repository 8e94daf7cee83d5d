"""What the stand-in Hub answers about files: lists of them, uploads in both ways, commits and downloads."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from demo.hub.accounts import raise_if_gated
from demo.hub.refs import REPOSITORY, RefRoutes
from demo.hub.refusals import Refusal, no_entry
from demo.hub.repository import Entry, Operations, Repository, pointer
from demo.hub.state import HubState
from demo.hub.store import is_ignored, is_large

_FILES = "/datasets/{namespace}/{name}"
_ENTRIES_A_PAGE, _MOST_PREUPLOADS, _MOST_PATHS = 100, 256, 1000
_TOKEN_SECONDS = 3600


class FileRoutes:
    """The requests about files."""

    def __init__(self, hub: HubState) -> None:
        """Answer for the repositories of `hub`."""
        self._hub = hub
        self._find = RefRoutes(hub).repository

    def add(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get(f"{REPOSITORY}/tree/{{revision}}", self._tree)
        app.router.add_get(f"{REPOSITORY}/tree/{{revision}}/{{path:.*}}", self._tree)
        app.router.add_post(f"{REPOSITORY}/paths-info/{{revision}}", self._paths)
        app.router.add_post(f"{REPOSITORY}/preupload/{{revision}}", self._preupload)
        app.router.add_post(f"{REPOSITORY}/commit/{{revision}}", self._commit)
        app.router.add_get(f"{REPOSITORY}/xet-write-token/{{revision}}", self._xet_write)
        app.router.add_get(f"{REPOSITORY}/xet-read-token/{{revision}}", self._xet_read)
        app.router.add_post(f"{_FILES}.git/info/lfs/objects/batch", self._batch)
        app.router.add_put("/lfs/{sha256}", self._put)
        app.router.add_get(f"{_FILES}/resolve/{{revision}}/{{path:.*}}", self._resolve)

    async def _tree(self, request: web.Request) -> web.Response:
        found, _ = self._find(request)
        tree = found.find(request.match_info["revision"]).tree
        folder = request.match_info.get("path", "").strip("/")
        recursive = request.query.get("recursive", "").lower() in ("1", "true")
        items = list(_listed(tree, folder, recursive=recursive))
        if folder and not items:
            raise no_entry(folder)
        begin = int(request.query.get("cursor", 0))
        size = min(int(request.query.get("limit", _ENTRIES_A_PAGE)), _ENTRIES_A_PAGE)
        headers = {}
        if begin + size < len(items):
            query = {**request.query, "cursor": str(begin + size)}
            headers["Link"] = f'<{self._hub.url}{request.rel_url.with_query(query)}>; rel="next"'
        return web.json_response(items[begin : begin + size], headers=headers)

    async def _paths(self, request: web.Request) -> web.Response:
        found, _ = self._find(request)
        tree = found.find(request.match_info["revision"]).tree
        if request.content_type == "application/json":
            paths = (await request.json())["paths"]
        else:
            paths = [str(value) for value in (await request.post()).getall("paths", [])]
        if len(paths) > _MOST_PATHS:
            raise Refusal(413, "too many parameters")
        folders = {"/".join(path.split("/")[:end]) for path in tree for end in range(1, path.count("/") + 1)}
        items = [
            _file(path, tree[path]) if path in tree else _folder(path)
            for path in paths
            if path in tree or path in folders
        ]
        return web.json_response(items)

    async def _preupload(self, request: web.Request) -> web.Response:
        found, _ = self._find(request, to_write=True)
        tree = found.find(request.match_info["revision"]).tree
        files = (await request.json())["files"]
        if len(files) > _MOST_PREUPLOADS:
            raise Refusal(413, "too many files")
        rules, hidden = (self._content(tree.get(name)) for name in (".gitattributes", ".gitignore"))
        answers = []
        for file in files:
            there = tree.get(file["path"])
            mode = "lfs" if is_large(file["path"], file["size"], rules) else "regular"
            oid = None if there is None else there.sha256 if there.lfs else there.oid
            ignored = is_ignored(file["path"], hidden)
            answers.append({"path": file["path"], "uploadMode": mode, "shouldIgnore": ignored, "oid": oid})
        return web.json_response({"files": answers, "commitOid": found.branches.get(request.match_info["revision"])})

    async def _commit(self, request: web.Request) -> web.Response:
        found, _ = self._find(request, to_write=True)
        lines = [json.loads(line) for line in (await request.read()).splitlines()]
        with self._hub.lock:
            made = found.commit(request.match_info["revision"], self._operations(lines))
        address = f"{self._hub.url}/datasets/{found.id}/commit/{made.oid}"
        return web.json_response({"success": True, "commitOid": made.oid, "commitUrl": address, "hookOutput": ""})

    def _operations(self, lines: list[dict[str, Any]]) -> Operations:
        """What the lines of a commit say. Raises Refusal for malformed lines, and for files that nobody uploaded."""
        header: dict[str, Any] = {}
        writes: dict[str, Entry] = {}
        deletes, folders = [], []
        try:
            for line in lines:
                kind, value = line["key"], line["value"]
                if kind == "header":
                    header = value
                elif kind == "file":
                    writes[value["path"]] = self._hub.store.in_git(base64.b64decode(value["content"], validate=True))
                elif kind == "lfsFile":
                    writes[value["path"]] = self._hub.store.large(value["oid"])
                elif kind == "deletedFile":
                    deletes.append(value["path"])
                elif kind == "deletedFolder":
                    folders.append(value["path"])
                else:
                    raise Refusal(400, f"unknown operation: {kind}")
            return Operations(
                header["summary"],
                header.get("description", ""),
                header.get("parentCommit"),
                writes,
                tuple(deletes),
                tuple(folders),
            )
        except (LookupError, TypeError, binascii.Error) as error:
            raise Refusal(400, f"malformed commit: {type(error).__name__}: {error}") from error

    async def _xet_write(self, request: web.Request) -> web.Response:
        found, _ = self._find(request, to_write=True)
        found.find(request.match_info["revision"])
        return self._xet()

    async def _xet_read(self, request: web.Request) -> web.Response:
        found, account = self._find(request)
        raise_if_gated(found, account)
        return self._xet()

    def _xet(self) -> web.Response:
        end, address = int(time.time()) + _TOKEN_SECONDS, self._hub.store.xet.address
        fields = {"casUrl": address, "exp": end, "accessToken": "xet"}
        headers = {"X-Xet-Cas-Url": address, "X-Xet-Token-Expiration": str(end), "X-Xet-Access-Token": "xet"}
        return web.json_response(fields, headers=headers)

    async def _batch(self, request: web.Request) -> web.Response:
        """Where the old way of uploading puts a content: nowhere, when it is there already."""
        self._find(request, to_write=True)
        objects = []
        for asked in (await request.json())["objects"]:
            answer = {"oid": asked["oid"], "size": asked["size"]}
            if self._hub.store.path(asked["oid"]) is None:
                answer["actions"] = {"upload": {"href": f"{self._hub.url}/lfs/{asked['oid']}"}}
            objects.append(answer)
        return web.json_response({"transfer": "basic", "objects": objects})

    async def _put(self, request: web.Request) -> web.Response:
        content = await request.read()
        if hashlib.sha256(content).hexdigest() != request.match_info["sha256"]:
            raise Refusal(400, "the content has another SHA-256")
        self._hub.store.put(content)
        return web.Response()

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        found, account = self._find(request)
        raise_if_gated(found, account)
        commit = found.find(request.match_info["revision"])
        entry = commit.tree.get(request.match_info["path"])
        if entry is None:
            raise no_entry(request.match_info["path"])
        path = self._hub.store.path(entry.sha256)
        if path is None:
            raise Refusal(500, "the content is lost")
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{entry.sha256 if entry.lfs else entry.oid}"'}
        if entry.lfs:
            headers |= {"X-Linked-Etag": f'"{entry.sha256}"', "X-Linked-Size": str(entry.size)}
        if entry.xet is not None:
            headers["X-Xet-Hash"] = entry.xet
            headers["X-Xet-Refresh-Route"] = f"{self._hub.url}/api/datasets/{found.id}/xet-read-token/{commit.oid}"
        return _ranged(request, path.read_bytes(), headers)

    def _content(self, entry: Entry | None) -> bytes:
        path = None if entry is None else self._hub.store.path(entry.sha256)
        return b"" if path is None else path.read_bytes()


def _ranged(request: web.Request, content: bytes, headers: dict[str, str]) -> web.Response:
    """A content, or the part of it that the request asks for."""
    headers["Accept-Ranges"] = "bytes"
    if "Range" not in request.headers:
        return web.Response(body=content, headers=headers, content_type="application/octet-stream")
    try:
        asked = request.http_range
    except ValueError as error:
        raise Refusal(416, str(error)) from error
    first, last, _ = asked.indices(len(content))
    if first >= len(content):
        raise Refusal(416, "range not satisfiable", headers={"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {first}-{last - 1}/{len(content)}"
    return web.Response(status=206, body=content[first:last], headers=headers, content_type="application/octet-stream")


def _listed(tree: Mapping[str, Entry], folder: str, *, recursive: bool) -> Iterator[dict[str, Any]]:
    """The files and folders below `folder`, as the Hub lists them."""
    front, folders = f"{folder}/" if folder else "", set()
    for path in sorted(tree):
        if not path.startswith(front):
            continue
        below = path[len(front) :].split("/")
        for end in range(1, len(below) if recursive else min(2, len(below))):
            name = front + "/".join(below[:end])
            if name not in folders:
                folders.add(name)
                yield _folder(name)
        if recursive or len(below) == 1:
            yield _file(path, tree[path])


def _file(path: str, entry: Entry) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
    if entry.lfs:
        text = pointer(entry.sha256, entry.size)
        fields["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": len(text)}
    return fields | ({"xetHash": entry.xet} if entry.xet is not None else {})


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}


def content_of(hub: HubState, repository: Repository, path: str, revision: str = "main") -> bytes:
    """The bytes of a file as readers get them, for tests. Raises Refusal and KeyError."""
    entry = repository.find(revision).tree[path]
    place = hub.store.path(entry.sha256)
    assert place is not None
    return place.read_bytes()
