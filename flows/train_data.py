"""Reads VideoXum, TVSum, SumMe and their kin for a training: what `v2xum evaluate --references` reads, and the videos.

The labels of a frame are those of the annotators at its time, ratings as they are. Its keyframes are the summary that
the protocol makes of the annotators' mean: the top 15 %, or whole shots by the knapsack where the data has shots. Of a
single annotator they are the frames that this one chose. A rating above the lowest makes no keyframe.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from curation.store.files import hash_file
from curation.video.probe import probe_safely
from curation.video.sandbox import Sandbox
from evaluation.cases import Flags, Floats, Ints, Prediction, Reference
from evaluation.command_line import check_fold, folds_of, protocol_for
from evaluation.metrics.selection import top_share
from evaluation.metrics.video import summary_of
from evaluation.protocols import Protocol
from evaluation.readers.any import kind_of, read_references, sha256_of
from evaluation.readers.eccv16 import FPS
from evaluation.readers.known_videos import KnownVideos
from evaluation.readers.published_results import STEP
from evaluation.readers.records import printable
from schemas.configuration.summarizer_config import LlmvsSection
from schemas.configuration.train_config import TrainConfig
from schemas.errors import ConfigError, StageError
from schemas.kit.number_of import number_of
from schemas.release import FormatChoice
from schemas.time import Seconds, seconds_to_index
from training.examples import DEFAULT_FRAMES, Example, Release, read_release
from training.run import TrainRequest

SEED = 0
"""Of the folds `proper`: not a seed of the training, so that trainings by several seeds test the same videos."""
_OURS = {"val": "validation"}
_TOLERANCE = 0.02  # of seconds or frames by which video and annotations may disagree, beside 2
_ENDS = 0.005  # seconds before the end of a video after which no frame is sampled (curation/frames/sampler.py)
_log = logging.getLogger(__name__)


class _Video(NamedTuple):
    """A video's file, its SHA-256, the seconds of the references' grid (T,), and its duration in seconds."""

    path: Path
    sha256: str
    times: Floats
    duration: float


def read_files(request: TrainRequest) -> Release:
    """Read `request.files`, and what must be known of their videos in `request.media`.

    The splits are the file's own, or a fold: `request.fold` of `request.splits`, a published file or `proper` (five
    folds by SEED), which TVSum and SumMe take by themselves. Only the videos of the splits are needed. Frames are
    sampled at the rate of the annotations' grid: 1 a second, and 2 of TVSum and SumMe. A release beside the files gives
    captions and transcripts to the same videos, and then says how frames are sampled. Raises ConfigError, also for a
    video that is missing, or is another one than was annotated.
    """
    files, wanted = list(request.files), request.config.evaluation
    kind = kind_of(files[0])
    if kind == "release":
        raise ConfigError(f"{files[0]} is a release: name it by --release")
    if kind == "summe" and wanted.protocol is None:
        raise ConfigError("SumMe has several protocols: --set evaluation.protocol=summe/score-vs-mean, or another one")
    if request.media is None or not request.media.is_dir():
        raise ConfigError(f"--media {request.media or ''}: name the folder with the videos of {files[0]}")
    protocol, references = protocol_for(wanted.protocol, files), read_references(files)
    if references.problems:
        first, count = references.problems[0], number_of(len(references.problems), "record")
        _log.warning("%s: %s left out (%s: %s, ...)", files[0], count, first.id, first.detail)
    splits, told = _splits(request, references.items)
    chosen = [reference for reference in references.items if reference.id in splits]
    if unlabelled := [each.id for each in chosen if _people(each) is None]:
        raise ConfigError(f"{files[0]}: nobody rated or chose frames of {printable(unlabelled[0])}: nothing to learn")
    paths = _find(request.media, chosen)
    rate = FPS if any(reference.full is not None for reference in chosen) else 1.0
    sampling, known, heard = DEFAULT_FRAMES.model_copy(update={"fps": rate}), dict[str, Example](), ""
    if request.release is not None:
        base = read_release(request.release, request.media)
        sampling, known = base.sampling, {example.video_sha256: example for example in base.examples}
        heard = base.made_from if _reads_speech(request.config) else ""
    examples = []
    with Sandbox(1, sampling.memory_megabytes) as sandbox:
        for reference in chosen:
            video = _video(reference, paths[reference.id], sandbox)
            examples.append(_example(reference, video, known.get(video.sha256), protocol, sampling.fps))
    examples = [replace(example, split=splits[example.id]) for example in examples]
    name = ", ".join(path.resolve().name for path in files) + told
    made_from = hashlib.sha256(f"{sha256_of(files)}{told}{heard}".encode()).hexdigest()
    return Release(files[0], name, made_from, None, FormatChoice(), sampling, tuple(examples))


def _reads_speech(config: TrainConfig) -> bool:
    section, summarizer = config.features, config.summarizer
    return (section is not None and section.speech is not None) or (
        isinstance(summarizer, LlmvsSection) and summarizer.speech
    )


def which_videos(request: TrainRequest) -> dict[str, Any]:
    """The fields of an EvaluateRequest that say which videos are evaluated: a split, or the test part of the fold."""
    split, seed = request.config.evaluation.split, request.config.training.seed
    if not request.files:
        return {"split": (split,), "seed": seed}
    if (splits := _folds(request)) is not None:
        return {"splits": splits, "fold": request.fold, "seed": SEED}
    theirs = {ours: own for own, ours in _OURS.items()}
    return {"split": (theirs.get(split, split),), "seed": seed}


def _folds(request: TrainRequest) -> str | None:
    """The folds in place of the splits that VideoXum's files have; TVSum and SumMe have none."""
    return request.splits or ("proper" if kind_of(request.files[0]) in ("tvsum", "summe") else None)


def _splits(request: TrainRequest, references: Sequence[Reference]) -> tuple[dict[str, str], str]:
    """The split of each video that is needed, and words for folds."""
    if (splits := _folds(request)) is None:
        if alone := next((each.id for each in references if each.split is None), None):
            told = "the names of the files must begin with train, val or test; or give folds by --splits"
            raise ConfigError(f"{request.files[0]}: {printable(alone, 60)} is in no split: {told}")
        return {each.id: _OURS.get(each.split or "", each.split or "") for each in references}, ""
    folds = folds_of(references, splits, SEED, request.files[0])
    check_fold(request.fold, folds)
    if request.config.evaluation.split != "test":
        raise ConfigError("evaluation.split: of a fold the test part is evaluated: leave it `test`")
    parts = zip(("train", "validation", "test"), folds[request.fold], strict=True)
    named = [(video, part) for part, videos in parts for video in videos]
    if twice := [video for video, part in named if dict(named)[video] != part]:
        raise ConfigError(f"{splits}, fold {request.fold}: {twice[0]} is in two parts, so what is tested was learned")
    source = f"proper, seed {SEED}" if splits == "proper" else f"{Path(splits).name} {sha256_of(Path(splits))[:12]}"
    return dict(named), f" (folds {source}; fold {request.fold} of 0..{len(folds) - 1})"


def _find(media: Path, references: Sequence[Reference]) -> dict[str, Path]:
    """The file of each video: any of its names with any ending. Raises ConfigError for one that is not there."""
    if wrong := [each.id for each in references if Path(each.id).name != each.id or not each.id.isprintable()]:
        raise ConfigError(f"{printable(wrong[0], 60)}: an id of a video must be a possible name of a file")
    known, found = KnownVideos(references), dict[str, Path]()
    for path in sorted(path for path in media.iterdir() if path.is_file() and not path.name.startswith(".")):
        if (reference := known.find(path.stem)) is None:
            continue
        if (other := found.setdefault(reference.id, path)) != path:
            raise ConfigError(f"{path}: {other.name} is a file of the same video: leave one of them there")
    if missing := [reference.id for reference in references if reference.id not in found]:
        shown = ", ".join(printable(video, 60) for video in missing[:3])
        raise ConfigError(
            f"{media} lacks {len(missing)} of {number_of(len(references), 'video')} ({shown}, ...): put them there as "
            "ID.mp4 or with another ending, or name by --splits a file of folds without them"
        )
    return found


def _video(reference: Reference, path: Path, sandbox: Sandbox) -> _Video:
    """What must be known of a video. Raises ConfigError for one that is not as long as the annotated one."""
    full, duration = reference.full, reference.frames / reference.fps
    times: Floats = np.arange(reference.frames) / reference.fps
    if full is not None:  # of seconds some files know nothing, and the others whole ones
        try:
            info = probe_safely(path, sandbox)
        except StageError as error:
            raise ConfigError(f"{path}: cannot be read as a video ({error}); put another copy there") from error
        stated = full.frames / STEP / reference.fps
        off = abs((info.duration or stated) - stated) - 2 - _TOLERANCE * stated
        if off > 0 and info.fps is not None and info.duration is not None:
            off = abs(info.fps * info.duration - full.frames) - 2 - _TOLERANCE * full.frames
        if off > 0:
            told = f"{info.duration:.1f} s at {info.fps or 0:.4g} frames/s"
            raise ConfigError(
                f"{path} has {told}, and {reference.id} was annotated in {full.frames} frames of {stated:.1f} s: it is "
                "another video or another cut"
            )
        duration = info.duration or stated
        times = np.asarray(full.picks * (duration / full.frames), np.float64)
    return _Video(path, hash_file(path)[0], times, duration)


def _example(reference: Reference, video: _Video, known: Example | None, protocol: Protocol, fps: float) -> Example:
    """The annotations on the frames that are sampled at `fps`; `known`: the same video in a release."""
    people, chosen = _people(reference), _keyframes(reference, protocol)
    assert people is not None  # the caller has looked
    frames = max(1, math.ceil((video.duration - _ENDS) * fps)) if known is None else known.frames
    seconds = np.arange(frames) / fps
    nearest: Ints = np.abs(video.times - seconds[:, None]).argmin(axis=1)
    grid = tuple(min(seconds_to_index(Seconds(time), fps), frames - 1) for time in video.times.tolist())
    keyframes = {grid[place] for place in np.flatnonzero(chosen)}
    cited = []
    for sentence in reference.sentences:
        inside = [frame for frame in range(frames) if sentence.start <= frame / fps <= sentence.end]
        inside = inside or [min(seconds_to_index(Seconds(sentence.start), fps), frames - 1)]
        most = max(inside, key=lambda frame: float(people[:, nearest[frame]].mean()))
        cited.append((tuple(frame for frame in inside if frame in keyframes) or (most,), sentence.text))
    keyframes |= {frame for places, _ in cited for frame in places}
    return Example(
        id=reference.id,
        split=reference.split or "",
        duration=video.duration,
        seconds=seconds,
        labels=people[:, nearest].astype(np.float32),
        captions=() if known is None else known.captions,
        said=() if known is None else known.said,
        unheard=None if known is None else known.unheard,
        text=reference.texts[0] if reference.texts else "",
        interleaved=tuple(cited),
        video_sha256=video.sha256,
        media=video.path,
        source="verified",
        chosen=tuple(sorted(keyframes)),
        grid=grid,
        slack=0 if known is not None else 2 + int(_TOLERANCE * frames),
    )


def _people(reference: Reference) -> Floats | None:
    """What each annotator said of the frames of the grid, (A, T): ratings, or 0 and 1; None where nobody did."""
    if reference.scores is not None and len(reference.scores):
        return reference.scores
    return None if reference.selections is None or not len(reference.selections) else reference.selections.astype(float)


def _keyframes(reference: Reference, protocol: Protocol) -> Flags:
    """The frames of the grid (T,) that people's mean makes the summary, or that the single annotator chose."""
    people = _people(reference)
    assert people is not None
    if len(people) == 1 and reference.scores is None:
        return np.asarray(people[0] > 0)
    mean = people.mean(axis=0)
    summary, _ = summary_of(protocol, reference, Prediction(reference.id, mean))
    if summary is None:  # there are no shots
        summary = top_share(mean[None], protocol.share)[0]
    full = reference.full
    return summary if full is None or summary.size == reference.frames else np.asarray(summary[full.picks])
