"""Training frames have the pixels of the real processor and the labels of the world."""

import numpy as np
import pytest

from demo.render import draw
from demo.tiny_models.caption_data import SIDE, SLOT_SIZES, make_shard, slot_classes, squared
from demo.world import make_script


@pytest.mark.slow
def test_pixels_equal_those_of_the_processor() -> None:
    from transformers import Idefics3ImageProcessorPil

    image = draw(make_script(3), 5)
    edge = {"longest_edge": SIDE}
    processor = Idefics3ImageProcessorPil(do_image_splitting=False, size=edge, max_image_size=edge)
    pixels = processor([image], return_tensors="np")["pixel_values"][0, 0]
    np.testing.assert_allclose(pixels.transpose(1, 2, 0), squared(image) / 127.5 - 1, atol=1e-5)


def test_shards_are_repeatable_and_half_eventful() -> None:
    shard, same = make_shard(3, 64), make_shard(3, 64)
    np.testing.assert_array_equal(shard.pixels, same.pixels)
    assert shard.captions == same.captions
    assert shard.captions != make_shard(4, 64).captions != make_shard(4, 64, held_out=True).captions
    assert ((shard.slots >= 0) & (shard.slots < np.array(SLOT_SIZES))).all()
    assert 0.4 < (shard.slots[:, 1] > 0).mean() < 0.8


def test_slots_and_captions_say_the_same() -> None:
    stretches = [stretch for seed in range(60) for stretch in make_script(seed).stretches]
    by_slots = {tuple(slot_classes(stretch)): stretch.caption for stretch in stretches}
    assert all(by_slots[tuple(slot_classes(stretch))] == stretch.caption for stretch in stretches)
    assert len(by_slots) == len({stretch.caption for stretch in stretches})
