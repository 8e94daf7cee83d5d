"""The folder of a release's videos: the names that the formats use, checked content, nothing overwritten."""

from pathlib import Path

import pytest

from curation.pipeline.services import Services
from curation.release.formats.items import media_name
from curation.release.formats.media import fill_media
from curation.store.store import Store
from curation.workspace import Workspace
from schemas.errors import ConfigError
from schemas.records import Sample
from tests.curation.finished import finished
from tests.curation.release.releases import release
from tests.curation.samples import make_sample, sha

pytestmark = pytest.mark.slow


def stored(services: Services, sample: Sample, content: bytes) -> None:
    path = services.store.path("videos", sample.video.sha256, sample.video.extension)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sample_of(name: str) -> Sample:
    """A sample whose file's content is its name."""
    made = make_sample(name, content=name)
    return made.model_copy(update={"video": made.video.model_copy(update={"bytes": len(name)})})


@pytest.fixture
def made(tmp_path: Path) -> tuple[Store, Path]:
    samples = [sample_of("first"), sample_of("second")]
    with finished(tmp_path / "w", samples) as (place, services):
        for sample in samples:
            stored(services, sample, sample.video.id.encode())
        release(place, services)
        return Workspace(place.root).store(), place.root / "releases" / "0.1.0"


def test_the_videos_are_there_under_the_names_of_the_formats(made: tuple[Store, Path], tmp_path: Path) -> None:
    out = tmp_path / "media"
    assert fill_media(*made, out) == (2, 0, [])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"first.mp4": b"first", "second.mp4": b"second"}
    assert fill_media(*made, out) == (2, 2, []), "a second time nothing is copied"
    assert (out / "first.mp4").stat().st_nlink == 1, "the store keeps files of its own"


def test_lost_and_damaged_videos_are_named(made: tuple[Store, Path], tmp_path: Path) -> None:
    store, folder = made
    store.path("videos", sha("first"), "mp4").unlink()
    store.path("videos", sha("second"), "mp4").write_bytes(b"xecond")
    filled = fill_media(store, folder, tmp_path / "media")
    assert filled.held == 0 and {text.split(":")[0] for text in filled.missing} == {"first", "second"}
    assert list((tmp_path / "media").iterdir()) == []


def test_nothing_is_overwritten(made: tuple[Store, Path], tmp_path: Path) -> None:
    out = tmp_path / "media"
    out.mkdir()
    (out / "first.mp4").write_bytes(b"somebody's own film")
    with pytest.raises(ConfigError, match="is another file than the video first"):
        fill_media(*made, out)
    (out / "first.mp4").unlink()
    (out / "first.mp4").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="another file"):
        fill_media(*made, out)
    assert not (tmp_path / "elsewhere").exists()


def test_what_a_killed_try_left_is_replaced(made: tuple[Store, Path], tmp_path: Path) -> None:
    out = tmp_path / "media"
    out.mkdir()
    (out / ".first.mp4.part").write_bytes(b"fi")
    assert fill_media(*made, out).held == 2
    assert sorted(path.name for path in out.iterdir()) == ["first.mp4", "second.mp4"]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "x" * 65, "a\n", "a b"])
def test_an_id_that_is_no_part_of_a_path_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not an id"):
        media_name(name, "mov,mp4", "h264")


@pytest.mark.parametrize(
    ("container", "codec", "extension"),
    [
        ("mov,mp4,m4a", "h264", "mp4"),
        ("matroska,webm", "vp9", "webm"),
        ("matroska,webm", "h264", "mkv"),
        ("/..", "", "bin"),
    ],
)
def test_the_extension_is_that_of_the_container(container: str, codec: str, extension: str) -> None:
    assert media_name("v", container, codec) == f"v.{extension}"
