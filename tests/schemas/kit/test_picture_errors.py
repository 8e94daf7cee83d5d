"""Pictures from anybody: a bomb and a format that is neither JPEG nor PNG are refused before they are decoded."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from curation.release.formats.rules import picture_problem
from models.decode_picture import decode_picture
from pages.thumbnails import thumbnail
from schemas.errors import PermanentError
from schemas.kit.picture_errors import MOST_PIXELS

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(ran) (w) file closefile\nshowpage\n"


def png(width: int, height: int) -> bytes:
    """A PNG of so many black pixels, in some kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + (width + 7) // 8)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def other(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    return stream.getvalue()


def refused(data: bytes) -> None:
    with pytest.raises(PermanentError, match="unreadable_picture"):
        decode_picture(data)
    assert thumbnail(lambda: data) == ""
    assert picture_problem(data) is not None


def test_a_picture_of_more_pixels_than_a_camera_has_is_refused() -> None:
    side = int(MOST_PIXELS**0.5) + 8
    bomb = png(side, side)
    assert len(bomb) < 100_000
    refused(bomb)
    assert decode_picture(png(64, 36)).size == (64, 36)


@pytest.mark.parametrize("kind", ["EPS", "GIF", "TIFF", "BMP", "WEBP", "PDF"])
def test_other_formats_are_no_pictures(kind: str) -> None:
    refused(other(kind))


def test_no_interpreter_of_postscript_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    refused(POSTSCRIPT)
    assert not (tmp_path / "ran").exists()
