"""The pages of a workspace that a person may open: its reports, browse pages of its releases, evaluations."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Template

from curation.release.browse.place import MARKER
from curation.release.versions import released, releases_folder
from curation.workspace import Workspace
from pages.templates import asset, load_template, policy, trusted

_REPORTS = (
    ("report.html", "The report of the run", "v2xum report {root}"),
    ("review.html", "The review by people", "v2xum review report {root}"),
    ("binding.html", "Evidence of the binding audit", ""),
    ("repeats.html", "Evidence of summaries that repeat", ""),
)
_NO_PAGES = frozenset({"store", "prefect", "export", "fingerprints", "sheets", "review", "report"})
_MOST_FOLDERS = 500


class Page(NamedTuple):
    """A page that is there: its title, the folder that is served with it, and its file in that folder."""

    title: str
    folder: Path
    file: str


class Missing(NamedTuple):
    """A page that is not there, and the command that makes it."""

    title: str
    command: str


class Found(NamedTuple):
    """The pages of a workspace, and those that could be made."""

    name: str
    pages: Sequence[Page]
    missing: Sequence[Missing]


def find_pages(place: Workspace, named: Path) -> Found:
    """The pages in a workspace, and in the folder `named` that holds it (`mine` of `mine/workspace`).

    Browse pages and evaluations are found by the files that mark them, in folders and in those below them.
    """
    root, home = place.root.resolve(), named.resolve()
    shown = shlex.quote(str(place.root))
    pages, missing = list[Page](), list[Missing]()
    for file, title, command in _REPORTS:
        if (root / "report" / file).is_file():
            pages.append(Page(title, root / "report", file))
        elif command:
            missing.append(Missing(title, command.format(root=shown)))
    folders = list(dict.fromkeys(folder for base in (home, root) for folder in _below(base)))
    browse = [folder for folder in folders if (folder / MARKER).is_file() and (folder / "index.html").is_file()]
    pages += [Page(f"Samples: {_name(folder, home)}", folder, "index.html") for folder in browse]
    if not browse:
        missing.append(Missing("Samples of a release", _to_browse(place, named)))
    measured = [f for f in folders if (f / "evaluation.json").is_file() and (f / "report.html").is_file()]
    pages += [Page(f"Evaluation: {_name(folder, home)}", folder, "report.html") for folder in measured]
    if not measured:
        out, export = shlex.quote(str(named / "evaluation")), shlex.quote(str(place.export))
        command = f"v2xum evaluate NAME=predictions.jsonl --references {export} --out {out}"
        missing.append(Missing("An evaluation", command))
    return Found(home.name, pages, missing)


def _below(base: Path) -> Iterator[Path]:
    """The folders in a folder, and those in them, without links, hidden ones and those that hold no pages."""
    count = 0
    for first in _folders(base):
        for folder in (first, *_folders(first)):
            yield folder
            count += 1
            if count >= _MOST_FOLDERS:
                return


def _folders(base: Path) -> list[Path]:
    try:
        entries = sorted(base.iterdir())
    except OSError:
        return []
    own = [path for path in entries if path.name not in _NO_PAGES and not path.name.startswith(".")]
    return [path for path in own if path.is_dir() and not path.is_symlink()]


def _name(folder: Path, home: Path) -> str:
    return str(folder.relative_to(home)) if folder.is_relative_to(home) else folder.name


def _to_browse(place: Workspace, named: Path) -> str:
    """The command that makes a browse page of the newest release; of a workspace without one, the release first."""
    root, versions = shlex.quote(str(place.root)), released(releases_folder(place))
    version = versions[-1] if versions else "0.1.0"
    make = f"v2xum browse {root} {version} --out {shlex.quote(str(named / 'browse'))}"
    return make if versions else f"v2xum release {root} {version} && {make}"


def index_page(found: Found) -> str:
    """The page that links what is there, and says how to make what is not. Page n is at /n/ (from 1)."""
    css = asset("open.css")
    links = [(f"/{number}/{page.file}", page.title) for number, page in enumerate(found.pages, start=1)]
    return _template().render(
        name=found.name, links=links, missing=found.missing, css=trusted(css), policy=policy(css, pictures=False)
    )


@functools.cache
def _template() -> Template:
    return load_template("open.html.jinja", {})
