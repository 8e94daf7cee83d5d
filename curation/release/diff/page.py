"""Renders the differences of two releases: one HTML file that loads nothing from a network and runs no script."""

from __future__ import annotations

import functools
from itertools import groupby

from jinja2 import Template

from curation.release.diff.compare import Compared
from curation.release.diff.examples import Example
from curation.release.diff.text import parts, said_of_releases, table_of_causes
from pages.templates import asset, load_template, policy, trusted
from schemas.documents.release_diff import CAUSES

MOST_ROWS = 300


def render_page(compared: Compared) -> str:
    """The page as text, of bounded size: up to 300 rows of each kind, and the old and new texts of some."""
    css = asset("diff.css")
    diff = compared.diff
    return _template().render(
        d=diff,
        policy=policy(css, pictures=False),
        css=trusted(css),
        causes=table_of_causes(diff),
        said=said_of_releases(diff),
        parts=[
            (part, anchor) for part, anchor in zip(parts(diff, MOST_ROWS), ("came", "went", "changed"), strict=True)
        ],
        groups=_groups(compared.examples),
    )


def _groups(examples: tuple[Example, ...]) -> list[tuple[str, list[Example]]]:
    """The examples by their first cause, in the order of the vocabulary."""
    order = list(CAUSES)
    ordered = sorted(examples, key=lambda example: (order.index(example.causes[0].cause), example.id))
    return [(str(name), list(each)) for name, each in groupby(ordered, key=lambda example: example.causes[0].cause)]


@functools.cache
def _template() -> Template:
    return load_template("diff.html.jinja", {})
