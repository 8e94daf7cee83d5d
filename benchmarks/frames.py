"""Compares the speed of frame sampling with the ffmpeg command line and decord, on one file in the same minutes.

    python -m benchmarks frames [--json] [--seconds 600] [--keep FOLDER]

It makes an H.264 file (1280x720, 30 fps, B-frames, 60 s encoded and joined by packet copy) and samples it at 1 fps to
JPEGs of 448 pixels, with each contender in a process of its own. It also compares this project's pictures with the raw
frames that ffmpeg decodes. CPU seconds are user and system time of the whole process, with start and imports.

    sampling            choose, scale, write a JPEG, as ffmpeg and decord do
    stage               the whole stage of the pipeline, also hashes, perceptual hashes and shots
    decord              reads every 30th frame by its number, the usual way
    decord_sequential   the stage with this project's decord backend, which reads all frames
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import peak_memory

WIDTH, HEIGHT, FPS, SEGMENT = 1280, 720, 30, 60
SHORT_SIDE = 448
ENCODER = {"preset": "veryfast", "crf": "23", "bf": "3", "g": "250"}


def main() -> None:
    """Run the benchmark, or one contender in a child process."""
    parser = argparse.ArgumentParser(prog="v2xum bench frames", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--seconds", type=int, default=600, help="length of the long file, a multiple of 60")
    parser.add_argument("--keep", type=Path, help="folder for the generated files, which a later run uses again")
    parser.add_argument("--contender", nargs=3, metavar=("NAME", "FILE", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        name, file, out = options.contender
        work = {"sampling": _sampling, "stage": _stage, "decord": _decord, "decord_sequential": _decord_sequential}
        frames = work[name](Path(file), Path(out))
        print(json.dumps({"frames": frames, "peak_mb": peak_memory()}))
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(folder, Path(scratch), options.seconds)
    if options.json:
        print(json.dumps(result))
    else:
        for key, value in result.items():
            print(f"{key:32} {value}")


def measure(folder: Path, scratch: Path, seconds: int) -> dict[str, Any]:
    """The figures of all contenders on a file of `seconds`, and of the stage on a file of a fifth of that."""
    long, short = make_file(folder, seconds), make_file(folder, max(seconds // 5 // SEGMENT, 1) * SEGMENT)
    megabytes = long.stat().st_size / 1e6
    result: dict[str, Any] = {"file": f"H.264 {WIDTH}x{HEIGHT} {FPS} fps, {seconds} s, {megabytes:.0f} MB"}
    for name in ("sampling", "stage", "ffmpeg", "decord", "decord_sequential"):
        out = scratch / name
        out.mkdir()
        command = (
            _ffmpeg_command(long, "-q:v", "2", str(out / "%06d.jpg"))
            if name == "ffmpeg"
            else [sys.executable, "-m", "benchmarks.frames", "--contender", name, str(long), str(out)]
        )
        output, result[f"{name}_cpu_s"] = _run(command)
        result[f"{name}_frames"] = len(list(out.glob("*.jpg")))
        if name != "ffmpeg":
            result[f"{name}_peak_mb"] = round(json.loads(output)["peak_mb"], 1)
        shutil.rmtree(out)
    out = scratch / "short"
    out.mkdir()
    output, _ = _run([sys.executable, "-m", "benchmarks.frames", "--contender", "stage", str(short), str(out)])
    result["stage_peak_mb_short_file"] = round(json.loads(output)["peak_mb"], 1)
    for name in ("sampling", "stage"):
        for other in ("ffmpeg", "decord"):
            result[f"{name}_to_{other}"] = round(result[f"{name}_cpu_s"] / result[f"{other}_cpu_s"], 3)
    return result | compare(long)


def make_file(folder: Path, seconds: int) -> Path:
    """Make the test file of so many seconds from copies of one encoded minute. Returns its path."""
    import av

    from curation.video.encode import encode_video

    segment, joined = folder / "segment.mp4", folder / f"joined_{seconds}.mp4"
    if not segment.exists():
        encode_video(folder / "half.mp4", _scene(), fps=FPS, options=ENCODER)
        (folder / "half.mp4").replace(segment)
    if joined.exists():
        return joined
    with av.open(str(folder / "half.mp4"), "w") as output:
        stream: Any = None
        for number in range(seconds // SEGMENT):
            with av.open(str(segment)) as source:
                video = source.streams.video[0]
                stream = stream or output.add_stream_from_template(video)
                assert video.time_base is not None
                shift = int(number * SEGMENT / video.time_base)
                for packet in source.demux(video):
                    if packet.pts is not None and packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = stream
                        output.mux(packet)
    (folder / "half.mp4").replace(joined)
    return joined


def compare(path: Path) -> dict[str, Any]:
    """Count the pictures that equal ffmpeg's at the same times, bit for bit, as decoded (YUV, not scaled)."""
    from curation.frames.pyav_sampler import PyavSampler

    command = _ffmpeg_command(path, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-", scale=False)
    identical = count = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _, _, frame in PyavSampler(path, Fraction(1), SHORT_SIDE, 100_000).pictures():
            identical += process.stdout.read(WIDTH * HEIGHT * 3 // 2) == frame.to_ndarray().tobytes()
            count += 1
        left = len(process.stdout.read())
    return {"compared": count, "identical": identical, "ffmpeg_bytes_left": left}


def _sampling(path: Path, out: Path) -> int:
    from PIL import Image

    from curation.frames.pyav_sampler import PyavSampler

    for sample in PyavSampler(path, Fraction(1), SHORT_SIDE, 100_000).samples():
        Image.fromarray(sample.image).save(out / f"{sample.index:06d}.jpg", quality=90)
    return sample.index + 1


def _stage(path: Path, out: Path) -> int:
    from curation.frames.sample import draw_frames
    from schemas.configuration.config import FrameConfig

    return len(draw_frames(path, FrameConfig(short_side=SHORT_SIDE), out).frames)


def _decord(path: Path, out: Path) -> int:
    import decord
    from PIL import Image

    size = {"width": WIDTH * SHORT_SIDE // HEIGHT // 2 * 2, "height": SHORT_SIDE}
    reader = decord.VideoReader(str(path), num_threads=1, **size)
    for number, index in enumerate(range(0, len(reader), FPS)):
        Image.fromarray(reader[index].asnumpy()).save(out / f"{number:06d}.jpg", quality=90)
    return number + 1


def _decord_sequential(path: Path, out: Path) -> int:
    from curation.frames.sample import draw_frames
    from schemas.configuration.config import FrameConfig

    return len(draw_frames(path, FrameConfig(short_side=SHORT_SIDE, backend="decord"), out).frames)


def _ffmpeg_command(path: Path, *output: str, scale: bool = True) -> list[str]:
    exe = shutil.which("ffmpeg")
    if exe is None:
        import imageio_ffmpeg

        exe = str(imageio_ffmpeg.get_ffmpeg_exe())
    width = WIDTH * SHORT_SIDE // HEIGHT // 2 * 2
    picked = rf"select=not(mod(n\,{FPS}))" + (f",scale={width}:{SHORT_SIDE}:flags=bicubic" if scale else "")
    threads = ["-threads", "1"]
    start = [exe, "-v", "error", "-nostdin", "-filter_threads", "1", *threads, "-i", str(path)]
    return [*start, "-vf", picked, "-fps_mode", "passthrough", *threads, *output]


def _run(command: list[str]) -> tuple[str, float]:
    """Run a command. Returns its standard output and the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done.stdout, round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def _scene() -> Iterator[NDArray[np.uint8]]:
    """Frames of one minute: textured backgrounds that pan, moving patches, camera noise, and a cut every 2 to 9 s."""
    dice = np.random.default_rng(4)
    noise = [dice.integers(0, 7, (HEIGHT, WIDTH, 3), dtype=np.uint8) for _ in range(4)]
    end = 0.0
    for number in range(SEGMENT * FPS):
        time = number / FPS
        if time >= end:
            start, end = time, time + dice.uniform(2, 9)
            coarse = dice.integers(20, 220, (HEIGHT // 40, WIDTH // 40, 3), dtype=np.uint8)
            fine = dice.integers(0, 28, (HEIGHT // 4, WIDTH // 4, 3), dtype=np.uint8)
            back = coarse.repeat(40, 0).repeat(40, 1) + fine.repeat(4, 0).repeat(4, 1)
            patches = dice.uniform([0, 0, -150, -80], [WIDTH, HEIGHT, 150, 80], (6, 4))
            colours, pan = dice.integers(0, 240, (6, 3), dtype=np.uint8), dice.uniform(-60, 60)
        image = np.roll(back, int(pan * (time - start)), axis=1)
        for (x, y, dx, dy), colour in zip(patches, colours, strict=True):
            left, top = int(x + dx * (time - start)) % WIDTH, int(y + dy * (time - start)) % HEIGHT
            image[top : top + 120, left : left + 120] = colour
        yield image + noise[number % 4]


if __name__ == "__main__":
    main()
