"""Resuming fragmented downloads: after a crash at any moment, the file continues without a gap or a repetition."""

import contextlib
import json
import logging
import os
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from curation.store import unfinished as partials
from curation.store.store import Store
from tests.curation.threads import in_threads

FRAGMENTS = [bytes([65 + k]) * size for k, size in enumerate((300, 5, 700, 0, 40, 1))]


class Died(BaseException):
    """Stands for the kill of the process."""


def download(folder, moments):
    """Writes in the order of yt-dlp's FragmentFD; the process dies after `moments` writes."""
    part, note = folder / "v.mp4.part", folder / "v.mp4.ytdl"
    left = iter(range(moments))

    def survive():
        if next(left, None) is None:
            raise Died

    def write_note(index):
        note.write_text("{torn")
        survive()
        note.write_text(json.dumps({"downloader": {"current_fragment": {"index": index}}}))

    begin = json.loads(note.read_text())["downloader"]["current_fragment"]["index"] if note.exists() else 0
    journal = partials.Journal(folder)
    if not note.exists():
        write_note(0)
    with part.open("ab") as stream:
        for index in range(begin, len(FRAGMENTS)):
            survive()
            journal.note(index, part)  # blocks of the fragment arrive
            survive()
            journal.note(index + 1, part)  # it is complete, but not yet appended
            stream.write(FRAGMENTS[index][: len(FRAGMENTS[index]) // 2])
            stream.flush()
            survive()
            stream.write(FRAGMENTS[index][len(FRAGMENTS[index]) // 2 :])
            stream.flush()
            survive()
            write_note(index + 1)
    note.unlink()
    survive()
    part.replace(folder / "v.mp4")


@settings(max_examples=25)
@given(st.lists(st.integers(0, 40), max_size=5))
def test_after_any_number_of_crashes_the_file_is_complete(tmp_path_factory, deaths):
    folder = tmp_path_factory.mktemp("partial")
    for moments in [*deaths, 1000]:
        partials.repair(folder)
        if (folder / "v.mp4").exists():
            break
        try:
            download(folder, moments)
        except Died:
            continue
    assert (folder / "v.mp4").read_bytes() == b"".join(FRAGMENTS)


def test_a_plain_download_is_left_as_it_is(tmp_path):
    (tmp_path / "v.mp4.part").write_bytes(b"abc")
    partials.repair(tmp_path)
    assert (tmp_path / "v.mp4.part").read_bytes() == b"abc"


@settings(max_examples=25)
@given(st.binary(max_size=30) | st.sampled_from([b'{"index": Infinity, "size": 1}', b"[" * 100_000]))
def test_a_broken_journal_restarts_the_download(tmp_path_factory, garbage):
    folder = tmp_path_factory.mktemp("partial")
    (folder / "v.mp4.part").write_bytes(b"abc")
    (folder / "v.mp4.ytdl").write_text("{}")
    (folder / "fragments.json").write_bytes(garbage)
    partials.repair(folder)
    assert list(folder.iterdir()) == []


def test_downloads_untouched_for_two_weeks_are_removed(tmp_path, caplog):
    store = Store(tmp_path)
    for name in ("one", "other"):
        (store.partial(name) / "v.mp4.part").write_bytes(b"abc")
    (store.partial("one") / "link").symlink_to(tmp_path / "scratch")
    day = 86_400
    store.clean()
    assert partials.forget_old(tmp_path / "partial", time.time() + 13 * day) == 0
    assert (store.partial("one") / "v.mp4.part").exists()
    with caplog.at_level(logging.INFO):
        assert partials.forget_old(tmp_path / "partial", time.time() + 15 * day) == 2
    assert "dropped 2 unfinished downloads" in caplog.text
    assert list((tmp_path / "partial").iterdir()) == []
    assert (tmp_path / "scratch").is_dir()


def test_one_late_change_keeps_a_whole_download(tmp_path):
    folder = Store(tmp_path).partial("one")
    (folder / "v.mp4.part").write_bytes(b"abc")
    old = time.time() - 30 * 86_400
    os.utime(folder / "v.mp4.part", (old, old))  # as yt-dlp does with the date of the upload
    assert partials.forget_old(tmp_path / "partial") == 0


def test_a_missing_folder_is_no_error(tmp_path):
    assert partials.forget_old(tmp_path / "partial") == 0


def test_old_downloads_are_dropped_while_other_commands_use_the_folder(tmp_path):
    """Another command may finish a download, or go on with it, at any moment."""
    store, later = Store(tmp_path), time.time() + 15 * 86_400
    with store.hold_partial("in use") as held:
        (held / "v.mp4.part").write_bytes(b"abc")
        assert partials.forget_old(tmp_path / "partial", later) == 0
        assert (held / "v.mp4.part").exists()

    def work(which):
        for number in range(150):
            if which < 2:
                partials.forget_old(tmp_path / "partial", later)
            else:
                folder = store.partial(f"{which} {number}")
                with contextlib.suppress(FileNotFoundError):  # it is dropped here, too
                    (folder / "v.mp4.part").write_bytes(b"abc")
                partials.discard(folder)

    assert in_threads(6, work) == [None] * 6
