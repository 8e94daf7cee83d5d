"""The project of a workspace on the server: found again by a mark in its description, whatever else people change."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path
from typing import NamedTuple

from annotation.label_studio.access import URL, Access
from annotation.label_studio.client import LabelStudio, Project
from annotation.label_studio.interface import guidelines_html, interface
from schemas.errors import ConfigError

FILES = "V2XUM_LABEL_STUDIO_FILES"
_MARK = re.compile(r"v2xum review ([0-9a-f]{32}) interface ([0-9a-f]{16})")


class OwnProject(NamedTuple):
    """A project of ours: `key` is its own for ever and on every server, `interface` the hash that we gave it."""

    project: Project
    key: str
    interface: str

    @property
    def changed(self) -> bool:
        """Whether somebody changed its labelling interface by hand."""
        return _digest(self.project.label_config) != self.interface


def find_project(server: LabelStudio, title: str) -> OwnProject | None:
    """The project of this title; None when there is none.

    Raises ConfigError when it is one that `review push` did not make, or when several answer to the title.
    """
    same = [project for project in server.projects() if project.title == title]
    ours = [marked for project in same if (marked := _marked(project)) is not None]
    if len(ours) > 1:
        raise ConfigError(f"{server.url}: {len(ours)} projects are called {title!r}; rename those that are not meant")
    if same and not ours:
        raise ConfigError(
            f"{server.url}: the project {title!r} is not one that `v2xum review push` made (or its description lost "
            "the line that tells); choose another --project"
        )
    return ours[0] if ours else None


def make_project(server: LabelStudio, title: str) -> OwnProject:
    """A new project with our interface and guidelines.

    Made with one annotator a task: those that more people shall judge come after the others.
    """
    key, digest = uuid.uuid4().hex, _digest(interface())
    project = server.create_project(
        title=title,
        description=_description(key, digest),  # from the start, so that one that we could not finish is ours too
        label_config=interface(),
        expert_instruction=guidelines_html(),
        show_instruction=True,
        show_skip_button=True,
        show_collab_predictions=True,
        enable_empty_annotation=False,
        show_annotation_history=False,
        maximum_annotations=1,
        sampling="Sequential sampling",
        show_overlap_first=False,
    )
    return OwnProject(project, key, digest)


def renew_interface(server: LabelStudio, marked: OwnProject) -> OwnProject:
    """Bring an interface that nobody changed by hand up to this version of the program."""
    if marked.changed or _digest(interface()) == marked.interface:
        return marked
    number = marked.project.id
    server.update_project(number, label_config=interface(), expert_instruction=guidelines_html())
    digest = _digest(interface())
    return OwnProject(server.update_project(number, description=_description(marked.key, digest)), marked.key, digest)


def media_folder(folder: Path, access: Access) -> str:
    """The folder of media as the server sees it: its own path when it is ours, else what the environment says.

    Raises ConfigError when another server is used and nothing says how it sees the folder.
    """
    given = os.environ.get(FILES, "").strip()
    if given or access.username:
        return given or str(folder)
    raise ConfigError(
        f"{URL} is another server: copy or mount {folder} where it can read it, under its document root for local "
        f"files, and set {FILES} to the path of `media` there (docs/guides/review.md)"
    )


def _marked(project: Project) -> OwnProject | None:
    found = _MARK.search(project.description)
    return OwnProject(project, found[1], found[2]) if found else None


def _description(key: str, digest: str) -> str:
    words = "Video summaries to be verified. The next line is how they are found again; leave it here."
    return f"{words}\nv2xum review {key} interface {digest}"


def _digest(label_config: str) -> str:
    """A hash of a labelling interface that white space does not change."""
    return hashlib.sha256(" ".join(label_config.split()).encode()).hexdigest()[:16]
