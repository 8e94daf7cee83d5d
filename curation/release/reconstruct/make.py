"""Makes one row of a release again: fetches its video, tells what it is, and samples and compares its frames.

OUT/videos/ID.EXT           verified and re-encoded videos
OUT/cut/ID.EXT              the same video with other times
OUT/frames/ID/000012.jpg    frames that were made again, of verified and re-encoded videos
OUT/.reconstruct/store      unfinished downloads, and temporary files
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from PIL import Image

from curation.download.fetch import fetch
from curation.download.pacing.hosts import Hosts
from curation.download.record import video_record
from curation.frames.files import frame_name, keep_only
from curation.frames.sample import sample_frames
from curation.release.reconstruct.journal import Keep
from curation.release.reconstruct.likeness import Aligned, Listed, align, compare
from curation.release.reconstruct.wanted import Wanted, keyframe_pictures
from curation.store.files import hash_file, sync
from curation.store.folder_swap import put_in_place
from curation.store.store import Store
from curation.video.probe import probe_safely
from curation.video.sandbox import Limits, Sandbox
from curation.video.sandboxes import Sandboxes
from schemas.configuration.config import DownloadConfig, FilterConfig, FrameConfig, RangeFilter
from schemas.documents.reconstruction import FrameComparison, ReconstructedRow, State
from schemas.errors import NotStored, PermanentError, PoisonError, RefusedError, StageError, is_storage_full
from schemas.kit.picture_errors import PICTURE_ERRORS, PICTURE_FORMATS
from schemas.records import FrameSet, Publication, Video
from schemas.safe_text import plain, public_text

WITH_FRAMES: tuple[State, ...] = ("verified", "re-encoded")  # videos whose frames are kept
FINER = 4  # where a file does not begin with the release's first frame, it is looked at so many times as often
ALIKE_GRAY = 10.0  # mean gray levels by which two encodings of a picture may differ
SAME_GRAY = 4.0  # the same, where nothing but the pictures of keyframes says that it is the same video
_FEWEST_PICTURES = 2
_NO_FILTERS = FilterConfig(duration=RangeFilter(mode="disable"), height=RangeFilter(mode="disable"))
_GONE = {"private", "account_terminated", "removed", "unavailable", "not_found"}
_WITHHELD = {"age_restricted", "members_only", "geo_blocked", "login_required", "drm"}
_TRIES = 2


class Tools(NamedTuple):
    """What all rows share: the release, the folder to write into, settings, child processes and the pace of hosts."""

    release: Path
    out: Path
    store: Store
    download: DownloadConfig
    frames: FrameConfig
    keep: Keep
    children: Sandboxes
    sandbox: Sandbox
    hosts: Hosts


class _Made(NamedTuple):
    """Frames of a file in `folder`, sampled at the release's rate."""

    record: FrameSet
    folder: Path

    @property
    def frames(self) -> list[tuple[str, str]]:
        """The SHA-256 and the perceptual hash of each frame."""
        return [(frame.sha256, frame.phash) for frame in self.record.frames]


class _Told(NamedTuple):
    """What a fetched file is: its state, the times that differ, and how its frames compare."""

    state: State
    evidence: str
    times: dict[str, float]
    frames: FrameComparison | None
    keyframes: FrameComparison | None


def make_row(wanted: Wanted, tools: Tools, kept: ReconstructedRow | None = None) -> ReconstructedRow:
    """Fetch, verify, sample and compare. Threads may call it at once.

    `kept`: what an earlier call has made of the row, whose file is in its place; nothing is fetched then.
    What is wrong with the video or its host is told in the row. Raises RunStopped such as StorageFull, and OSError.
    """
    said: dict[str, Any] = {"id": wanted.id, "split": wanted.split, "address": wanted.address}
    if wanted.source is None:
        state: State = "refused" if wanted.reason in ("scheme_not_allowed", "bad_address") else "no address"
        return ReconstructedRow(**said, state=state, reason=wanted.reason, evidence=_public(wanted.evidence))
    for _ in range(_TRIES):
        try:
            if kept is not None and kept.file is not None:
                path = tools.out / kept.file
                return _judged(wanted, tools, _record(wanted, tools, path), path, said)
            video = _left_over(wanted, tools) or _fetched(wanted, tools)
            return _judged(wanted, tools, video, tools.store.video(video), said)
        except NotStored:
            continue  # another row with the same file has just taken it
        except StageError as error:
            return ReconstructedRow(
                **said, state=state_of(error), reason=error.reason, evidence=_public(error.evidence)
            )
    return ReconstructedRow(**said, state="failed", reason="in_use", evidence="another row has the same file")


def state_of(error: StageError) -> State:
    """The state of a row whose video could not be fetched or opened."""
    if isinstance(error, RefusedError | PoisonError):
        return "refused"
    if isinstance(error, PermanentError):
        return "gone" if error.reason in _GONE else "withheld" if error.reason in _WITHHELD else "other"
    return "failed"


def _fetched(wanted: Wanted, tools: Tools) -> Video:
    assert wanted.source is not None
    return fetch(
        wanted.source,
        tools.download,
        _NO_FILTERS,
        tools.store,
        probe=lambda path: probe_safely(path, tools.sandbox),
        children=tools.children,
        hosts=tools.hosts,
    )


def _left_over(wanted: Wanted, tools: Tools) -> Video | None:
    """The file that a killed run had fetched and not put into its place."""
    if len(wanted.sha256) != 64 or not wanted.sha256.isalnum():
        return None
    for path in (tools.store.root / "videos" / wanted.sha256[:2]).glob(f"{wanted.sha256}.*"):
        extension = path.suffix[1:]
        return _record(wanted, tools, tools.store.take("videos", wanted.sha256, extension))
    return None


def _record(wanted: Wanted, tools: Tools, path: Path) -> Video:
    """What is known of a whole file. Raises StageError for one that cannot be opened."""
    assert wanted.source is not None
    sha256, size = hash_file(path)
    media = probe_safely(path, tools.sandbox)
    return video_record(wanted.source, media, sha256, size, path.suffix[1:], Publication(), ())


def _judged(wanted: Wanted, tools: Tools, video: Video, path: Path, said: dict[str, Any]) -> ReconstructedRow:
    """Tell what the file at `path` is, and put it and its frames into their places. Raises NotStored."""
    tools = tools._replace(frames=tools.frames.model_copy(update={"fps": wanted.fps, "max_frames": _most(wanted)}))
    with tools.store.scratch() as scratch:
        try:
            made = _sampled(video, path, tools, scratch / "frames", tools.frames)
        except (PermanentError, PoisonError) as error:
            whole = video.sha256 == wanted.sha256
            evidence = f"no frames could be made of it: {error}"
            told = _Told("verified" if whole else "other", evidence, {}, None, None)
        else:
            told = _told(wanted, tools, video, path, made, scratch)
            if told.state in WITH_FRAMES:
                _keep_frames(wanted, tools, made)
    kept = _keep_video(wanted, tools, video, path, told.state)
    return ReconstructedRow(
        **said,
        state=told.state,
        reason="" if told.state == "verified" else "another_file",
        evidence=_public(told.evidence),
        file=kept,
        sha256=video.sha256,
        bytes=video.bytes,
        duration=video.duration,
        **told.times,
        frames=told.frames,
        keyframes=told.keyframes,
    )


def _told(wanted: Wanted, tools: Tools, video: Video, path: Path, made: _Made, scratch: Path) -> _Told:
    pictures = {} if video.sha256 == wanted.sha256 else _keyframe_pictures(tools.release, wanted)
    listed = _listed(wanted, tools, pictures)
    if video.sha256 == wanted.sha256:
        frames, keyframes = _compared(wanted, listed, made.frames, None, {})
        evidence = "" if frames.equal == frames.listed else "its frames are decoded or encoded otherwise here"
        return _Told("verified", evidence, {}, frames, keyframes)
    aligned = align(listed, [phash for _, phash in made.frames])
    frames_made, times = made.frames, _times(wanted, made, aligned)
    if aligned is None or not aligned.is_same or any(times.values()):
        finer = tools.frames.model_copy(update={"fps": wanted.fps * FINER, "max_frames": _most(wanted) * FINER})
        try:
            closer = _sampled(video, path, tools, scratch / "finer", finer)
        except (PermanentError, PoisonError):
            closer = None
        if closer is not None:
            better = align(listed, [phash for _, phash in closer.frames], FINER)
            if better is not None and better.is_same:
                aligned, frames_made, times = better, closer.frames, _times(wanted, closer, better)
    differences = _gray_differences(tools, pictures, made)
    if (aligned is None or not aligned.is_same) and _is_same_by_pictures(wanted, made, differences):
        aligned, frames_made, times = None, made.frames, {}  # hashes of flat pictures are chance
        measured = f"its keyframes differ by at most {max(differences.values()):.1f} gray levels"
    elif aligned is None:
        return _Told("other", "the release says too little of its frames to tell", {}, None, None)
    else:
        measured = str(aligned)
    alike = {} if aligned is not None and aligned.offset else _are_alike(differences)
    frames, keyframes = _compared(wanted, listed, frames_made, aligned, alike)
    if aligned is not None and (not aligned.is_same or sum(alike.values()) * 2 < len(alike)):
        return _Told("other", measured, {}, frames, keyframes)
    return _Told("cut" if any(times.values()) else "re-encoded", measured, times, frames, keyframes)


def _keyframe_pictures(release: Path, wanted: Wanted) -> dict[int, bytes]:
    """The release's pictures of a row. Raises PoisonError where its own file does not give them."""
    try:
        return keyframe_pictures(release, wanted.place)
    except (pa.ArrowException, OSError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, OSError) and is_storage_full(error):
            raise
        raise PoisonError("bad_row", f"the release's pictures of it: {type(error).__name__}: {error}") from error


def _listed(wanted: Wanted, tools: Tools, pictures: dict[int, bytes]) -> list[Listed]:
    """The frames to look for; where the release has no hashes of them, those of its keyframes' pictures are taken."""
    if any(frame.phash is not None for frame in wanted.frames) or not pictures:
        return [Listed(frame.number, frame.sha256, frame.phash) for frame in wanted.frames]
    hashes = tools.sandbox.run(hashes_of, list(pictures.values()), limits=_limits(tools.frames))
    known = dict(zip(pictures, hashes, strict=True))
    return [Listed(frame.number, frame.sha256, known.get(frame.number)) for frame in wanted.frames]


def _compared(
    wanted: Wanted,
    listed: Sequence[Listed],
    made: Sequence[tuple[str, str]],
    aligned: Aligned | None,
    alike: dict[int, bool],
) -> tuple[FrameComparison, FrameComparison]:
    chosen = set(wanted.keyframes)
    keyframes = [frame for frame in listed if frame.number in chosen]
    return compare(listed, made, aligned, {}), compare(keyframes, made, aligned, alike)


def _gray_differences(tools: Tools, pictures: dict[int, bytes], made: _Made) -> dict[int, float]:
    """How the release's pictures of keyframes differ from the frames of the same index, in mean gray levels."""
    pairs = {
        index: (data, made.folder / frame_name(index))
        for index, data in pictures.items()
        if 0 <= index < len(made.record.frames)
    }
    found = tools.sandbox.run(gray_differences, list(pairs.values()), limits=_limits(tools.frames)) if pairs else []
    return dict(zip(pairs, found, strict=True))


def _are_alike(differences: dict[int, float]) -> dict[int, bool]:
    return {index: found <= ALIKE_GRAY for index, found in differences.items()}


def _is_same_by_pictures(wanted: Wanted, made: _Made, differences: dict[int, float]) -> bool:
    """Whether a file is as long as the release says, and all its keyframes look as the release's."""
    length = wanted.frames[-1].number + 1 if wanted.frames else 0
    all_there = len(differences) == len(wanted.keyframes) >= _FEWEST_PICTURES
    return (
        all_there and abs(length - len(made.record.frames)) <= 1 and max(differences.values(), default=255) <= SAME_GRAY
    )


def hashes_of(pictures: Sequence[bytes]) -> list[str | None]:
    """In a child: the perceptual hash of each picture; None for what is none."""
    from curation.frames.similarity import look_at

    return [_of_picture(data, lambda image: look_at(image).phash) for data in pictures]


def gray_differences(pairs: Sequence[tuple[bytes, Path]]) -> list[float]:
    """In a child: the mean gray difference of each picture and a file; 255 for what is no picture."""
    from curation.frames.similarity import mean_difference, small_gray

    found = []
    for data, path in pairs:
        with Image.open(path) as image:
            own = small_gray(image)
        gray = _of_picture(data, small_gray)
        found.append(255.0 if gray is None else mean_difference(gray, own))
    return found


def _of_picture(data: bytes, measure: Callable[[Image.Image], Any]) -> Any:
    try:
        with Image.open(io.BytesIO(data), formats=PICTURE_FORMATS) as image:
            return measure(image.convert("RGB"))
    except PICTURE_ERRORS:
        return None


def _times(wanted: Wanted, made: _Made, aligned: Aligned | None) -> dict[str, float]:
    """Seconds that the file lacks, or has more, at its beginning and its end; up to a sample at the end is nothing."""
    if aligned is None or not wanted.frames:
        return {}
    step = 1 / wanted.fps
    shift = aligned.offset * step / aligned.stride
    end = (len(made.record.frames) - 1) * step / aligned.stride - (wanted.frames[-1].number * step + shift)
    end = 0.0 if abs(end) <= step else end
    found = {
        "lost_start": max(-shift, 0.0),
        "added_start": max(shift, 0.0),
        "lost_end": max(-end, 0.0),
        "added_end": max(end, 0.0),
    }
    return {name: round(value, 3) for name, value in found.items()}


def _sampled(video: Video, path: Path, tools: Tools, folder: Path, config: FrameConfig) -> _Made:
    folder.mkdir()
    return _Made(sample_frames(video, path, config, folder, tools.sandbox), folder)


def _most(wanted: Wanted) -> int:
    """The most frames to take of a file: twice what the release lists, and some."""
    return 2 * (wanted.frames[-1].number + 1 if wanted.frames else 0) + 600


def _limits(config: FrameConfig) -> Limits:
    return Limits(config.wall_seconds, config.memory_megabytes)


def _keep_frames(wanted: Wanted, tools: Tools, made: _Made) -> None:
    target = tools.out / "frames" / wanted.id
    if tools.keep == "none":
        return
    if tools.keep == "keyframes":
        keep_only(made.folder, wanted.keyframes)
    target.parent.mkdir(exist_ok=True)
    put_in_place(made.folder, target)


def _keep_video(wanted: Wanted, tools: Tools, video: Video, path: Path, state: State) -> str | None:
    """Put the file into its place, or remove it; returns its path relative to the folder."""
    for folder in ("videos", "cut"):
        for old in (tools.out / folder).glob(f"{wanted.id}.*"):
            if old != path:
                old.unlink()
    if state not in ("verified", "re-encoded", "cut"):
        path.unlink(missing_ok=True)
        return None
    name = f"{'cut' if state == 'cut' else 'videos'}/{wanted.id}.{video.extension}"
    target = tools.out / name
    target.parent.mkdir(exist_ok=True)
    try:
        path.replace(target)
    except FileNotFoundError as error:  # between its check and now
        raise NotStored("file_missing", f"{path.name}: another row with the same file has just taken it") from error
    sync(target.parent)
    return name


def _public(text: str) -> str:
    return plain(public_text(text), 300)
