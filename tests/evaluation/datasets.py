"""Writes small datasets and predictions as files, in the forms that `v2xum evaluate` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from demo.truth import Known, write_truth
from demo.world import Script, make_script


def scripts(videos: int) -> dict[str, Script]:
    return {f"v{number:02d}": make_script(90_000_000 + number, 40 + number) for number in range(videos)}


def write_references(path: Path, videos: int) -> Path:
    """Write Instruct-V2Xum records of scripted videos."""
    write_truth(path, [Known(name, script, script.duration) for name, script in scripts(videos).items()])
    return path


def right(name: str, script: Script) -> dict[str, Any]:
    """A prediction with exactly the script's keyframes and sentences."""
    text = " ".join(event.sentence for event in script.events)
    return {"id": name, "selected": list(script.keyframes), "text": text}


def write_predictions(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def write_eccv16(path: Path, frames: Sequence[int], *, names: Sequence[str] = (), annotators: int = 4) -> Path:
    """Write an HDF5 file in the form of eccv16: `video_1` ... of so many frames, with shots of 30 frames."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for place, count in enumerate(frames):
            starts = np.arange(0, count, 30)
            shots = np.stack([starts, np.minimum(starts + 30, count) - 1], axis=1)
            picks = np.arange(0, count, 15)
            chosen = np.repeat(rng.random((annotators, len(shots))) < 0.3, shots[:, 1] - shots[:, 0] + 1, axis=1)
            arrays: dict[str, Any] = {
                "picks": picks,
                "n_frames": count,
                "n_steps": picks.size,
                "change_points": shots,
                "n_frame_per_seg": shots[:, 1] - shots[:, 0] + 1,
                "user_summary": chosen.astype(np.float32),
                "gtscore": rng.random(picks.size),
                "gtsummary": chosen[0, picks].astype(np.float32),
                "features": rng.random((picks.size, 8)),
            }
            if names:
                arrays["video_name"] = names[place]
            for key, value in arrays.items():
                file[f"video_{place + 1}/{key}"] = value
    return path


def write_tvsum_tsv(folder: Path, frames: dict[str, int], *, annotators: int = 4) -> Path:
    """Write TVSum's files of tabs: ratings of 1..5 that hold for a second, titles and lengths at 30 frames/s."""
    rng = np.random.default_rng(1)
    rows, info = [], ["category\tvideo_id\ttitle\turl\tlength"]
    for video, count in frames.items():
        for _ in range(annotators):
            ratings = np.repeat(rng.integers(1, 6, -(-count // 30)), 30)[:count]
            rows.append(f"{video}\tVT\t{','.join(map(str, ratings))}\n")
        info.append(f"VT\t{video}\tTitle of {video}\thttps://example.org\t0:{count // 30:02d}")
    (folder / "ydata-tvsum50-info.tsv").write_text("\n".join(info) + "\n", encoding="utf-8")
    path = folder / "ydata-tvsum50-anno.tsv"
    path.write_text("".join(rows), encoding="utf-8")
    return path
