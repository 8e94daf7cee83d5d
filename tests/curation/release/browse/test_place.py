"""The folder of a page: another's files stay, an old page is replaced in one step, and kills leave a whole page."""

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from curation.release.browse.make import make_site
from curation.release.browse.place import is_own, new_site
from curation.store.folder_swap import names
from schemas.errors import ConfigError, WorkspaceBusy
from tests.curation.release.browse.folders import make_in_a_process, release_folder
from tests.curation.samples import contents, make_sample

KILLS = 5


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two releases; tests only read them."""
    folder = tmp_path_factory.mktemp("releases")
    made = [make_sample(f"v{number:03d}") for number in range(40)]
    return (release_folder(folder / "one", made[:4]), release_folder(folder / "two", made, version="1.3.0"))


def test_all_files_of_a_page_are_its_own(releases: tuple[Path, Path], tmp_path: Path) -> None:
    make_site(releases[0], tmp_path / "page")
    there = names(tmp_path / "page")
    assert len(there) > 15 and all(map(is_own, there))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page"]


@pytest.mark.parametrize(
    "name", ["thesis.txt", "index.html", "data/rows/000/00000.js/x", "assets/../x", "index.html.bak"]
)
def test_a_folder_with_files_of_others_stays(releases: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    file = tmp_path / "home" / Path(name).name
    file.parent.mkdir()
    file.write_text("precious")
    with pytest.raises(ConfigError, match="holds files that are not of a page"):
        make_site(releases[0], tmp_path / "home")
    assert file.read_text() == "precious" and sorted(path.name for path in tmp_path.iterdir()) == ["home"]


def test_a_file_that_somebody_put_into_a_page_is_not_deleted(releases: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "page"
    make_site(releases[0], out)
    before = contents(out)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"'notes\.txt'"):
        make_site(releases[1], out)
    assert contents(out) == {**before, "notes.txt": b"mine"}


def test_an_earlier_page_is_replaced_whole(releases: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "page"
    make_site(releases[1], out)
    (out / ".DS_Store").write_bytes(b"a system's own")
    make_site(releases[0], out)
    make_site(releases[0], tmp_path / "fresh")
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.parametrize("out", [".", "", "..", "sub/..", "../here"])
def test_the_folder_in_which_one_stands_is_no_folder_for_a_page(
    releases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    """A page takes the place of a whole folder, and a shell would stand in one that is gone."""
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    monkeypatch.chdir(here)
    with pytest.raises(ConfigError, match="the folder in which this command runs"):
        make_site(releases[0], Path(out))
    assert [path.name for path in tmp_path.rglob("*")] == ["here", "sub"]
    make_site(releases[0], Path("sub/../page"))
    make_site(releases[0], Path("page/assets/.."))
    assert sorted(path.name for path in here.iterdir()) == ["page", "sub"] and (here / "page" / "index.html").is_file()


def test_links_and_files_are_no_folder_for_a_page(releases: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "home")
    (tmp_path / "file").write_text("text")
    for name in ("link", "file"):
        with pytest.raises(ConfigError, match="no folder of its own"):
            make_site(releases[0], tmp_path / name)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "text"


def test_a_page_is_never_put_into_a_release(tmp_path: Path) -> None:
    release = release_folder(tmp_path / "w" / "releases" / "1.2.3", [make_sample()])
    before = contents(release)
    for out in (release, release / "page", release.parent / "page", release.parent / "1.3.0", release / ".." / "x"):
        with pytest.raises(ConfigError, match="a release never changes"):
            make_site(release, out)
    assert contents(release) == before and [path.name for path in release.parent.iterdir()] == ["1.2.3"]
    make_site(release, tmp_path / "w" / "page")


def test_an_error_leaves_the_old_page(releases: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "page"
    make_site(releases[0], out)
    before = contents(out)
    with pytest.raises(KeyboardInterrupt), new_site(out, releases[1]) as new:
        (new / "index.html").write_text("half")
        raise KeyboardInterrupt
    assert contents(out) == before and [path.name for path in tmp_path.iterdir()] == ["page"]


def test_two_processes_do_not_write_one_page_at_once(releases: tuple[Path, Path], tmp_path: Path) -> None:
    with new_site(tmp_path / "page", releases[0]):
        with pytest.raises(WorkspaceBusy, match="another `v2xum browse` writes here"):
            make_site(releases[0], tmp_path / "page")
        make_site(releases[0], tmp_path / "other")
    make_site(releases[0], tmp_path / "page")


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_one_whole_page(releases: tuple[Path, Path], tmp_path: Path) -> None:
    out, chance = tmp_path / "page", random.Random(7)
    make_site(releases[0], out)
    make_site(releases[1], tmp_path / "second")
    old, new = contents(out), contents(tmp_path / "second")
    context = multiprocessing.get_context("spawn")
    began = time.monotonic()
    make_site(releases[1], tmp_path / "third")
    took = time.monotonic() - began
    for _ in range(KILLS):
        make_site(releases[0], out)
        heard, ready = context.Pipe(duplex=False)
        child = context.Process(target=make_in_a_process, args=(releases[1], out, ready))
        child.start()
        assert heard.poll(60) and heard.recv() == "now"
        time.sleep(chance.uniform(0, took))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join(60)
        assert contents(out) in (old, new)
    make_site(releases[1], out)
    assert contents(out) == new
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "second", "third"], "nothing is left beside it"
