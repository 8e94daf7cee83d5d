"""`v2xum diff` and `v2xum explain --release` as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from curation.review.verdict_store import Reviews
from tests.curation.finished import finished
from tests.curation.people import shown, verdict
from tests.curation.release.releases import release
from tests.curation.samples import contents, make_sample
from tests.runs import in_process

pytestmark = pytest.mark.slow
TITLE = "Harbour \x1b[31m<b>\u202e"
MADE = [make_sample(f"v{number:03d}", title=TITLE) for number in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with two releases, between which a person mended a caption."""
    folder = tmp_path_factory.mktemp("diff") / "w"
    with finished(folder, MADE) as (place, services):
        release(place, services)
        mended = shown(MADE[1], k3={"caption": "a blue kite", "changed": True})
        Reviews(services.ledger).store([verdict(MADE[1], "fix", keyframes=mended)])
        release(place, services, "0.2.0")
    return folder


def test_the_differences_as_text_json_and_page(root: Path, tmp_path: Path) -> None:
    text = in_process("diff", root, "0.1.0", "0.2.0")
    assert text.returncode == 0, text.stderr
    assert text.stdout.startswith("0.1.0 -> 0.2.0: 0 rows came, 0 went, 1 changed; 2 are as they were\n")
    assert "person at review: fixed by ann; captions edited 3" in text.stdout
    done = in_process("diff", root, "0.1.0", "0.2.0", "--json", "--out", tmp_path / "page")
    document = json.loads(done.stdout)
    assert (document["added"], document["removed"], document["same"]) == ([], [], 2)
    (changed,) = document["changed"]
    assert (changed["id"], changed["cause"]) == ("v001", "person") and "captions" in changed["fields"]
    assert json.loads((tmp_path / "page" / "diff.json").read_text()) == document
    assert "a blue kite" in (tmp_path / "page" / "diff.html").read_text()
    back = json.loads(in_process("diff", root, "0.2.0", "0.1.0", "--json").stdout)
    assert (back["before"]["version"], back["after"]["version"]) == ("0.2.0", "0.1.0")
    assert json.loads(in_process("diff", root, "0.1.0", "0.1.0", "--json").stdout)["same"] == 3


def test_two_folders_without_a_workspace(root: Path, tmp_path: Path) -> None:
    for version in ("0.1.0", "0.2.0"):
        shutil.copytree(root / "releases" / version, tmp_path / f"copy of {version}")
    done = in_process("diff", tmp_path / "copy of 0.1.0", tmp_path / "copy of 0.2.0", "--json")
    assert json.loads(done.stdout) == json.loads(in_process("diff", root, "0.1.0", "0.2.0", "--json").stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("0.1.0", "0.3.0"), "has no release 0.3.0; there are 0.1.0, 0.2.0"),
        (("0.1.0", "../x"), "'../x' is not a version"),
        (("0.1.0",), "give two versions: v2xum diff"),
    ],
)
def test_wrong_versions_are_a_usage_error(root: Path, arguments: tuple[str, ...], said: str) -> None:
    before = contents(root)
    done = in_process("diff", root, *arguments)
    assert done.returncode == 2 and said in done.stderr
    assert contents(root) == before


def test_folders_that_are_no_releases_or_renamed_are_a_usage_error(root: Path, tmp_path: Path) -> None:
    none = in_process("diff", tmp_path, tmp_path)
    assert none.returncode == 2 and "no release here (no manifest.json)" in none.stderr
    shutil.copytree(root, tmp_path / "w")
    (tmp_path / "w" / "releases" / "0.2.0").rename(tmp_path / "w" / "releases" / "0.3.0")
    renamed = in_process("diff", tmp_path / "w", "0.1.0", "0.3.0")
    assert renamed.returncode == 2 and "says that it is version 0.2.0" in renamed.stderr


def test_a_published_row_is_explained(root: Path) -> None:
    text = in_process("explain", root, "v001", "--release", "0.1.0")
    assert text.returncode == 0, text.stderr
    assert "v001: published in 0.1.0" in text.stdout and "\x1b" not in text.stdout and "\u202e" not in text.stdout
    assert "still the current one" in text.stdout and "person at review: fixed by ann" in text.stdout
    document = json.loads(in_process("explain", root, "v001", "--release", "0.2.0", "--json").stdout)
    assert (document["state"], document["fields"], document["now"]) == ("published", [], "sample")
    wrong = in_process("explain", root, "v001", "--release", "0.9.0")
    assert wrong.returncode == 2 and "has no release 0.9.0" in wrong.stderr
