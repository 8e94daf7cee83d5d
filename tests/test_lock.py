"""The lock installs on every machine that we name: what has no wheel somewhere is left out there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.places import ROOT

MACHINES = {
    "Linux on x86-64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux on arm64": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "aarch64"},
    "macOS on arm64": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
# Where a pinned package has no wheel, by pip's own answer for each machine (docs/decisions/0012-the-lock.md).
NO_WHEEL = {"decord": {"Linux on arm64", "macOS on arm64"}}
PYTHON = {"python_version": "3.11", "python_full_version": "3.11.9", "os_name": "posix"}


def locked() -> Iterator[Requirement]:
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            yield Requirement(line)


def wanted() -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, group in {"": project["dependencies"], **project["optional-dependencies"]}.items():
        if name != "clip":  # installed beside a torchvision that fits the machine's torch
            yield from map(Requirement, group)


def installs(requirement: Requirement, machine: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(PYTHON | MACHINES[machine])


@pytest.mark.parametrize("machine", MACHINES)
def test_what_has_no_wheel_for_a_machine_is_left_out_there_and_nothing_else(machine: str) -> None:
    without = {name for name, machines in NO_WHEEL.items() if machine in machines}
    left_out = {canonicalize_name(each.name) for each in locked() if not installs(each, machine)}
    assert left_out == without
    assert {canonicalize_name(each.name) for each in wanted() if not installs(each, machine)} == without


def test_the_lock_has_one_exact_version_of_everything_that_the_project_wants() -> None:
    pins = {canonicalize_name(each.name): each for each in locked()}
    for each in pins.values():
        (one,) = each.specifier
        assert one.operator == "==" and "+" not in one.version, f"{each}: no build for one kind of machine"
    for each in wanted():
        pin = pins[canonicalize_name(each.name)]
        assert each.specifier.contains(next(iter(pin.specifier)).version, prereleases=True), f"{pin} is not {each}"
