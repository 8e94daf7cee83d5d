"""The locks: every package in one exact version, what has no wheel somewhere left out there, and their audit."""

from __future__ import annotations

import os
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.places import ROOT

LOCKS = [*sorted(ROOT.glob("requirements*.lock")), ROOT / "annotation" / "label_studio" / "requirements.lock"]
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
        if name not in (
            "clip",
            "speech",
            "ocr",
            "faces",
        ):  # beside the environment: requirements-open-clip.lock and so on
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


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_line_of_every_lock_is_one_exact_version(lock: Path) -> None:
    names = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if not line or line.startswith((" ", "#")):
            continue
        requirement = Requirement(line)
        assert requirement.url is None, f"{line}: from a place of its own"
        (one,) = requirement.specifier
        assert one.operator == "==" and "*" not in one.version, line
        names.append(canonicalize_name(requirement.name))
    assert names and len(names) == len(set(names))


def test_the_audit_reads_every_lock() -> None:
    script = (ROOT / ".ci" / "audit").read_text(encoding="utf-8")
    assert all(str(lock.relative_to(ROOT)) in script for lock in LOCKS) and len(LOCKS) == 8
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "audit.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["audit"]["steps"][-1]["run"].startswith("make audit AUDIT=strict")
    assert "make audit" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("says", "status", "words", "plain", "strict"),
    [
        ("", 0, "no known fault", 0, 0),
        ("FOUND", 1, "known faults", 1, 1),
        ("requests.exceptions.ConnectionError: Max retries exceeded", 1, "NOT AUDITED: the database", 0, 1),
        ("error: the requirements file is broken", 1, "NOT AUDITED:", 1, 1),
    ],
)
def test_the_audit_fails_for_a_fault_and_says_where_there_is_no_network(
    says: str, status: int, words: str, plain: int, strict: int, tmp_path: Path
) -> None:
    """The database of faults is not there in tests: a program in the place of pip-audit says what it would say."""
    program = tmp_path / "pip-audit"
    found = 'for last; do :; done; echo "{}" >"$last"' if says == "FOUND" else "true"
    program.write_text(f"#!/usr/bin/env bash\n{found}\necho '{says}' >&2\nexit {status}\n")
    program.chmod(0o755)
    for asked, ends in (("", plain), ("strict", strict)):
        environment = {**os.environ, "PIP_AUDIT": str(program), "AUDIT": asked}
        done = subprocess.run(
            [str(ROOT / ".ci" / "audit")], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == ends and done.stdout.count(words) == len(LOCKS), done.stdout
