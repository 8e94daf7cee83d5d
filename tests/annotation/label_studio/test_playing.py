"""A browser shows the files that are published unchanged upright."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from curation.video.browser_copy import plays
from tests.annotation.browser import CHROMIUM, chromium
from tests.curation import barcode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".webm", "libvpx-vp9")])
def test_an_unchanged_file_is_shown_upright(
    browser: Browser, tmp_path: Path, suffix: str, codec: str, rotation: int
) -> None:
    path = barcode.make(tmp_path / f"film{suffix}", barcode.steady(10, 1), codec, {}, rotation=rotation).path
    assert plays(path)
    page = browser.new_page()
    data = base64.b64encode(path.read_bytes()).decode()
    page.set_content(f"<video muted preload=auto src='data:video/{suffix[1:]};base64,{data}'></video>")
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    page.wait_for_timeout(300)  # until the first picture is painted
    shown = np.asarray(Image.open(io.BytesIO(page.locator("video").screenshot())).convert("RGB"))
    page.close()
    assert shown.shape == ((120, 160, 3) if rotation % 180 == 0 else (160, 120, 3))
    coded = np.rot90(shown, -rotation // 90)  # the barcode was drawn before the turn
    assert barcode.read(coded) == 0
    bright = coded[70:].mean(axis=(0, 2))  # the scene below grows brighter to the right
    assert bright[130:].mean() > bright[:30].mean() + 20
