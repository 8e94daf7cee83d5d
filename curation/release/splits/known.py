"""The audit against known benchmarks: which videos of a release are also in a benchmark's list or among its files."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from curation.frames.files import frame_name
from curation.frames.sample import draw_frames
from curation.release.splits.fingerprint import Fingerprint, fingerprint, gray
from curation.release.splits.items import Benchmark, SplitItem
from curation.release.splits.neighbours import Pair
from curation.release.splits.register import Match
from curation.sources.addresses import YOUTUBE_ID
from curation.video.sandbox import Limits, Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import ConfigError, PermanentError, PoisonError
from schemas.manifest import SplitName
from schemas.splits import BenchmarkHit

_log = logging.getLogger(__name__)
_PLAIN = re.compile(r"\w+")
_ACTIVITYNET = re.compile(r"v_([A-Za-z0-9_-]{11})")
_ID_KEYS = ("video_id", "vid", "id", "video", "video_filename", "youtube_id")
_LARGEST = 256 << 20


def hits(
    items: Sequence[SplitItem],
    splits: Mapping[str, SplitName],
    benchmarks: Sequence[Benchmark],
    copies: Mapping[Pair, Match],
) -> tuple[BenchmarkHit, ...]:
    """The videos that are in a benchmark; `copies` counts the benchmarks' files after the items, in their order."""
    files = [(each.name, known) for each in benchmarks for known in sorted(each.fingerprints)]
    by_pictures: dict[int, list[tuple[str, str]]] = {}
    for first, second in copies:
        if first < len(items) <= second:
            by_pictures.setdefault(first, []).append(files[second - len(items)])
    found = []
    for place, item in enumerate(items):
        seen: dict[tuple[str, str], str] = {}
        for each in benchmarks:
            for known in sorted(item.known_as & each.ids):
                seen.setdefault((each.name, known), "id")
        for key in sorted(by_pictures.get(place, ())):
            seen.setdefault(key, "pictures")
        for each in benchmarks:
            if (title := plain(item.title)) and title in each.titles:
                seen.setdefault((each.name, title), "title")
        found += [
            BenchmarkHit.model_validate(
                {"benchmark": name, "known_as": known, "id": item.id, "split": splits[item.id], "by": by}
            )
            for (name, known), by in seen.items()
        ]
    return tuple(found)


def fingerprints_of(folder: Path, config: FrameConfig, sandbox: Sandbox) -> Benchmark:
    """A benchmark whose video files are in `folder`, named after it: each is sampled as the pipeline samples.

    Files that are no video are left out. Raises ConfigError when none is one.
    """
    found: dict[str, Fingerprint] = {}
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        with TemporaryDirectory(prefix="v2xum-") as place:
            out = Path(place)
            try:
                drawing = sandbox.run(
                    draw_frames, path, config, out, limits=Limits(config.wall_seconds, config.memory_megabytes)
                )
            except (PermanentError, PoisonError) as error:
                _log.warning("%s is not compared: %s", path, error)
                continue
            jpegs = [(out / frame_name(index)).read_bytes() for index in range(len(drawing.frames))]
        found[path.stem] = _in_memory([phash for _, _, phash in drawing.frames], jpegs)
    if not found:
        raise ConfigError(f"{folder}: no file in it can be decoded as a video")
    return Benchmark(folder.name, fingerprints=found)


def _in_memory(hashes: list[str], jpegs: list[bytes]) -> Fingerprint:
    grays = np.stack([gray(each) for each in jpegs])
    return fingerprint(hashes, range(len(hashes)), jpegs.__getitem__, lambda: grays)


def plain(title: str) -> str:
    """A title for comparisons: its words in lower case; `Base_jumping` and `Base jumping` are one."""
    return " ".join(_PLAIN.findall(title.casefold().replace("_", " ")))


def read_benchmarks(paths: Sequence[Path], config: FrameConfig, sandbox: Callable[[], Sandbox]) -> list[Benchmark]:
    """The benchmarks of these paths: a file is a list, a folder holds videos. `sandbox` decodes them.

    Raises ConfigError as `read_benchmark` and `fingerprints_of`.
    """
    return [fingerprints_of(path, config, sandbox()) if path.is_dir() else read_benchmark(path) for path in paths]


def read_benchmark(path: Path) -> Benchmark:
    """A benchmark's list, named after its file: text with an id or title a line, JSON or JSON lines.

    JSON: a list of ids or of records, or an object whose keys are the ids. `v_` before a YouTube id, as ActivityNet and
    VideoXum have it, and suffixes such as `.mp4` are left out; what is no YouTube id is compared with titles. Raises
    ConfigError for a file that cannot be read or that names no video.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise ConfigError(f"{path}: larger than {_LARGEST >> 20} MB, so it is no list of ids")
        names = {name for name in _names(path, path.read_text(encoding="utf-8-sig")) if name}
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as a benchmark's list: {error}") from error
    if not names:
        raise ConfigError(f"{path}: names no video; give a text file with an id a line, or JSON with `video_id`")
    ids = frozenset(name for name in names if YOUTUBE_ID.fullmatch(name))
    # A list of titles has some of 11 letters (SumMe's `paluma_jump`): all its names are titles then.
    titles = frozenset() if ids == names else frozenset(title for name in names if (title := plain(name)))
    return Benchmark(path.stem, ids, titles)


def _names(path: Path, text: str) -> Iterator[str]:
    try:
        values = [json.loads(text)]
    except ValueError:
        values = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                values.append(json.loads(line) if line.lstrip().startswith("{") else line)
            except ValueError as error:
                raise ConfigError(f"{path}, line {number}: neither an id nor JSON: {line[:80]!r}") from error
    for value in values:
        yield from _of(value)


def _of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        name = re.sub(r"\.(mp4|mkv|webm|avi|mov)$", "", value.strip().rpartition("/")[2], flags=re.IGNORECASE)
        known = _ACTIVITYNET.fullmatch(name)
        yield known[1] if known else name
    elif isinstance(value, list):
        for each in value:
            yield from _of(each)
    elif isinstance(value, dict):
        key = next((key for key in _ID_KEYS if isinstance(value.get(key), str)), None)
        if key is not None:
            yield from _of(value[key])
        else:
            for each in value:
                yield from _of(each)
