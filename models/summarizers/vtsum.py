"""VTSUM (seeds 001 and 003): scores of frames and a text from one encoder; each part of it can be left out.

frames -> memory -> temporal transformer (TT) -> local attention (LA) -> frames seen by both heads
       -> context aggregation (CA: local attention of the video head) -> video head
       -> text decoder with cross-attention
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, BertConfig, BertLMHeadModel, PretrainedConfig, PreTrainedModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from models.summarizers.attention import FrameBlock, FramePositions
from models.summarizers.frame_scores import FrameScores, mean_of_videos, of_videos
from models.summarizers.memory import FrameMemory
from models.summarizers.predicted import Predicted
from models.summarizers.segmentation import BoundaryHead, kernel_segments
from models.summarizers.selection import dpp_kernel, dpp_map, share_count, smooth, top, unit_rows

IGNORED = -100  # the label of a token that the loss leaves out
_Cache: Any = EncoderDecoderCache


@strict
class VtsumConfig(PretrainedConfig):
    """Sizes and switches of VTSUM; the defaults are TT + CA + LA at the seeds' sizes.

    `temporal_layers` 0 leaves out TT; `context_windows` (CA) and `local_windows` (LA) have one block a window, None for
    all frames, so that () leaves them out and (5, 15, 45, None) is a growing schedule; `memory_slots` 0 leaves out the
    memory. `smoothing` frames are averaged, within events where there is a `segmentation`. `decoder` are values of a
    BertConfig, among them `vocab_size` and the ids of special tokens; None leaves out the text. `prompt` are token ids.
    """

    model_type = "v2xum_vtsum"

    feature_size: int = 768
    hidden_size: int = 768
    heads: int = 12
    inner_size: int = 3072
    dropout: float = 0.1
    positions: int = 512
    temporal_layers: int = 1
    context_windows: Sequence[int | None] = (5,)
    local_windows: Sequence[int | None] = (5,)
    memory_slots: int = 0
    segmentation: Literal["none", "kernel", "learned"] = "none"
    segmentation_penalty: float = 1.0
    smoothing: int = 1
    selection: Literal["top", "dpp"] = "top"
    share: float = 0.15
    relevance: float = 0.9
    video_weight: float = 15.0
    text_weight: float = 1.0
    boundary_weight: float = 1.0
    decoder: dict[str, Any] | None = None
    prompt: Sequence[int] = ()
    beams: int = 3
    least_tokens: int = 10
    most_tokens: int = 128

    def validate_switches(self) -> None:
        """Shares outside 0..1, or a text decoder without a prompt or places: StrictDataclassError is raised."""
        if not 0 < self.share <= 1 or not 0 <= self.relevance < 1:
            raise ValueError(f"share {self.share} must lie in (0, 1], relevance {self.relevance} in [0, 1)")
        if self.decoder is not None and not self.prompt:
            raise ValueError("a text decoder needs a prompt of at least one token")
        places = (self.decoder or {}).get("max_position_embeddings", 512)
        if self.decoder is not None and len(self.prompt) + self.most_tokens > places:
            raise ValueError(f"prompt and {self.most_tokens} tokens do not fit the decoder's {places} positions")


class Vtsum(PreTrainedModel):
    """The network. A batch has `features` float [B, T, feature_size] and `mask` bool [B, T], padded at the end.

    For the losses it has `labels` float [B, T] (the annotators' mean, 0..1: a cross-entropy is linear in its label,
    so the loss is the mean over annotators too), `boundaries` float [B, T] (1 where an event begins) for the learned
    segmentation, and for the text `input_ids` [B, L] (prompt, text, end) and `text_labels` [B, L] (-100: left out).
    """

    config_class = VtsumConfig
    main_input_name = "features"
    supports_gradient_checkpointing = True

    def __init__(self, config: VtsumConfig) -> None:
        super().__init__(config)
        size, heads, dropout = config.hidden_size, config.heads, config.dropout
        self.adapter = nn.Identity() if config.feature_size == size else nn.Linear(config.feature_size, size)
        self.memory = FrameMemory(config.memory_slots, size) if config.memory_slots else None
        self.places = FramePositions(config.positions, size) if config.temporal_layers else None

        def blocks(windows: Sequence[int | None], inner: int = 0) -> nn.ModuleList:
            return nn.ModuleList(FrameBlock(size, heads, window, inner, dropout) for window in windows)

        self.temporal = blocks([None] * config.temporal_layers, config.inner_size)
        self.temporal_norm = nn.LayerNorm(size) if config.temporal_layers else nn.Identity()
        self.local, self.context = blocks(config.local_windows), blocks(config.context_windows)
        self.video_head = nn.Linear(size, 1)
        self.boundary_head = BoundaryHead(size) if config.segmentation == "learned" else None
        self.decode: Callable[[list[int]], str] | None = None
        self.text_decoder: Any = None
        if config.decoder is not None:
            own = {"is_decoder": True, "add_cross_attention": True, "encoder_hidden_size": size}
            self.text_decoder = BertLMHeadModel(BertConfig(**{**config.decoder, **own}))
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, FrameMemory):
            module.start()
        else:
            super()._init_weights(module)  # type: ignore[no-untyped-call]

    def encode(self, features: Tensor, mask: Tensor) -> Tensor:
        """The frames that both heads see, [B, T, hidden_size]."""
        frames = self.adapter(torch.where(mask[..., None], features, 0.0).to(self.dtype))
        frames = frames if self.memory is None else self.memory(frames)
        frames = frames if self.places is None else frames + self.places(mask)
        frames = self._through(self.temporal, frames, mask)
        return self._through(self.local, self.temporal_norm(frames), mask)

    @staticmethod
    def _through(blocks: nn.ModuleList, frames: Tensor, mask: Tensor) -> Tensor:
        for block in blocks:
            frames = block(frames, mask)
        return frames

    def forward(
        self,
        features: Tensor,
        mask: Tensor,
        labels: Tensor | None = None,
        boundaries: Tensor | None = None,
        input_ids: Tensor | None = None,
        text_labels: Tensor | None = None,
    ) -> FrameScores:
        """The loss is `video_weight` L_v + `text_weight` L_t + `boundary_weight` L_b of the parts that have labels."""
        logits, frames = self._scored(features, mask)
        output = FrameScores(logits=logits)
        losses: list[Tensor] = []
        if labels is not None:
            output.video_loss = mean_of_videos(_cross_entropy(logits, labels), mask)
            losses.append(self.config.video_weight * output.video_loss)
        if boundaries is not None and self.boundary_head is not None:
            later = mask & (torch.arange(mask.shape[1], device=mask.device) > 0)
            output.boundary_loss = mean_of_videos(_cross_entropy(self.boundary_head(frames), boundaries), later)
            losses.append(self.config.boundary_weight * output.boundary_loss)
        if input_ids is not None and text_labels is not None and self.text_decoder is not None:
            output.text_loss = self._text_loss(frames, mask, input_ids, text_labels)
            losses.append(self.config.text_weight * output.text_loss)
        output.loss = torch.stack(losses).sum() if losses else None
        return output

    def _scored(self, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.encode(features, mask)
        seen = self._through(self.context, frames, mask)
        return self.video_head(seen).squeeze(-1).float(), frames

    def _text_loss(self, frames: Tensor, mask: Tensor, input_ids: Tensor, text_labels: Tensor) -> Tensor:
        # Padding stands at the end, where a causal decoder's earlier tokens do not see it.
        logits = self.text_decoder(input_ids, encoder_hidden_states=frames, encoder_attention_mask=mask.long()).logits
        wanted = text_labels[:, 1:]
        each = functional.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), wanted, reduction="none", ignore_index=IGNORED
        )
        return mean_of_videos(each, wanted != IGNORED)

    @torch.no_grad()
    def predict(self, batch: Mapping[str, Tensor]) -> list[Predicted]:
        """Scores and keyframes of each video; its text where there is a decoder and `decode` (token ids -> text)."""
        self.eval()  # type: ignore[no-untyped-call]
        features, mask = batch["features"].to(self.device), batch["mask"].to(self.device)
        logits, frames = self._scored(features, mask)
        texts: list[str | None] = [None] * len(mask)
        if self.text_decoder is not None and self.decode is not None:
            texts = [self.decode(ids) for ids in self._generate(frames, mask)]
        begins = None if self.boundary_head is None else self.boundary_head(frames) > 0
        predicted = []
        for place, scores in enumerate(of_videos(logits, mask)):
            seen = features[place][mask[place]].float().cpu().numpy()
            events: tuple[int, ...] = (0,)
            if begins is not None:
                events = (0, *(1 + begins[place][mask[place]][1:].nonzero().flatten()).tolist())
            elif self.config.segmentation == "kernel":
                events = kernel_segments(unit_rows(seen), self.config.segmentation_penalty)
            scores = smooth(scores, self.config.smoothing, events).astype(np.float32)
            predicted.append(Predicted(scores, self._keyframes(scores, seen), texts[place]))
        return predicted

    def _keyframes(self, scores: Any, features: Any) -> tuple[int, ...]:
        count = share_count(len(scores), self.config.share)
        if self.config.selection == "top":
            return top(scores, count)
        return dpp_map(dpp_kernel(scores, features, self.config.relevance), count)

    def _generate(self, frames: Tensor, mask: Tensor) -> list[list[int]]:
        """The tokens after the prompt, without special tokens at the end, by beam search."""
        config, decoder = self.config, self.text_decoder
        prompt = torch.tensor([config.prompt] * len(mask), device=frames.device)
        written = decoder.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            encoder_hidden_states=frames,
            encoder_attention_mask=mask.long(),
            past_key_values=_Cache(DynamicCache(config=decoder.config), DynamicCache(config=decoder.config)),
            num_beams=config.beams,
            do_sample=False,
            min_new_tokens=config.least_tokens,
            max_new_tokens=config.most_tokens,
        )
        special = {decoder.config.eos_token_id, decoder.config.pad_token_id}
        return [[token for token in row if token not in special] for row in written[:, len(config.prompt) :].tolist()]


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The binary cross-entropy of each place."""
    return functional.binary_cross_entropy_with_logits(logits, labels.to(logits), reduction="none")


AutoConfig.register(VtsumConfig.model_type, VtsumConfig)
