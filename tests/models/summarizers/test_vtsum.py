import pytest
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig

from models.summarizers.vtsum import Vtsum, VtsumConfig

DECODER = {
    **{"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32},
    **{"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 64},
}
SIZES = {"feature_size": 12, "hidden_size": 16, "heads": 2, "inner_size": 32, "positions": 16}
TEXT = {"decoder": DECODER, "prompt": [1, 5], "least_tokens": 2, "most_tokens": 6, "beams": 2}
BASE = {"temporal_layers": 0, "context_windows": (), "local_windows": ()}
SWITCHES = {
    "base": BASE,
    "tt": {**BASE, "temporal_layers": 1},
    "tt_ca": {"local_windows": ()},
    "tt_ca_la": {},
    "memory": {"memory_slots": 4},
    "schedule": {"local_windows": (5, 15, 45, None)},
    "dpp": {"selection": "dpp", "smoothing": 3},
    "kernel": {"segmentation": "kernel", "smoothing": 5},
    "learned": {"segmentation": "learned", "smoothing": 5},
    "text": TEXT,
    "all": {"memory_slots": 4, "selection": "dpp", "segmentation": "learned", "smoothing": 3, **TEXT},
}


def model(**switches):
    torch.manual_seed(0)
    built = Vtsum(VtsumConfig(**{**SIZES, **switches})).eval()
    for parameter in built.parameters():  # wide, so that a random model has opinions
        if parameter.dim() > 1:
            parameter.data *= 5
    built.decode = str
    return built


def batch(lengths=(50, 17, 1), seed=0):
    generator = torch.Generator().manual_seed(seed)
    longest, videos = max(lengths), len(lengths)
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    ids = torch.randint(3, 40, (videos, 9), generator=generator)
    ids[:, :2] = torch.tensor([1, 5])
    text_labels = ids.clone()
    text_labels[:, :2] = -100
    for row in range(videos):
        text_labels[row, 9 - row :], ids[row, 9 - row :] = -100, 0
    return {
        "features": torch.randn(videos, longest, 12, generator=generator),
        "mask": mask,
        "labels": torch.rand(videos, longest, generator=generator),
        "boundaries": (torch.rand(videos, longest, generator=generator) > 0.7).float(),
        "input_ids": ids,
        "text_labels": text_labels,
    }


def alone(whole, row):
    """One video of a batch without its padding."""
    length, tokens = int(whole["mask"][row].sum()), 9 - row
    return {
        name: tensor[row : row + 1, : tokens if name in ("input_ids", "text_labels") else length]
        for name, tensor in whole.items()
    }


@pytest.mark.parametrize("name", SWITCHES)
def test_a_video_is_scored_the_same_in_every_batch(name):
    summarizer, whole = model(**SWITCHES[name]), batch()
    together = summarizer.predict(whole)
    for row, found in enumerate(together):
        (single,) = summarizer.predict(alone(whole, row))
        assert found.scores == pytest.approx(single.scores, abs=1e-5)
        assert (found.keyframes, found.text) == (single.keyframes, single.text)
        assert len(found.scores) == whole["mask"][row].sum()
        assert (found.text is not None) == ("decoder" in SWITCHES[name])


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_learns_with_all_of_its_weights(name):
    summarizer = model(**SWITCHES[name]).train()
    output = summarizer(**batch())
    output.loss.backward()
    still = [name for name, p in summarizer.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_losses_do_not_depend_on_padding():
    summarizer, whole = model(**SWITCHES["all"]), batch()
    more = {
        **{name: torch.cat((whole[name], torch.full_like(whole[name], 3)), 1) for name in ("features", "labels")},
        **{name: torch.cat((whole[name], torch.ones_like(whole[name])), 1) for name in ("boundaries",)},
        "mask": torch.cat((whole["mask"], torch.zeros_like(whole["mask"])), 1),
        "input_ids": torch.cat((whole["input_ids"], torch.zeros_like(whole["input_ids"])), 1),
        "text_labels": torch.cat((whole["text_labels"], torch.full_like(whole["text_labels"], -100)), 1),
    }
    with torch.no_grad():
        first, second = summarizer(**whole), summarizer(**more)
        singles = [summarizer(**alone(whole, row)) for row in range(3)]
    for part in ("loss", "video_loss", "text_loss"):
        assert float(second[part]) == pytest.approx(float(first[part]), rel=1e-4)
        if part != "loss":
            assert float(first[part]) == pytest.approx(sum(float(single[part]) for single in singles) / 3, rel=1e-4)
    assert float(second.boundary_loss) == pytest.approx(float(first.boundary_loss), rel=1e-4)
    boundary = [float(single.boundary_loss) for single in singles[:2]]  # a video of one frame has no boundary
    assert float(first.boundary_loss) == pytest.approx(sum(boundary) / 2, rel=1e-4)


def test_the_loss_is_the_mean_over_annotators_and_weighted_as_in_the_seeds():
    summarizer, whole = model(**SWITCHES["all"]), batch()
    annotators = (torch.rand(4, *whole["mask"].shape) > 0.6).float()
    with torch.no_grad():
        output = summarizer(**{**whole, "labels": annotators.mean(0)})
        each = [summarizer(**{**whole, "labels": labels}).video_loss for labels in annotators]
    assert float(output.video_loss) == pytest.approx(float(torch.stack(each).mean()), rel=1e-4)
    weighted = 15 * output.video_loss + output.text_loss + output.boundary_loss
    assert float(output.loss) == pytest.approx(float(weighted), rel=1e-5)


def test_without_labels_there_is_no_loss():
    whole = batch()
    assert model()(whole["features"], whole["mask"]).loss is None


def test_local_attention_alone_sees_its_window_only():
    summarizer = model(temporal_layers=0, local_windows=(5,), context_windows=(3,))
    whole = batch((80,))
    other = whole["features"].clone()
    other[0, 40] += 2
    with torch.no_grad():
        scores = [summarizer(features, whole["mask"]).logits for features in (whole["features"], other)]
    changed = (scores[0] != scores[1])[0].nonzero().flatten().tolist()
    assert changed == list(range(37, 44))  # 2 frames of the one window and 1 of the other


def test_context_aggregation_is_of_the_video_head_alone():
    summarizer, whole = model(**TEXT), batch()
    with torch.no_grad():
        before = summarizer(**whole)
        for parameter in summarizer.context.parameters():
            parameter.mul_(0.5)
        after = summarizer(**whole)
    assert after.text_loss == before.text_loss
    assert after.video_loss != before.video_loss


def test_switches_change_what_is_chosen():
    whole = batch((60, 50))
    still = whole["features"][:, :1] * torch.ones(2, 60, 1) + 0.01 * whole["features"]
    inputs = {"features": torch.cat((still[:, :30], whole["features"][:, 30:]), 1), "mask": whole["mask"]}
    summarizer = model(context_windows=(), local_windows=(), temporal_layers=0)
    plain = [found.keyframes for found in summarizer.predict(inputs)]
    summarizer.config.selection, summarizer.config.relevance = "dpp", 0.1
    assert [found.keyframes for found in summarizer.predict(inputs)] != plain


@pytest.mark.parametrize("name", SWITCHES)
def test_a_checkpoint_gives_what_was_saved(name, tmp_path):
    summarizer, whole = model(**SWITCHES[name]), batch()
    summarizer.save_pretrained(tmp_path)
    loaded, told = Vtsum.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert isinstance(AutoConfig.from_pretrained(tmp_path), VtsumConfig)
    assert loaded.config.to_dict() == Vtsum.from_pretrained(tmp_path).config.to_dict()
    loaded.decode = str
    for found, expected in zip(loaded.predict(whole), summarizer.predict(whole), strict=True):
        assert (found.scores == expected.scores).all()
        assert (found.keyframes, found.text) == (expected.keyframes, expected.text)


def test_gradient_checkpointing_gives_the_same_gradients():
    plain, checkpointed = model(dropout=0.0).train(), model(dropout=0.0).train()
    checkpointed.activation_checkpointing_enable()
    for summarizer in (plain, checkpointed):
        summarizer(**batch()).loss.backward()
    for first, second in zip(plain.parameters(), checkpointed.parameters(), strict=True):
        torch.testing.assert_close(first.grad, second.grad)


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 0.0},
        {"relevance": 1.0},
        {"selection": "best"},
        {"segmentation": "shots"},
        {"decoder": DECODER},
        {"decoder": DECODER, "prompt": [1], "most_tokens": 64},
    ],
)
def test_impossible_configurations_are_refused(wrong):
    with pytest.raises(StrictDataclassError):
        VtsumConfig(**{**SIZES, **wrong})
