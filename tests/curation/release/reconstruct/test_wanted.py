"""What a release of strangers may say of its frames."""

import pytest

from curation.release.reconstruct.wanted import ListedFrame, _ascending


@pytest.mark.parametrize("phash", ["-000000000000001", "+00000000000000a", "00000000000000_1", "G" * 16, "0" * 15, ""])
def test_what_is_no_perceptual_hash_is_refused(phash: str) -> None:
    with pytest.raises(ValueError, match="not a perceptual hash"):
        _ascending([ListedFrame(0, 0.0, "0" * 64, phash)])


def test_a_frame_may_have_none() -> None:
    frames = [ListedFrame(0, 0.0, "0" * 64, None), ListedFrame(1, 1.0, "0" * 64, "00000000000000ff")]
    assert _ascending(frames) == frames
