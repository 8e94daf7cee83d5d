"""What a summarizer learns from: the videos of a release with their labels, captions and texts, all of them checked.

Whatever is wrong with a release is said before a feature is made or a step is trained.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation.release.formats.items import COLUMNS, Item, PlacedRow, item_of, release_rows
from curation.release.formats.media import VideoFiles
from curation.release.manifest import read_manifest
from curation.release.reconstruct.wanted import raise_if_changed
from curation.text.said import said_at
from schemas.arrow import SCHEMA_VERSION, TRANSCRIPT
from schemas.configuration.config import FrameConfig, NearDuplicateConfig
from schemas.errors import ConfigError
from schemas.kit.neutral import neutral
from schemas.parts.transcript import Transcript
from schemas.release import FormatChoice
from schemas.time import Seconds, seconds_to_index

Checked = Literal["raw", "audited", "verified"]
_ROWS: dict[str, set[Checked]] = {"raw": {"raw"}, "audited": {"audited", "verified"}, "verified": {"verified"}}
_MORE = ("captions", "defects", "review", "scores", "schema_version")
# Reasons for which nobody speaks in a video. Without sound (`no_sound`) nobody knows: it may not have been fetched.
_SILENT = ("nothing_said", "silence")
DEFAULT_FRAMES = FrameConfig(near_duplicates=NearDuplicateConfig(mode="disable"), cross_check=0)
_TOLERANCE = 0.02  # of the duration, by which containers and frames may disagree, beside two frames and 1.5 s


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One video with F sampled frames and A annotators.

    `seconds` (F,): the time of each frame, the first is 0; `duration`: the seconds that the frames cover. `labels`
    (A, F), float32: 0 and 1, or ratings. `captions`: one for each frame, empty where a frame has none; () where the
    data has no captions. `text`: the summary (V2T). `interleaved`: its sentences (V2VT), each with the frames that it
    cites. `media`: the video's file, None where it is not at hand. `source`: who checked the row: nobody, the audit, or
    people. `chosen`: the keyframes of many annotators. `grid` (T,): of annotations at other times than the frames, the
    frame that is nearest to each. `slack`: how many frames more or fewer the video may give. `said`: what is said while
    each frame is shown (`said_at`), empty where nobody speaks; () where the data has no transcripts. `unheard`: why
    nothing is known of what is said in this one.
    """

    id: str
    split: str
    duration: float
    seconds: NDArray[np.float64]
    labels: NDArray[np.float32]
    captions: tuple[str, ...] = ()
    text: str = ""
    interleaved: tuple[tuple[tuple[int, ...], str], ...] = ()
    video_sha256: str = ""
    media: Path | None = None
    source: Checked = "raw"
    chosen: tuple[int, ...] | None = None
    grid: tuple[int, ...] = ()
    slack: int = 0
    said: tuple[str, ...] = ()
    unheard: str | None = None

    @property
    def frames(self) -> int:
        """F."""
        return len(self.seconds)

    @property
    def keyframes(self) -> tuple[int, ...]:
        """The frames that were chosen; without `chosen` those that at least half of the annotators chose."""
        if self.chosen is not None:
            return self.chosen
        return tuple(np.flatnonzero((self.labels > 0).mean(axis=0) >= 0.5).tolist())


class Release(NamedTuple):
    """The examples of a release (or of other files), its name with the version, and how its frames are sampled.

    `made_from`: the SHA-256 of all that it depends on. `formats`: of its files for trainers.
    """

    folder: Path
    name: str
    made_from: str
    licence: str | None
    formats: FormatChoice
    sampling: FrameConfig
    examples: tuple[Example, ...]

    def split(self, name: str, rows: str = "all") -> list[Example]:
        """The examples of a split, or its `rows` (`DataSection`). Raises ConfigError where there are none."""
        found = [example for example in self.examples if example.split == name]
        if not found:
            there = Counter(example.split for example in self.examples)
            counts = ", ".join(f"{split} has {count}" for split, count in there.items())
            told = "take data with more of them" + (", or training.patience=null" if name == "validation" else "")
            raise ConfigError(f"{self.folder}: the split {name} has no videos ({counts}); {told}")
        kept = [example for example in found if rows == "all" or example.source in _ROWS[rows]]
        if not kept:
            counts = ", ".join(f"{count} {source}" for source, count in Counter(e.source for e in found).items())
            way = "set data.rows to one of these or to `all`, or have rows reviewed (`v2xum review`) and release again"
            raise ConfigError(f"{self.folder}: data.rows: the split {name} has no {rows} rows, but {counts}: {way}")
        return kept


def read_release(folder: Path, media: Path | None = None) -> Release:
    """Read and check a release (`v2xum release`): every file by its SHA-256, every row for contradictions.

    `media`: the folder with its videos, as `v2xum media` fills it; without it the store of the workspace is used, if
    the release lies in one. Raises ConfigError, which names file, row and the way out.
    """
    manifest = read_manifest(folder)
    raise_if_changed(folder, manifest)
    listed = {file.path for file in manifest.files}
    if strange := [path for path in sorted(folder.glob("full/*.parquet")) if f"full/{path.name}" not in listed]:
        told = "manifest.json does not name it, so it is of another version: copy the release into an empty folder"
        raise ConfigError(f"{strange[0]}: {told}")
    where = VideoFiles(folder, media)
    examples: dict[str, Example] = {}
    versions: dict[int, str] = {}
    try:
        known = {name for count in manifest.configurations if count.name == "full" for name in count.columns}
        for placed in release_rows(folder, (*COLUMNS, *_MORE, *({TRANSCRIPT} & known))):
            item = item_of(placed.row)
            versions.setdefault(placed.row["schema_version"], placed.path.name)
            if item.id in examples:
                raise _wrong(placed, item.id, "a second row of this video")
            _check(placed, item)
            examples[item.id] = _example(placed, item, where)
    except KeyError as error:
        raise ConfigError(
            f"{error.args[0]}: training needs it. The release was made by another version of v2xum, or changed since: "
            "make it again with `v2xum release`"
        ) from error
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        raise ConfigError(f"{folder}: {error}; `v2xum check {folder}` says what is damaged") from error
    if set(versions) - {SCHEMA_VERSION}:
        told = ", ".join(f"{name} has version {version}" for version, name in sorted(versions.items(), key=str))
        ours = f"this program reads version {SCHEMA_VERSION}"
        raise ConfigError(f"{folder}: {told}, and {ours}: make the release again with `v2xum release`")
    if not examples:
        raise ConfigError(f"{folder}: the release has no videos")
    sampling = DEFAULT_FRAMES
    if manifest.media is not None:
        sampling = sampling.model_copy(update=manifest.media.model_dump(exclude={"max_height", "prefer_codec"}))
    name = f"{manifest.name} {manifest.version}"
    return Release(
        folder, name, manifest.made_from, manifest.licence, manifest.formats, sampling, tuple(examples.values())
    )


def captioned(examples: Iterable[Example]) -> None:
    """Raise ConfigError unless every example has captions, for summarizers that read them."""
    for example in examples:
        if not any(example.captions):
            raise ConfigError(f"video {example.id} has no captions, and this summarizer reads them: curate it again")


def mean_share(examples: Sequence[Example]) -> float:
    """The mean share of frames that are keyframes."""
    return float(np.mean([len(example.keyframes) / example.frames for example in examples]))


def _check(placed: PlacedRow, item: Item) -> None:
    """Raise ConfigError for a row whose parts contradict each other."""
    row, frames = placed.row, item.frames
    if frames < 1 or len(item.onehot) != frames or not item.fps > 0:
        raise _wrong(placed, item.id, f"vsum_onehot has {len(item.onehot)} entries for {frames} sampled frames")
    if set(item.onehot) - {0, 1}:
        raise _wrong(placed, item.id, "vsum_onehot holds other values than 0 and 1")
    stated = row["meta"]["duration"]
    if abs(stated - item.duration) > 1.5 + 2 / item.fps + _TOLERANCE * stated and not row["defects"]:
        told = f"{frames} frames at {item.fps:g} fps cover {item.duration:.1f} s, but its duration is {stated:.1f} s"
        raise _wrong(placed, item.id, told)
    times = [*item.keyframes, *(time for sentence in item.sentences for time in sentence.times)]
    if outside := [time for time in times if not 0 <= time < item.duration]:
        raise _wrong(placed, item.id, f"the summary cites {outside[0]:.1f} s of {item.duration:.1f} s")


def _wrong(placed: PlacedRow, video: str, what: str) -> ConfigError:
    return ConfigError(
        f"{placed.path}, row {placed.number} (video {video}): {what}. Curate this video again, or leave it out, and "
        "make a new release"
    )


def _example(placed: PlacedRow, item: Item, media: VideoFiles) -> Example:
    row, fps = placed.row, item.fps
    captions = {caption["index"]: neutral(caption["text"]) for caption in row["captions"]}
    people = row["review"]["status"] in ("accepted", "fixed")
    audited = row["scores"]["unsupported"] is not None
    seconds = np.arange(item.frames, dtype=np.float64) / fps
    heard = Transcript.model_validate(row[TRANSCRIPT]) if TRANSCRIPT in row else None
    return Example(
        id=item.id,
        split=item.split,
        duration=item.duration,
        seconds=seconds,
        labels=np.array([item.onehot], np.float32),
        captions=tuple(captions.get(index, "") for index in range(item.frames)) if captions else (),
        said=said_at(heard.segments, seconds, item.duration) if heard is not None else (),
        unheard=heard.reason if heard is not None and heard.reason not in _SILENT else None,
        text=item.text,
        interleaved=tuple(
            (tuple(int(seconds_to_index(Seconds(time), fps)) for time in sentence.times), sentence.text)
            for sentence in item.sentences
        ),
        video_sha256=row["file"]["sha256"],
        media=media.find(item.media, row["file"]["sha256"]),
        source="verified" if people else "audited" if audited else "raw",
    )
