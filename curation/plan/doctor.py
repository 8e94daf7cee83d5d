"""The checks of `v2xum doctor`: decoders, downloader, disk, memory, and what a run needs of its models."""

from __future__ import annotations

import io
import os
import re
import resource
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from curation.frames.sample import has_decord
from curation.pipeline.open_files import allowed_files, how_to_raise, needed_files, wanted_files
from curation.plan.gpus import find_gpus
from curation.store.bucket import open_bucket
from curation.text.prompt_lines import prompt_line, render
from curation.video.sandbox import Limits, Sandbox
from models.check import Check, fail, ok, warn
from models.servers.checks import Need
from prompts import load
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError, RunStopped, StageError

_GB = 10**9
_LEAST_DISK = 2 * _GB
_ADDRESSES = 4 * _GB  # the demo's run has 3.6 GB: libraries, stacks of threads, and little of it is used
_LEAST_MEMORY = 1.5 * _GB  # this process with its libraries, beside what decoders take
_DECODER_MEMORY = 0.5 * _GB  # measured: 27 MB for PyAV, up to 420 MB for decord at 720p
_LINE_TOKENS = 12  # of a caption's time in brackets and its line break
_LEAST_CAPTIONS = 4  # with fewer frames a request there are too many windows for a sensible run
_OCTAL = re.compile(r"\\([0-7]{3})")
# SQLite's locks and shared memory do not hold there, silently.
_NETWORK = frozenset(
    [
        *("nfs", "nfs3", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs", "glusterfs"),
        *("orangefs", "panfs", "davfs", "virtiofs", "fuse.sshfs", "fuse.glusterfs", "fuse.s3fs", "fuse.rclone"),
        *("fuse.gcsfuse", "fuse.ceph", "fuse.mount-s3", "fuse.goofys"),
    ]
)


class Decoded(NamedTuple):
    """How decoders read a tiny film: the FFmpeg inside PyAV, its libraries, and grey levels by decoder."""

    ffmpeg: str
    libraries: str
    levels: dict[str, list[float]]
    problems: dict[str, str]


def check_decoders(backend: str) -> list[Check]:
    """Write a film of known pictures and decode it with PyAV and decord, in a child process as runs do."""
    with tempfile.TemporaryDirectory(prefix="v2xum-doctor-") as folder, Sandbox(1) as sandbox:
        try:
            made = sandbox.run(_decode, Path(folder) / "film.mp4", limits=Limits(60, 4096))
        except (StageError, ImportError, OSError, ValueError, MemoryError) as error:
            again = f"pip install --force-reinstall 'av>=18,<19'{' decord==0.6.0' if has_decord() else ''}"
            return [fail("decoder", f"{type(error).__name__}: {error}"[:300], again)]
    checks = [ok("ffmpeg", f"FFmpeg {made.ffmpeg} inside PyAV ({made.libraries})")]
    for name, package in (("pyav", "av>=18,<19"), ("decord", "decord==0.6.0")):
        right = [20 + 40 * k for k in range(5)]
        judged = fail if name in (backend, "pyav") else warn
        if name == "decord" and not has_decord():
            missing = "not installed: it exists for Linux on x86_64 only. Without it nothing checks PyAV's pictures"
            checks.append(judged("decoder decord", missing, "`frames.backend: pyav` needs no decord"))
            continue
        found = made.levels.get(name, [])
        exact = len(found) == 5 and all(abs(a - b) < 8 for a, b in zip(found, right, strict=True))
        if exact:
            checks.append(ok(f"decoder {name}", "decodes H.264, each picture at its time"))
            continue
        wrong = made.problems.get(name) or f"decoded grey levels {[round(v) for v in found]}, not {right}"
        checks.append(judged(f"decoder {name}", wrong[:300], f"pip install --force-reinstall '{package}'"))
    return checks


def _decode(path: Path) -> Decoded:
    """Decode in the child process: picture k at k / 2 s has the grey level 20 + 20 k, every second one is compared."""
    import av

    from curation.frames.decord_sampler import decord_pictures
    from curation.frames.pyav_sampler import PyavSampler
    from curation.video.encode import encode_video

    encode_video(path, (np.full((64, 96, 3), 20 + 20 * k, np.uint8) for k in range(10)), fps=2)
    levels: dict[str, list[float]] = {}
    problems: dict[str, str] = {}
    try:
        sampler = PyavSampler(path, Fraction(1), 64, 100)
        levels["pyav"] = [float(sample.image.mean()) for sample in sampler.samples()]
    except StageError as error:
        problems["pyav"] = str(error)
    try:
        pictures = decord_pictures(path, [0.0, 1.0, 2.0, 3.0, 4.0]) if has_decord() else []
        levels["decord"] = [float(picture.mean()) for picture in pictures if picture is not None]
    except StageError as error:
        problems["decord"] = str(error)
    libraries = ", ".join(f"{n} {'.'.join(map(str, v))}" for n, v in av.library_versions.items() if n[3:] in _LIBRARIES)
    return Decoded(str(av.ffmpeg_version_info), libraries, levels, problems)


_LIBRARIES = ("avcodec", "avformat", "avutil", "swscale")


def check_downloader() -> list[Check]:
    """yt-dlp, and the JavaScript runtime that YouTube's pages need."""
    import yt_dlp
    from yt_dlp.utils._jsruntime import DenoJsRuntime, NodeJsRuntime

    checks = [ok("yt-dlp", yt_dlp.version.__version__)]
    runtimes = [info for info in (DenoJsRuntime().info, NodeJsRuntime().info) if info is not None]
    good = next((info for info in runtimes if info.supported), None)
    if good is not None:
        return [*checks, ok("yt-dlp JavaScript runtime", f"{good.name} {good.version}")]
    found = ", ".join(f"{info.name} {info.version} is too old" for info in runtimes) or "none is installed"
    fix = "pip install deno (2.3 or newer; or node 22 or newer); without it YouTube fails, other sites work"
    return [*checks, warn("yt-dlp JavaScript runtime", found, fix)]


def check_disk(config: CurateConfig, workspace: Path) -> list[Check]:
    """Free space, permissions and type of the workspace's file system."""
    place = next(path for path in (workspace.absolute(), *workspace.absolute().parents) if path.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        fix = "choose a folder with --workspace that this user may write to"
        return [fail("workspace", f"{place} cannot be written to", fix)]
    checks = [_room(config, place)]
    kind = filesystem(place)
    if kind in _NETWORK:
        found = f"{place} is on a network file system ({kind}): SQLite's locks do not hold there, runs may hang or lose"
        checks.append(warn("file system", found, "use a --workspace on a local disk, and copy the export afterwards"))
    elif kind:
        checks.append(ok("file system", f"{kind}, local"))
    return checks


def check_store(config: CurateConfig) -> list[Check]:
    """Write a small file to `store.address` and read it back; no check where the store is the workspace's folder."""
    address = config.store.address
    if address is None:
        return []
    try:
        open_bucket(address).probe()
    except (ConfigError, RunStopped) as error:
        return [fail("store", str(error), "mend store.address, or the keys in the environment")]
    return [ok("store", f"{address} can be written and read")]


def _room(config: CurateConfig, place: Path) -> Check:
    free = shutil.disk_usage(place).free
    # Files of videos that are under way at once, each as large as a download may be.
    wanted = _LEAST_DISK + config.download.max_megabytes * 10**6 * config.run.download_workers
    found = f"{free / _GB:.1f} GB free at {place}"
    if free < _LEAST_DISK:
        return fail("disk", found, f"make room ({_LEAST_DISK // _GB} GB at least), or choose another --workspace")
    if free < wanted:
        fix = (
            f"{wanted / _GB:.0f} GB are needed in the worst case ({config.run.download_workers} downloads of "
            f"{config.download.max_megabytes:g} MB): make room, or lower download.max_megabytes or run.download_workers"
        )
        return warn("disk", found, fix)
    return ok("disk", f"{found}; `v2xum plan` estimates what the whole takes")


def filesystem(place: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The type of the file system that holds a folder (`ext4`, `nfs4`); None where the system does not tell."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:
        return None
    path, best, kind = place.resolve(), -1, None
    for line in lines:
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        point = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))  # blanks are written \040
        # Of several mounts on one point, the last one is seen.
        if (path == point or point in path.parents) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[fields.index("-", 6) + 1]
    return kind


def check_memory(config: CurateConfig, available: float | None = None, most: float | None = None) -> Check:
    """Free memory (bytes; measured when not given) against the memory that decoding takes.

    `most`: the bytes of addresses that a process may have (`ulimit -v`; read when not given).
    """
    most = _most_addresses() if most is None else most
    if most < _ADDRESSES:
        fix = (
            f"a run reserves about {_ADDRESSES / _GB:.0f} GB, larger models in this process more: `ulimit -v unlimited`"
        )
        return warn("memory", f"this process may have {most / _GB:.1f} GB of addresses (`ulimit -v`)", fix)
    free = _free_memory() if available is None else available
    if free is None:
        return warn("memory", "this system does not tell", "see that 2 GB are free, and 0.5 GB a decode worker")
    wanted = _LEAST_MEMORY + config.run.decode_workers * _DECODER_MEMORY
    found = f"{free / _GB:.1f} GB free"
    if free < wanted:
        fix = f"{wanted / _GB:.1f} GB are usual with run.decode_workers: {config.run.decode_workers}; lower it"
        return warn("memory", found, fix)
    return ok("memory", found)


def check_gpus() -> list[Check]:
    """The NVIDIA GPUs that this machine shows, with their memory; a line also where there is none."""
    try:
        gpus = find_gpus()
    except ConfigError as error:
        return [warn("gpu", str(error), "see that the driver is loaded")]
    if not gpus:
        return [ok("gpu", "no NVIDIA GPU is seen here; servers elsewhere may have theirs")]
    return [ok("gpu", f"{gpu.name}, {gpu.total} MiB ({gpu.free} MiB free), driver {gpu.driver}") for gpu in gpus]


def check_open_files(config: CurateConfig) -> Check:
    """The limit of open files (`ulimit -n`), as far as a run can raise it itself, against what a run needs."""
    needed, wanted = needed_files(config), wanted_files(config)
    allowed = allowed_files(wanted)
    found = f"{allowed} may be open"
    if allowed < needed:
        return fail("open files", f"{found}, a run needs {needed}", how_to_raise(wanted))
    if allowed < wanted:
        return warn("open files", f"{found}, a run may want {wanted} at full load", how_to_raise(wanted))
    return ok("open files", found)


def _most_addresses() -> float:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return float("inf") if limit == resource.RLIM_INFINITY else float(limit)


def _free_memory() -> float | None:
    """The free memory of the machine or of its control group, in bytes."""
    limits: list[float] = []
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        limits += [float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
        group = Path("/sys/fs/cgroup")
        most = (group / "memory.max").read_text(encoding="ascii").strip()
        if most != "max":
            limits.append(float(most) - float((group / "memory.current").read_text(encoding="ascii")))
    except (OSError, ValueError, IndexError):
        pass
    return min(limits, default=None)


def needs(config: CurateConfig) -> dict[str, Need]:
    """The needs of a run for each role, as far as they are known without a video. Raises PromptError."""
    short = config.frames.short_side
    wide = max(short, round(short * 16 / 9))
    shades = np.linspace(0, 255, wide, dtype=np.uint8)[None, :, None].repeat(short, 0).repeat(3, 2)
    stream = io.BytesIO()
    Image.fromarray(shades).save(stream, "JPEG", quality=config.frames.jpeg_quality)
    line = prompt_line((0.0,), "A picture.")
    extract = render(load(config.extract.prompt), captions=line, minimum=1, target=1, maximum=1)
    refine = render(load(config.refine.prompt), lines=line)
    longest = max(
        ((extract, config.extract.max_tokens), (refine, config.refine.max_tokens)),
        key=lambda asked: len(asked[0]) // 4 + asked[1],
    )
    captions = _LEAST_CAPTIONS * (config.caption.max_tokens + _LINE_TOKENS)
    found = {
        "captioner": Need(
            load(config.caption.asked).render(),
            config.caption.max_tokens * max(1, config.caption.pictures - 1),
            0,
            stream.getvalue(),
            structured=config.caption.unit == "clip",
            pictures=config.caption.pictures,
        ),
        "summarizer": Need(*longest, captions, None, structured=True),
    }
    for place in range(len(config.models.annotators)):
        found[f"annotators.{place}"] = Need(extract, config.extract.max_tokens, captions, None, structured=True)
    if config.models.judge is not None:
        text = render(load(config.audit.judge_prompt), captions=line, summary=line)
        found["judge"] = Need(text, config.audit.judge_max_tokens, 2 * captions, None, structured=True)
    return found
