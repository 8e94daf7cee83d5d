"""Which tests one worker runs after another, and in which order the workers of pytest-xdist take such groups."""

from __future__ import annotations

import pytest

# Servers that take a minute to start: all tests of such a server are one group, so that it starts once.
_SERVERS = {"label_studio": "label-studio", "vllm": "vllm"}
# Tests that load torch and transformers, which takes a worker some seconds once, and that share tiny checkpoints. They
# are slow for that reason.
TORCH = (
    "tests/demo/tiny_models/",
    "tests/evaluation/metrics/test_embeddings.py",
    "tests/models/embedding/",
    "tests/models/local/",
    "tests/models/test_build.py",
    "tests/models/test_checks.py",
    "tests/training/",
)
# Groups of half a minute of work and more, the longest first. One that starts last leaves the other worker idle.
LONG = (
    "label-studio",
    "vllm",
    "tests/serving/test_faults.py",
    "tests/flows/test_curate.py",
    "torch",
    "tests/benchmarks/smollm2_study/test_curation.py",
    "tests/annotation/label_studio/test_server.py",
    "tests/flows/test_plan.py",
    "tests/flows/cli/test_review.py",
    "tests/annotation/pull/test_pull.py",
    "tests/flows/cli/releases/test_publish.py",
    "tests/flows/test_kill.py",
    "tests/curation/release/reconstruct/test_run.py",
    "tests/curation/release/consumers/test_check.py",
    "tests/flows/test_postgresql.py",
    "tests/evaluation/metrics/test_text.py",
    "tests/flows/test_resume.py",
    "tests/benchmarks/protocol_study/test_figures.py",
    "tests/flows/cli/test_review_listen.py",
)


def group_of(item: pytest.Item) -> str:
    """The group of a test: the server or the library that it shares with others, else its module.

    A module's fixtures are then made once. A test that shares nothing may have a group of its own by the mark
    pytest.mark.xdist_group.
    """
    names = getattr(item, "fixturenames", ())
    shared = [group for fixture, group in _SERVERS.items() if fixture in names]
    if shared:
        return shared[0]
    return "torch" if item.nodeid.startswith(TORCH) else item.nodeid.split("::")[0]


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """The tests group by group: long groups by their length, then groups with slow tests, then quick ones.

    Inside a group tests keep their order. Gives every test the mark of its group.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))
        if item.nodeid.startswith(TORCH):
            item.add_marker(pytest.mark.slow)
        mark = item.get_closest_marker("xdist_group")
        assert mark is not None
        groups.setdefault(mark.args[0], []).append(item)

    def place(group: str) -> int:
        if group in LONG:
            return LONG.index(group)
        slow = any(item.get_closest_marker("slow") for item in groups[group])
        return len(LONG) + (not slow)

    return [item for group in sorted(groups, key=place) for item in groups[group]]
