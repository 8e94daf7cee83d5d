"""The review's project on the server: finds it, makes it, and updates its interface.

A project is recognised by a line that we write into its description, so people may change everything else.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path
from typing import NamedTuple

from annotation.label_studio.access import URL, Access
from annotation.label_studio.client import LabelStudio, Project
from annotation.label_studio.interface import NAMES, guidelines_html, interface, shows_speech
from schemas.errors import ConfigError

FILES = "V2XUM_LABEL_STUDIO_FILES"
_MARK = re.compile(r"v2xum review ([0-9a-f]{32}) interface ([0-9a-f]{16})")


class OwnProject(NamedTuple):
    """A project that `review push` made.

    `key`: the project's own id, the same for ever and on every server; `interface`: the hash of the labelling interface
    that we gave it last.
    """

    project: Project
    key: str
    interface: str

    @property
    def changed(self) -> bool:
        """Whether somebody changed the labelling interface by hand."""
        # An update that was interrupted has given the new interface and not yet noted it.
        ours = (_digest(interface(spoken=spoken)) for spoken in (False, True))
        return _digest(self.project.label_config) not in (self.interface, *ours)

    @property
    def spoken(self) -> bool:
        """Whether its screen shows transcripts."""
        return shows_speech(self.project.label_config)


def find_project(server: LabelStudio, title: str) -> OwnProject | None:
    """Our project of this title; None when no project has the title.

    Raises ConfigError when `review push` did not make the project, or when several of our projects have the title.
    """
    same = [project for project in server.projects() if project.title == title]
    ours = [own for project in same if (own := _own(project)) is not None]
    if len(ours) > 1:
        raise ConfigError(f"{server.url}: {len(ours)} projects are called {title!r}; rename all but one of them")
    if same and not ours:
        raise ConfigError(
            f"{server.url}: `v2xum review push` did not make the project {title!r} (or somebody deleted the line "
            "in its description that says so); choose another --project"
        )
    return ours[0] if ours else None


def make_project(server: LabelStudio, title: str, *, spoken: bool = False) -> OwnProject:
    """A new project with our interface and guidelines; `spoken`: its screen shows transcripts.

    It starts with one annotator a task: tasks for several annotators are added after the others.
    """
    screen = interface(spoken=spoken)
    key, digest = uuid.uuid4().hex, _digest(screen)
    project = server.create_project(
        title=title,
        description=_description(key, digest),  # set at once: an interrupted push must find it again
        label_config=screen,
        expert_instruction=guidelines_html(spoken=spoken),
        show_instruction=False,
        show_skip_button=True,
        show_collab_predictions=True,
        enable_empty_annotation=False,
        show_annotation_history=False,
        maximum_annotations=1,
        sampling="Sequential sampling",
        show_overlap_first=False,
    )
    return OwnProject(project, key, digest)


def update_interface(server: LabelStudio, own: OwnProject, *, spoken: bool = False) -> bool:
    """Give the project this version's interface and guidelines, unless somebody changed its interface by hand.

    `spoken`: the screen shows transcripts; one that shows them already goes on, since annotations may have corrected
    some. Returns whether the project had, or still has to finish, another interface; `finish_interface` ends that.
    Raises ConfigError when an earlier version's interface was changed by hand: tasks made now could not be judged with
    it.
    """
    if own.changed:
        if f'name="{NAMES.marks}"' not in own.project.label_config:
            raise ConfigError(
                f"{server.url}: the labelling interface of {own.project.title!r} is an earlier version's and was "
                "changed by hand, so tasks that are made now could not be judged in it; push to another --project"
            )
        return False
    spoken = spoken or own.spoken
    screen = interface(spoken=spoken)
    if _digest(screen) == own.interface:
        return False
    server.update_project(
        own.project.id,
        label_config=screen,
        expert_instruction=guidelines_html(spoken=spoken),
        show_instruction=False,
    )
    return True


def finish_interface(server: LabelStudio, own: OwnProject, *, spoken: bool = False) -> OwnProject:
    """Note in the project that it has this version's interface; returns the project as it is then.

    `spoken`: as `update_interface` was told.
    """
    digest = _digest(interface(spoken=spoken or own.spoken))
    project = server.update_project(own.project.id, description=_description(own.key, digest))
    return OwnProject(project, own.key, digest)


def media_folder(folder: Path, access: Access) -> str:
    """The media folder's path on the server's machine: `folder` for our own server, else V2XUM_LABEL_STUDIO_FILES.

    Raises ConfigError when the server is another one and the variable is not set.
    """
    given = os.environ.get(FILES, "").strip()
    if given or access.username:
        return given or str(folder)
    raise ConfigError(
        f"{URL} is another server: copy or mount {folder} where it can read it, under its document root for local "
        f"files, and set {FILES} to the path of `media` there (docs/guides/review.md)"
    )


def _own(project: Project) -> OwnProject | None:
    mark = _MARK.search(project.description)
    return OwnProject(project, mark[1], mark[2]) if mark else None


def _description(key: str, digest: str) -> str:
    words = "Video summaries to be verified. The next line identifies this project; do not delete it."
    return f"{words}\nv2xum review {key} interface {digest}"


def _digest(label_config: str) -> str:
    """A hash of a labelling interface; changes of white space do not change it."""
    return hashlib.sha256(" ".join(label_config.split()).encode()).hexdigest()[:16]
