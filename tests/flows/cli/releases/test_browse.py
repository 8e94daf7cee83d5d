"""`v2xum browse` as a user calls it: of a version, of a release's folder, again, and with wrong arguments."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.curation.finished import finished
from tests.curation.release.releases import release
from tests.curation.samples import contents, make_sample
from tests.runs import in_process

pytestmark = pytest.mark.slow
MADE = [make_sample(f"v{number:03d}") for number in range(3)]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("browse") / "w"
    with finished(root, MADE, "export.title=Films") as (place, services):
        release(place, services, "0.1.0")
        release(place, services, "0.2.0")
    yield root


def test_a_page_is_made_of_a_version_and_of_a_folder_and_again(root: Path, tmp_path: Path) -> None:
    before = contents(root / "releases")
    done = in_process("browse", root, "0.2.0", "--out", tmp_path / "page")
    assert done.returncode == 0, done.stderr
    assert f"page      {tmp_path / 'page' / 'index.html'}\nsamples   3\nfiles     " in done.stdout
    downloaded = tmp_path / "downloaded"
    shutil.copytree(root / "releases" / "0.2.0", downloaded)
    again = in_process("browse", downloaded, "--out", tmp_path / "other", "--json")
    document = json.loads(again.stdout)
    assert (document["rows"], document["pictures"], document["without_picture"]) == (3, 3, 0)
    assert document["page"] == str(tmp_path / "other" / "index.html") and Path(document["page"]).is_file()
    assert contents(tmp_path / "other") == contents(tmp_path / "page") and contents(root / "releases") == before
    bare = in_process("browse", root, "0.1.0", "--out", tmp_path / "page", "--no-pictures")
    assert bare.returncode == 0 and not (tmp_path / "page" / "pictures").exists()


def test_wrong_arguments_are_named_and_nothing_is_written(root: Path, tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        done = in_process("browse", *words, "--out", tmp_path / "page")
        assert done.returncode == 2 and not (tmp_path / "page").exists()
        return done.stderr

    assert "is a workspace: name a version, too (there are: 0.1.0, 0.2.0)" in refused(root)
    assert "has no release 0.3.0; there are 0.1.0, 0.2.0" in refused(root, "0.3.0")
    assert "'../x' is not a version" in refused(root, "../x")
    assert "no workspace here" in refused(tmp_path / "nowhere", "0.1.0")
    assert "no release here" in refused(tmp_path / "nowhere")
    assert "names no file of the configuration full" in refused(_export(tmp_path))
    assert "a release never changes" in in_process("browse", root, "0.1.0", "--out", root / "releases" / "p").stderr
    assert "Missing option '--out'" in in_process("browse", root, "0.1.0").stderr


@pytest.mark.parametrize(
    "command",
    [
        ("browse", "w", "0.1.0"),
        ("diff", "w", "0.1.0", "0.2.0"),
        ("evaluate", "a=b.json", "--references", "c.json"),
        ("evaluate", "compare", "a.json", "b.json"),
        ("media", "w", "0.1.0"),
        ("reconstruct", "r"),
    ],
)
def test_an_empty_folder_name_is_none(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a path it would be the working directory: a variable of a shell that is not set."""
    monkeypatch.chdir(tmp_path)
    done = in_process(*command, "--out", "")
    assert done.returncode == 2 and "an empty text is none" in done.stderr and list(tmp_path.iterdir()) == []


def _export(folder: Path) -> Path:
    """A folder with a manifest of an export's form, but for the version."""
    other = folder / "export"
    other.mkdir()
    known = {"version": "1.0.0", "made_from": "0" * 64, "name": "n", "title": None, "licence": None}
    (other / "manifest.json").write_text(json.dumps({**known, "images": True, "samples": 1, "files": []}))
    return other
