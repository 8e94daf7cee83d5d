import torch

from models.summarizers.memory import FrameMemory


def test_what_is_read_varies_with_the_input():
    torch.manual_seed(0)
    memory = FrameMemory(16, 32)
    read = memory.read(torch.randn(1, 50, 32))[0]
    assert read.std(0).norm() > 0.3 * read.mean(0).norm()


def test_a_low_temperature_reads_the_mean_and_a_high_one_a_single_value():
    """Upstream's fault is the first case: its cosines are divided by sqrt(d)."""
    torch.manual_seed(0)
    memory, frames = FrameMemory(4, 32), torch.randn(1, 6, 32)
    torch.nn.init.constant_(memory.log_temperature, -20.0)
    torch.testing.assert_close(memory.read(frames), memory.values.mean(0).expand(1, 6, 32))
    torch.nn.init.constant_(memory.log_temperature, 12.0)
    nearest = (memory.read(frames)[0, :, None] - memory.values).norm(dim=-1).min(-1).values
    assert nearest.max() < 1e-3


def test_every_part_learns_and_the_frames_stay_in_the_sum():
    torch.manual_seed(0)
    memory, frames = FrameMemory(4, 8), torch.randn(2, 5, 8)
    memory(frames).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in memory.parameters())
    torch.nn.init.zeros_(memory.fuse.weight)
    torch.nn.init.zeros_(memory.fuse.bias)
    assert torch.equal(memory(frames), frames)
