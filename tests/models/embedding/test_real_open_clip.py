"""The real open_clip with a small model of this test, whose weights are random: loading, batches, errors.

It lies in a folder beside the environment (`make open-clip`). A package index may give a torchvision that was built for
another torch and does not load; open_clip uses none of its operators, so that they are declared without a body then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT

PACKAGES = ROOT / ".venv-open-clip"
DECLARED = """
import torch
operators = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms", "roi_align", "_roi_align_backward", "ps_roi_align", "_ps_roi_align_backward", "roi_pool",
             "_roi_pool_backward", "ps_roi_pool", "_ps_roi_pool_backward", "qroi_align", "deform_conv2d",
             "_deform_conv2d_backward"):
    operators.define(name + "(Tensor x) -> Tensor")
"""
SMALL = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1},
}
SCRIPT = """
import io, json, sys
from pathlib import Path
import numpy as np, open_clip, safetensors.torch, torch
from PIL import Image
from models.build import build_clip
from schemas.configuration.model_config import OpenClip
from schemas.errors import ConfigError

folder = Path(sys.argv[1])
open_clip.add_model_config(folder / "small.json")
torch.manual_seed(0)
direct, _, prepare = open_clip.create_model_and_transforms("small")
direct.eval()
weights = folder / "own.safetensors"
safetensors.torch.save_file(direct.state_dict(), weights)


class Ran:
    def __reduce__(self):
        return (Path.touch, (folder / "ran",))


(folder / "damaged.safetensors").write_bytes(weights.read_bytes()[:1000])
torch.save({"state_dict": Ran()}, folder / "pickled.pt")
pictures = [Image.new("RGB", (40, 30), (25 * k, 90, 200 - 20 * k)) for k in range(7)]


def png(picture):
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


config = OpenClip(engine="open_clip", model="small", pretrained=str(weights), batch=3)
clip = build_clip(config)
images, texts = clip.embed_images([png(p) for p in pictures]), clip.embed_texts(["a red ball", "rain", "\\ud800" * 90])
with torch.no_grad():
    seen = direct.encode_image(torch.stack([prepare(p) for p in pictures]), normalize=True).numpy()
    read = direct.encode_text(open_clip.get_tokenizer("small")(["a red ball", "rain"]), normalize=True).numpy()


def refusal(**changes):
    try:
        build_clip(config.model_copy(update=changes))
    except ConfigError as error:
        return str(error)


print(json.dumps({
    "name": clip.name, "shapes": [images.shape, texts.shape], "types": [str(images.dtype), str(texts.dtype)],
    "images": float(abs(images - seen).max()), "texts": float(abs(texts[:2] - read).max()),
    "apart": float(abs(images[0] - images[6]).max()), "norms": float(abs(np.linalg.norm(texts, axis=1) - 1).max()),
    "pickled": refusal(pretrained=str(folder / "pickled.pt")), "ran": (folder / "ran").exists(),
    "damaged": refusal(pretrained=str(folder / "damaged.safetensors")),
    "model": refusal(model="no-such-model"), "weights": refusal(pretrained=str(folder / "gone.safetensors")),
}))
"""
LOADING = """
import sys
from models.build import build_clip
from schemas.configuration.model_config import OpenClip
from schemas.errors import ConfigError
try:
    build_clip(OpenClip(engine="open_clip", model="ViT-B-32", pretrained=sys.argv[1]))
except ConfigError as error:
    print(error)
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PACKAGES.exists(), reason="open_clip is not there: make open-clip"),
]


def python(code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run code where open_clip and torchvision are found, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(PACKAGES), str(ROOT)))},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def torchvision_fits() -> bool:
    return python("import torchvision").returncode == 0


def test_vectors_are_those_of_open_clip_and_errors_are_sentences(tmp_path: Path, torchvision_fits: bool) -> None:
    (tmp_path / "small.json").write_text(json.dumps(SMALL), encoding="utf-8")
    done = python(SCRIPT if torchvision_fits else DECLARED + SCRIPT, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert told["name"].startswith("open_clip-small-own.safetensors-")
    assert told["shapes"] == [[7, 16], [3, 16]] and told["types"] == ["float32", "float32"]
    assert max(told["images"], told["texts"], told["norms"]) < 1e-5 < told["apart"]
    assert not told["ran"] and "pickled.pt" in told["pickled"], "a pickle must not run its author's code"
    assert "store the weights as safetensors" in told["pickled"] and "damaged.safetensors" in told["damaged"]
    assert "cannot load no-such-model" in told["model"] and "gone.safetensors" in told["weights"]
    assert str(tmp_path) not in told["weights"]


def test_a_torchvision_that_does_not_fit_is_named(tmp_path: Path, torchvision_fits: bool) -> None:
    if torchvision_fits:
        pytest.skip("this torchvision loads")
    done = python(LOADING, tmp_path / "gone.safetensors")
    assert "torchvision does not fit this torch" in done.stdout, done.stdout + done.stderr[-2000:]
