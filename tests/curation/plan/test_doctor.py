"""The doctor's look at this machine."""

from __future__ import annotations

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from curation.plan.doctor import (
    check_decoders,
    check_disk,
    check_downloader,
    check_gpus,
    check_memory,
    check_store,
    filesystem,
    needs,
)
from models.check import Check
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.configuration.store_config import StoreConfig
from schemas.repository import ROOT
from tests.places import needs_decord


@pytest.fixture(scope="module")
def config() -> CurateConfig:
    return load_config(ROOT / "configs" / "demo.yaml")


def statuses(checks: list[Check]) -> set[str]:
    return {check.status for check in checks}


@needs_decord
@pytest.mark.slow
def test_decoders_decode() -> None:
    checks = check_decoders("pyav")
    assert [check.name for check in checks] == ["ffmpeg", "decoder pyav", "decoder decord"]
    assert statuses(checks) == {"ok"}, checks


@pytest.mark.parametrize(("version", "status"), [("2.3.0", "ok"), ("1.46.3", "warn")])
def test_the_downloader_and_its_runtime_are_named(monkeypatch: pytest.MonkeyPatch, version: str, status: str) -> None:
    import yt_dlp
    from yt_dlp.utils import _jsruntime

    numbers = tuple(map(int, version.split(".")))
    deno = _jsruntime.JsRuntimeInfo("deno", "deno", version, numbers, supported=status == "ok")
    monkeypatch.setattr(_jsruntime.DenoJsRuntime, "_info", lambda self: deno)
    monkeypatch.setattr(_jsruntime.NodeJsRuntime, "_info", lambda self: None)
    downloader, runtime = check_downloader()
    assert downloader == ("yt-dlp", "ok", yt_dlp.version.__version__, "")
    assert runtime[:2] == ("yt-dlp JavaScript runtime", status)
    assert f"deno {version}" in runtime[2]


def test_without_a_runtime_there_is_a_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    from yt_dlp.utils import _jsruntime

    for name in ("DenoJsRuntime", "NodeJsRuntime"):
        monkeypatch.setattr(getattr(_jsruntime, name), "_info", lambda self: None)
    assert "pip install deno" in check_downloader()[1].fix


def test_disk(config: CurateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    for free, status in ((10**15, "ok"), (5 * 10**9, "warn"), (10**9, "fail")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path, free=free: usage(free, 0, free))
        check = check_disk(config, tmp_path / "not" / "there")[0]
        assert (check.name, check.status) == ("disk", status)
        assert bool(check.fix) == (status != "ok")


def test_a_workspace_that_is_a_file_cannot_be_used(config: CurateConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    [check] = check_disk(config, tmp_path / "file" / "workspace")
    assert check.status == "fail" and "--workspace" in check.fix


def test_network_file_systems_are_found(config: CurateConfig, tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n"
        "2 1 0:50 / /mnt/two\\040words rw - nfs4 server:/x rw\n"
        "3 1 0:51 / /mnt rw shared:2 master:3 - xfs /dev/sdb rw\n"
        "4 1 0:52 / /data rw - tmpfs none rw\n"
        "5 1 0:53 / /data rw - fuse.sshfs me@there: rw\n"
        "6 1 0:54 / /mnt/Größe\\040é\u2028x rw - cifs //server/x rw\n"
        "garbage\n",
        encoding="utf-8",
    )
    for place, kind in (
        ("/home", "ext4"),
        ("/mnt/two words/deep/er", "nfs4"),
        ("/mnt/two", "xfs"),
        ("/mnt/Größe é\u2028x/deep", "cifs"),
        ("/data", "fuse.sshfs"),
        ("/database", "ext4"),
    ):
        assert filesystem(Path(place), mounts) == kind
    assert filesystem(tmp_path, tmp_path / "nothing") is None


def test_a_network_file_system_gives_a_warning(
    config: CurateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curation.plan.doctor.filesystem", lambda _place: "nfs4")
    check = check_disk(config, tmp_path)[1]
    assert check.status == "warn" and "SQLite" in check.found and "local disk" in check.fix


def test_a_store_at_an_address_is_written_and_read(config: CurateConfig, tmp_path: Path) -> None:
    assert check_store(config) == []
    shared = tmp_path / "shared"
    away = config.model_copy(update={"store": StoreConfig(address=f"file://{shared}")})
    [check] = check_store(away)
    assert check.status == "fail" and "mount it" in check.found and "store.address" in check.fix
    shared.mkdir()
    assert statuses(check_store(away)) == {"ok"} and (shared / "probe" / "v2xum").is_file()


def test_memory(config: CurateConfig) -> None:
    assert check_memory(config).name == "memory"
    assert check_memory(config, 64e9).status == "ok"
    little = check_memory(config, 1e9)
    assert little.status == "warn" and "decode_workers" in little.fix
    limited = check_memory(config, 64e9, 2.2e9)
    assert limited.status == "warn" and "2.2 GB" in limited.found and "ulimit -v" in limited.fix
    assert check_memory(config, 64e9, 8e9).status == "ok"


def test_needs_are_those_of_the_configuration(config: CurateConfig) -> None:
    found = needs(config)
    assert set(found) == {"captioner", "summarizer"}
    image = found["captioner"].image
    assert image is not None and image[:2] == b"\xff\xd8"
    assert found["captioner"].max_tokens == config.caption.max_tokens
    assert found["summarizer"].structured and found["summarizer"].image is None
    recipe = load_config(ROOT / "configs" / "instruct_v2xum.yaml")
    judged = recipe.model_copy(update={"models": recipe.models.model_copy(update={"judge": recipe.models.summarizer})})
    assert needs(judged)["judge"].max_tokens == recipe.audit.judge_max_tokens
    further = recipe.models.model_copy(update={"annotators": (recipe.models.summarizer,)})
    several = needs(recipe.model_copy(update={"models": further}))
    assert several.keys() - found.keys() == {"annotators.0"} and several["annotators.0"].structured


@pytest.mark.parametrize(
    ("program", "status", "words"),
    [
        (None, "ok", "no NVIDIA GPU is seen here"),
        ("echo 'NVIDIA H200, 143771, 143000, 570.86.15'", "ok", "NVIDIA H200, 143771 MiB (143000 MiB free)"),
        ("echo 'NVIDIA-SMI has failed because it could not talk to the driver'; exit 9", "warn", "could not talk to"),
    ],
)
def test_gpus_are_shown_as_nvidias_own_program_shows_them(
    program: str | None, status: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if program is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    [check] = check_gpus()
    assert check.status == status and words in check.found
