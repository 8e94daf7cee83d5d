"""The frames stage: samples a video file into JPEG frames in a child process, and makes their record.

The child (`draw_frames`) decodes, scales and writes one frame after the other, and keeps of each frame only the data
for comparisons. The parent makes the record. A second call in a child lets decord check a few of the pictures.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import logging
import platform
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from curation.frames.defects import Findings, decord_trusted
from curation.frames.files import frame_name
from curation.video.sandbox import Limits, Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import ConfigError, PermanentError, PoisonError
from schemas.records import CrossCheck, Frame, FrameSet, Video
from schemas.time import FrameIndex, index_to_seconds

if TYPE_CHECKING:
    from curation.frames.sampler import Sampler

log = logging.getLogger(__name__)

# Mean gray levels by which two decoders' pictures of one frame may differ: scaling and JPEG cause up to 1.5.
AGREEMENT = 4.0


def has_decord() -> bool:
    """Whether decord is installed. It is not imported, so that the parent never loads it."""
    return importlib.util.find_spec("decord") is not None


def check_backend(config: FrameConfig) -> None:
    """Raise ConfigError when the configured sampler is not installed here."""
    if config.backend == "decord" and not has_decord():
        machine = f"{platform.system()} on {platform.machine()}"
        raise ConfigError(
            f"frames.backend: decord is not installed here ({machine}); it exists for Linux on x86_64 only. Set "
            "`frames.backend: pyav`, which runs everywhere"
        )


class _Drawing(NamedTuple):
    """The result of the child: (pts, JPEG hash, pHash) of each frame, shots, repeats, same pictures, and findings."""

    backend: str
    width: int
    height: int
    frames: list[tuple[float, str, str]]
    shots: tuple[tuple[int, int], ...]
    repeats: list[int | None]
    pictures: list[int | None]
    findings: Findings


def sample_frames(video: Video, path: Path, config: FrameConfig, out: Path, pool: Sandbox) -> FrameSet:
    """Write the sampled frames of `path` into the folder `out` as 000000.jpg, 000001.jpg ... and return their record.

    `out` must exist; the caller renames or removes it, also after an error. From a damaged file the frames that can be
    decoded are taken, and the record lists the defects. Raises PermanentError (`no_frames`, `too_long` and what `probe`
    raises), PoisonError (`timeout`, `crashed`, `memory`), OSError when `out` cannot be written, and ConfigError as
    `check_backend`.
    """
    check_backend(config)
    limits = Limits(config.wall_seconds, config.memory_megabytes)
    drawing = pool.run(draw_frames, path, config, out, limits=limits)
    shot_of = [number for number, (first, last) in enumerate(drawing.shots) for _ in range(first, last + 1)]
    defects = drawing.findings.defects()
    check = _cross_check(path, config, out, pool, drawing)
    if check is not None and check.agreed < check.compared:
        defects += (f"cross_check: {check.compared - check.agreed} of {check.compared} pictures differ; {check.note}",)
    if defects:
        log.warning("video %s: %s", video.sha256[:12], "; ".join(defects))
    return FrameSet(
        video_sha256=video.sha256,
        backend=drawing.backend,
        fps=config.fps,
        width=drawing.width,
        height=drawing.height,
        frames=tuple(
            Frame(
                index=FrameIndex(index),
                time=index_to_seconds(FrameIndex(index), config.fps),
                pts=pts,
                sha256=sha256,
                phash=phash,
                shot=shot_of[index],
                same_as=None if repeated is None else FrameIndex(repeated),
                picture=None if picture is None else FrameIndex(picture),
            )
            for index, ((pts, sha256, phash), repeated, picture) in enumerate(
                zip(drawing.frames, drawing.repeats, drawing.pictures, strict=True)
            )
        ),
        shots=drawing.shots,
        defects=defects,
        cross_check=check,
    )


def draw_frames(path: Path, config: FrameConfig, out: Path) -> _Drawing:
    """Sample, write and describe the frames; it runs in a child process.

    The decoders and SciPy are imported here, so that the parent never loads them.
    """
    from curation.frames.shots import segment
    from curation.frames.similarity import SAME_TO_THE_EYE, Look, look_at, repeats

    backend, sampler = _sampler(path, config)
    frames: list[tuple[float, str, str]] = []
    looks: list[Look] = []
    drawn: object = None
    data, sha256, size = b"", "", (0, 0)
    for sample in sampler.samples():
        if sample.image is not drawn:
            image = Image.fromarray(np.ascontiguousarray(sample.image))
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=config.jpeg_quality)
            data, drawn, size = buffer.getvalue(), sample.image, image.size
            sha256 = hashlib.sha256(data).hexdigest()
            look = look_at(image)
        (out / frame_name(sample.index)).write_bytes(data)
        frames.append((sample.pts, sha256, look.phash))
        looks.append(look)
    shots = segment(np.stack([look.histogram for look in looks]))
    limits = config.near_duplicates
    same: list[int | None] = (
        repeats(looks, shots, limits.max_distance, limits.max_difference)
        if limits.mode == "enable"
        else [None] * len(looks)
    )
    pictures = repeats(looks, [(0, len(looks) - 1)], *SAME_TO_THE_EYE)
    return _Drawing(backend, *size, frames, shots, same, pictures, sampler.findings)


def _sampler(path: Path, config: FrameConfig) -> tuple[str, Sampler]:
    """The configured backend; PyAV instead of decord for files that decord decodes wrongly."""
    from curation.frames.decord_sampler import DecordSampler
    from curation.frames.pyav_sampler import PyavSampler
    from curation.video.probe import probe

    settings = path, Fraction(str(config.fps)), config.short_side, config.max_frames
    if config.backend == "decord":
        info = probe(path)
        if decord_trusted(info.codec, info.container):
            return "decord", DecordSampler(*settings)
    return "pyav", PyavSampler(*settings)


def _cross_check(path: Path, config: FrameConfig, out: Path, pool: Sandbox, drawing: _Drawing) -> CrossCheck | None:
    """Compare a few written frames with decord's pictures at the same presentation times; None when switched off."""
    if config.cross_check == 0:
        return None
    reason = _unreliable(drawing)
    if reason:
        return CrossCheck(backend="decord", compared=0, agreed=0, note=f"skipped: {reason}")
    count = len(drawing.frames)
    chosen = sorted({(2 * i + 1) * count // (2 * config.cross_check) for i in range(config.cross_check)})
    frames = [(out / frame_name(index), drawing.frames[index][0]) for index in chosen]
    try:
        differences = pool.run(_compare, path, frames, limits=Limits(config.wall_seconds, config.memory_megabytes))
    except (PoisonError, PermanentError) as error:
        return CrossCheck(backend="decord", compared=0, agreed=0, note=f"failed: {error}")
    agreed = sum(value is not None and value <= AGREEMENT for value in differences)
    listed = ", ".join("no such picture" if value is None else f"{value:.1f}" for value in differences)
    return CrossCheck(
        backend="decord", compared=len(chosen), agreed=agreed, note=f"mean gray difference {listed} at frames {chosen}"
    )


def _unreliable(drawing: _Drawing) -> str:
    """The reason why decord cannot check this file; empty when it can."""
    if not has_decord():
        return "decord is not installed"
    findings = drawing.findings
    if drawing.backend == "decord":
        return "decord is the sampling backend"
    if not decord_trusted(findings.codec, findings.container):
        return f"decord is not reliable on {findings.codec} in {findings.container}"
    if findings.defects():
        return "damaged file"
    if findings.open_gop:
        return "open groups of pictures"
    return "variable frame rate" if findings.variable_rate else ""


def _compare(path: Path, frames: list[tuple[Path, float]]) -> list[float | None]:
    """In the child: the mean gray difference of each written frame and decord's picture; None without a picture."""
    from curation.frames.decord_sampler import decord_pictures
    from curation.frames.similarity import mean_difference, small_gray

    differences: list[float | None] = []
    for (file, _), picture in zip(frames, decord_pictures(path, [time for _, time in frames]), strict=True):
        if picture is None:
            differences.append(None)
            continue
        with Image.open(file) as image:
            differences.append(mean_difference(small_gray(image), small_gray(Image.fromarray(picture))))
    return differences
