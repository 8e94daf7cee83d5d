import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from models.summarizers.attention import FrameAttention, FrameBlock, FramePositions, local_attention


def masked_full_attention(query, key, value, mask, window):
    """The oracle: attention over all frames under a mask of T x T."""
    place = torch.arange(query.shape[1])
    near = (place[:, None] - place).abs() <= window // 2
    seen = (near & mask[:, None]) | (place[:, None] == place)
    query, key, value = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None]).transpose(1, 2)


def qkv(frames, seed, batch=2, heads=2, size=4):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, frames, heads, size, generator=generator) for _ in range(3)]


@settings(max_examples=40, deadline=None)
@given(frames=st.integers(1, 150), window=st.integers(1, 160), short=st.integers(0, 149), seed=st.integers(0, 99))
def test_a_window_is_attention_under_a_band_mask(frames, window, short, seed):
    query, key, value = qkv(frames, seed)
    mask = torch.arange(frames) < torch.tensor([[frames], [max(1, frames - short)]])
    expected = masked_full_attention(query, key, value, mask, window)
    given_ = local_attention(query, key, value, mask, window)
    torch.testing.assert_close(given_[mask], expected[mask], rtol=1e-5, atol=1e-5)
    assert given_.isfinite().all()


@pytest.mark.parametrize("window", [1, 4, 5, 15, 45])
def test_a_frame_outside_the_window_changes_nothing(window):
    """Bit for bit; and every frame inside it does change something."""
    torch.manual_seed(0)
    frames, changed = torch.randn(1, 131, 8), 64
    mask = torch.ones(1, 131, dtype=torch.bool)
    attention = FrameAttention(8, 2, window).eval()
    other = frames.clone()
    other[0, changed] += 3
    with torch.no_grad():
        difference = (attention(frames, mask) != attention(other, mask)).any(-1)[0]
    assert difference.nonzero().flatten().tolist() == list(range(changed - window // 2, changed + window // 2 + 1))


def test_all_frames_are_seen_without_a_window():
    torch.manual_seed(0)
    frames, mask = torch.randn(1, 40, 8), torch.ones(1, 40, dtype=torch.bool)
    other = frames.clone()
    other[0, 39] += 3
    with torch.no_grad():
        attention = FrameAttention(8, 2, None)
        assert (attention(frames, mask) != attention(other, mask)).any(-1).all()


@pytest.mark.parametrize("window", [None, 5, 45])
def test_padding_changes_nothing(window):
    torch.manual_seed(0)
    block = FrameBlock(8, 2, window, inner=16).eval()
    frames = torch.randn(1, 37, 8)
    padded = torch.cat((frames, torch.full((1, 60, 8), 7.0)), 1)
    with torch.no_grad():
        alone = block(frames, torch.ones(1, 37, dtype=torch.bool))
        beside = block(padded, torch.arange(97)[None] < 37)
    torch.testing.assert_close(beside[:, :37], alone, rtol=1e-5, atol=1e-6)


def test_no_tensor_of_frames_by_frames_is_made():
    """The largest tensor that autograd saves grows as the frames do."""

    def most(frames):
        sizes = []

        def keep(tensor):
            sizes.append(tensor.numel())
            return tensor

        query, key, value = (tensor.requires_grad_() for tensor in qkv(frames, 0, batch=1))
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            local_attention(query, key, value, torch.ones(1, frames, dtype=torch.bool), 5)
        return max(sizes)

    assert most(2048) == 4 * most(512)


def test_positions_are_learned_ones_and_interpolated_past_the_table():
    positions = FramePositions(5, 3)
    short = positions(torch.tensor([[True, True, True, False]]))
    assert torch.equal(short[0, :3], positions.table.weight[:3])
    long = positions(torch.ones(1, 9, dtype=torch.bool))[0]
    torch.testing.assert_close(long[::2], positions.table.weight)
    torch.testing.assert_close(long[1], positions.table.weight[:2].mean(0))


def test_positions_of_a_video_do_not_depend_on_its_neighbours():
    positions = FramePositions(5, 3)
    beside = positions(torch.arange(20) < torch.tensor([[9], [20]]))[0, :9]
    assert torch.equal(beside, positions(torch.ones(1, 9, dtype=torch.bool))[0])


@pytest.mark.parametrize(("heads", "window"), [(3, 5), (2, 0)])
def test_impossible_sizes_are_refused(heads, window):
    with pytest.raises(ValueError, match="heads"):
        FrameAttention(8, heads, window)
