import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig

from models.summarizers.llmvs import LlmvsConfig, LlmvsHead

LENGTHS = (40, 13, 1)


def head(**switches):
    torch.manual_seed(0)
    return LlmvsHead(LlmvsConfig(**{"feature_size": 12, "hidden_size": 32, "dropout": 0.0, **switches})).eval()


def batch():
    torch.manual_seed(1)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    return {"features": 3 * torch.randn(3, max(LENGTHS), 12), "mask": mask, "labels": torch.rand(mask.shape)}


@pytest.mark.parametrize("layers", [0, 3])
def test_a_video_is_scored_the_same_in_every_batch(layers):
    network, whole = head(layers=layers), batch()
    for row, found in enumerate(network.predict(whole)):
        single = {name: tensor[row : row + 1, : LENGTHS[row]] for name, tensor in whole.items()}
        (expected,) = network.predict(single)
        assert found.scores == pytest.approx(expected.scores, abs=1e-6)
        assert found.keyframes == expected.keyframes


@pytest.mark.parametrize("layers", [0, 3])
def test_the_loss_is_the_squared_error_over_unpadded_frames(layers):
    network, whole = head(layers=layers), batch()
    with torch.no_grad():
        output = network(**whole)
        poisoned = {**whole, "features": torch.where(whole["mask"][..., None], whole["features"], 9.0)}
        poisoned["labels"] = torch.where(whole["mask"], whole["labels"], 9.0)
        assert network(**poisoned).loss == output.loss
    errors = (output.logits.sigmoid() - whole["labels"]) ** 2
    means = [float(errors[row, :length].mean()) for row, length in enumerate(LENGTHS)]
    assert float(output.loss) == pytest.approx(sum(means) / 3, rel=1e-5)
    assert network(whole["features"], whole["mask"]).loss is None


def test_frames_meet_in_self_attention_alone():
    whole = batch()
    other = whole["features"].clone()
    other[0, 20] += 5
    with torch.no_grad():
        for layers, meet in ((0, False), (3, True)):
            network = head(layers=layers)
            first, second = network(whole["features"], whole["mask"]).logits, network(other, whole["mask"]).logits
            assert bool((first != second)[0, :20].any()) is meet
            assert torch.equal(first[1:], second[1:])


def test_every_weight_learns():
    network = head().train()
    network(**batch()).loss.backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_a_checkpoint_gives_what_was_saved(tmp_path):
    network, whole = head(), batch()
    network.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), LlmvsConfig)
    for found, expected in zip(LlmvsHead.from_pretrained(tmp_path).predict(whole), network.predict(whole), strict=True):
        assert (found.scores == expected.scores).all()


@pytest.mark.parametrize("wrong", [{"hidden_size": 24}, {"share": 2.0}])
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(StrictDataclassError):
        head(**wrong)
