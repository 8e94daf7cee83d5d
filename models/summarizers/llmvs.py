"""The head of LLMVS (seed 002): pooled hidden states of a frozen language model -> scores of frames.

Linear and layer norm -> self-attention over all frames -> linear layers that halve four times -> one score.
"""

from collections.abc import Mapping

import torch
from huggingface_hub.dataclasses import strict
from torch import Tensor, nn
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from models.summarizers.attention import FrameBlock
from models.summarizers.frame_scores import FrameScores, mean_of_videos, of_videos
from models.summarizers.predicted import Predicted
from models.summarizers.selection import share_count, top

_HALVINGS = 4


@strict
class LlmvsConfig(PretrainedConfig):
    """Sizes and switches of the head; the defaults are the seed's. `layers` 0 is its row without self-attention."""

    model_type = "v2xum_llmvs"

    feature_size: int = 5120
    hidden_size: int = 2048
    layers: int = 3
    heads: int = 2
    dropout: float = 0.1
    share: float = 0.15

    def validate_sizes(self) -> None:
        """A size that cannot be halved four times, or a share outside 0..1: StrictDataclassError is raised."""
        if self.hidden_size % 2**_HALVINGS or not 0 < self.share <= 1:
            raise ValueError(
                f"hidden_size {self.hidden_size} is no multiple of 16, or share {self.share} not in (0, 1]"
            )


class LlmvsHead(PreTrainedModel):
    """The network. A batch has `features` float [B, T, feature_size], `mask` bool [B, T] and `labels` float [B, T]."""

    config_class = LlmvsConfig
    main_input_name = "features"
    supports_gradient_checkpointing = True

    def __init__(self, config: LlmvsConfig) -> None:
        super().__init__(config)
        size = config.hidden_size
        self.adapter = nn.Sequential(nn.Linear(config.feature_size, size), nn.LayerNorm(size))
        self.blocks = nn.ModuleList(
            FrameBlock(size, config.heads, None, 4 * size, config.dropout) for _ in range(config.layers)
        )
        halves: list[nn.Module] = []
        for _ in range(_HALVINGS):
            halves += [nn.Linear(size, size // 2), nn.ReLU()]
            size //= 2
        self.score = nn.Sequential(*halves, nn.Linear(size, 1))
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            module.reset_parameters()  # transformers' 0.02 would silence five narrow layers one after the other
        else:
            super()._init_weights(module)  # type: ignore[no-untyped-call]

    def forward(self, features: Tensor, mask: Tensor, labels: Tensor | None = None) -> FrameScores:
        """The loss is the squared error of the sigmoid to `labels` (0..1), over unpadded frames."""
        frames = self.adapter(torch.where(mask[..., None], features, 0.0).to(self.dtype))
        for block in self.blocks:
            frames = block(frames, mask)
        logits = self.score(frames).squeeze(-1).float()
        loss = None if labels is None else mean_of_videos((logits.sigmoid() - labels).square(), mask)
        return FrameScores(loss=loss, logits=logits)

    @torch.no_grad()
    def predict(self, batch: Mapping[str, Tensor]) -> list[Predicted]:
        """Scores and keyframes (the top share) of each video."""
        self.eval()  # type: ignore[no-untyped-call]
        mask = batch["mask"].to(self.device)
        logits = self(batch["features"].to(self.device), mask).logits
        return [Predicted(s, top(s, share_count(len(s), self.config.share))) for s in of_videos(logits, mask)]


AutoConfig.register(LlmvsConfig.model_type, LlmvsConfig)
