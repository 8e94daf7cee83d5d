"""Reads `eccv16_dataset_{tvsum,summe}_google_pool5.h5`, the files that most summarizers are trained and tested on.

One group for each video, `video_1` ...:

    picks (T,)              the frames of the grid, every 15th
    n_frames                frames of the whole video, N
    change_points (S, 2)    first and last frame of each shot (KTS)
    user_summary (A, N)     1 where an annotator's summary has the frame
    video_name              SumMe only
    features, gtscore, gtsummary, n_frame_per_seg, n_steps: not needed here

K. Zhang et al., "Video summarization with long short-term memory", ECCV 2016; in HDF5 by K. Zhou et al., AAAI 2018.
The annotators' ratings of TVSum are not in the file: rank correlations with them need `ydata-tvsum50-anno.tsv` too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from evaluation.cases import Flags, FullLength, Ints, Reference, check_shots
from evaluation.hdf5 import BROKEN_HDF5, array_of, integers_of
from evaluation.readers.records import printable
from schemas.errors import ConfigError

FPS = 2.0  # frames of the grid in one second, where a file has no rate: every 15th frame of about 30 in a second
_NEEDED = ("picks", "n_frames", "change_points", "user_summary")


class Eccv16Video(NamedTuple):
    """One video: its key in the file, its name where the file has one, and the annotators' summaries of all frames."""

    key: str
    name: str | None
    full: FullLength
    summaries: Flags


def is_eccv16(path: Path) -> bool:
    """Whether the file is HDF5 and its first video has shots and the annotators' summaries on the picks."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            first = next(iter(file.values()), None)
            return isinstance(first, h5py.Group) and all(name in first for name in _NEEDED)
    except BROKEN_HDF5:
        return False


def dataset_of(path: Path) -> Literal["tvsum", "summe"]:
    """Which dataset the file has: by its name, else by its content, as only SumMe's videos have names.

    Raises ConfigError for a file of another form.
    """
    if not is_eccv16(path):
        raise ConfigError(
            f"{path}: these are no references: an HDF5 file of references has {', '.join(_NEEDED)} for each video, as "
            "eccv16_dataset_tvsum_google_pool5.h5 and eccv16_dataset_summe_google_pool5.h5 have"
        )
    name = path.name.lower()
    if "tvsum" in name or "summe" in name:
        return "tvsum" if "tvsum" in name else "summe"
    videos = read_eccv16(path)
    if any(video.name for video in videos):
        return "summe"
    if all(len(video.summaries) == 20 for video in videos):  # TVSum's annotators; SumMe has 15 to 18
        return "tvsum"
    raise ConfigError(f"{path}: TVSum or SumMe? The file's name must contain tvsum or summe")


def read_eccv16(path: Path) -> list[Eccv16Video]:
    """Read all videos in the order of the numbers in their keys. Raises ConfigError, which names file and video."""
    import h5py

    videos: list[Eccv16Video] = []
    key = ""
    try:
        with h5py.File(path, "r") as file:
            for key in sorted(file, key=_number):
                group = file[key]
                wanted = [name for name in (*_NEEDED, "video_name") if name in group]
                videos.append(_video(key, {name: array_of(group[name]) for name in wanted}))
    except BROKEN_HDF5 as error:
        raise ConfigError(f"{path}, {printable(key) or 'the file'}: not in the form of eccv16: {error}") from error
    if not videos:
        raise ConfigError(f"{path}: the file has no videos")
    return videos


def reference_of(video: Eccv16Video, name: str | None = None) -> Reference:
    """The reference of a video: id is `name`, else the file's own name for it, else its key. The key stays an alias."""
    id_ = name or video.name or video.key
    return Reference(
        id=id_,
        frames=video.full.picks.size,
        fps=FPS,
        selections=video.summaries[:, video.full.picks],
        full=video.full,
        title=id_,
        aliases=tuple({video.key, video.name or video.key} - {id_}),
    )


def name_in(value: Any) -> str | None:
    """The text of the dataset `video_name`; None where there is none."""
    if value is None:
        return None
    plain = np.asarray(value).ravel()[0] if np.asarray(value).size else ""
    text = plain.decode("utf-8", "replace") if isinstance(plain, bytes) else str(plain)
    return text.strip() or None


def _video(key: str, arrays: dict[str, Any]) -> Eccv16Video:
    frames = int(integers_of(arrays["n_frames"]).item())
    picks: Ints = integers_of(arrays["picks"]).ravel()
    shots: Ints = integers_of(arrays["change_points"])
    marks = np.asarray(arrays["user_summary"])
    if frames < 1 or not picks.size or picks[0] < 0 or picks[-1] >= frames or (np.diff(picks) <= 0).any():
        raise ValueError(f"picks must ascend within {frames} frames")
    if marks.ndim != 2 or marks.shape[1] != frames or not np.isin(marks, (0, 1)).all():
        raise ValueError(f"user_summary of shape {marks.shape} must be rows of 0 and 1 for {frames} frames")
    check_shots(shots, frames)
    summaries: Flags = marks > 0
    return Eccv16Video(key, name_in(arrays.get("video_name")), FullLength(frames, picks, shots, summaries), summaries)


def _number(key: str) -> tuple[int, str]:
    digits = re.search(r"[0-9]{1,9}$", key)
    return int(digits[0]) if digits else -1, key
