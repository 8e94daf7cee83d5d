"""A proxy before the real server refuses large requests: all smaller tasks arrive, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import closing

import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.project import find_project
from annotation.push.existing_tasks import Journal
from curation.review.verdict_store import Reviews
from curation.workspace import Workspace
from tests.annotation.people import Api, push
from tests.annotation.proxy import proxy
from tests.annotation.workspaces import Film

pytestmark = [pytest.mark.slow, pytest.mark.labelstudio]
Make = Callable[..., Workspace]


def in_flight(place: Workspace, access: Access, title: str) -> bool:
    """Whether the ledger believes that a batch of this project is still on its way to the server."""
    with LabelStudio(access) as server, closing(place.ledger()) as ledger:
        own = find_project(server, title)
        assert own is not None
        return Journal(Reviews(ledger), own.key).begun() is not None


@pytest.mark.parametrize("hurried", [False, True])
def test_batches_are_halved_until_only_a_task_that_is_too_large_fails(
    workspace: Make, access: Access, title: str, hurried: bool
) -> None:
    films = [Film(f"film-{n}", {0: f"Caption {n}. " * 300, 2: "Another."}, seconds=4) for n in range(7)]
    large = Film("film-3", {0: "A long story. " * 4000}, seconds=4)
    place, api = workspace([*films[:3], large, *films[4:]]), Api(access)
    with proxy(access.url, 50_000, hurried=hurried) as before:
        through = access.model_copy(update={"url": before.url})
        done = push(place, through, title)
        assert before.refused and max(before.passed) <= 50_000
        assert done.added == 6
        ((name, why),) = done.failed
        assert name == "film-3" and "413" in why
        expected = Counter(film.name for film in films if film.name != "film-3")
        assert Counter(task["data"]["sample_id"] for task in api.tasks(done.project)) == expected
        again = push(place, through, title)
        assert (again.added, again.unchanged, again.failed) == (0, 6, done.failed)
        assert not in_flight(place, access, title), "the next push would wait for a task that cannot arrive"
        checked = push(place, through, title, check=True)
        assert (checked.added, checked.unchanged, checked.failed) == (0, 6, done.failed)
    whole = push(place, access, title)
    assert (whole.added, whole.unchanged, whole.failed) == (1, 6, ())
    assert Counter(task["data"]["sample_id"] for task in api.tasks(done.project)) == Counter(f.name for f in films)


def test_when_every_task_is_too_large_every_sample_fails_with_the_reason(
    workspace: Make, access: Access, title: str
) -> None:
    place = workspace([Film(f"film-{n}", {0: "Long. " * 10_000}, seconds=4) for n in range(3)])
    with proxy(access.url, 50_000, hurried=False) as before:
        done = push(place, access.model_copy(update={"url": before.url}), title)
    assert done.added == 0 and [name for name, _ in done.failed] == ["film-0", "film-1", "film-2"]
    assert not in_flight(place, access, title)
    assert Api(access).tasks(done.project) == []
    assert push(place, access, title).added == 3
