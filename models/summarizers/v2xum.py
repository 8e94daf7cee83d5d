"""V2Xum (seed 000): a causal language model that reads frame vectors, each after the text of its slot.

A linear adapter makes a frame vector a token embedding. There are no heads and no new tokens: slots are written as
text, and the loss is the language model's, on the answer alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub.dataclasses import strict
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    LogitsProcessorList,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.configuration_utils import SubConfigSpec
from transformers.modeling_outputs import CausalLMOutput

from models.summarizers.adaptive import on_all_frames
from models.summarizers.predicted import Predicted
from models.summarizers.slots import SlotMap
from models.summarizers.v2xum_slots import AnswerForm, SlotTree, slot_probabilities, slot_tree
from models.summarizers.v2xum_tokens import FRAME, IGNORED, Question, V2XumTokens

_FEWEST, _MOST = 10, 1000


@strict
class V2XumConfig(PretrainedConfig):
    """Sizes and switches of V2Xum. `text_config`: the language model's own configuration.

    `slots` N frames of a video are shown, each after its slot's text unless `temporal_prompts` is False. `lora`: values
    of a peft LoraConfig (`r`, `lora_alpha`, `lora_dropout`), None for full tuning. An answer has at most
    `answer_tokens` tokens.
    """

    model_type = "v2xum"
    sub_configs_defaults = {"text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama")}  # noqa: RUF012

    text_config: Any = None
    feature_size: int = 768
    slots: int = 100
    temporal_prompts: bool = True
    lora: dict[str, Any] | None = None
    answer_tokens: int = 512

    def validate_slots(self) -> None:
        """Raises ValueError for fewer than 10 or more than 1,000 slots."""
        if not _FEWEST <= self.slots <= _MOST:
            raise ValueError(f"{self.slots} slots: a model can have {_FEWEST} to {_MOST}")


class V2XumForSummarization(PreTrainedModel):
    """The model. `tokens` is its tokenizer with its slots; both are saved and loaded with it."""

    config_class = V2XumConfig
    main_input_name = "input_ids"
    base_model_prefix = "language_model"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: V2XumConfig, language_model: Any = None) -> None:
        """Put the adapter before a language model: the given one, else one with fresh weights of `text_config`."""
        super().__init__(config)
        if language_model is None:
            causal: Any = AutoModelForCausalLM
            language_model = causal.from_config(config.text_config)
        if config.lora is not None:
            from peft import LoraConfig, inject_adapter_in_model

            options: dict[str, Any] = {"target_modules": "all-linear", **config.lora}
            language_model = inject_adapter_in_model(LoraConfig(task_type="CAUSAL_LM", **options), language_model)
        if next(language_model.parameters()).device.type != "meta":  # `from_pretrained` has nothing yet
            for module in language_model.modules():
                module._is_hf_initialized = True  # neither pretrained weights nor LoRA's zeros are drawn anew
        self.language_model: Any = language_model
        self.adapter = nn.Linear(config.feature_size, config.text_config.hidden_size)
        self._tokens: V2XumTokens | None = None
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def over(cls, language_model: Any, tokenizer: Any, **options: Any) -> V2XumForSummarization:
        """A model over a language model and its tokenizer; `options` are values of V2XumConfig.

        Raises ConfigError for a tokenizer whose slots split unevenly, or without a chat template.
        """
        own = language_model.config
        options["attn_implementation"] = own._attn_implementation  # a new configuration would reset its parts'
        config = V2XumConfig(text_config=own, **options)
        tokens = V2XumTokens(tokenizer, SlotMap(config.slots), temporal_prompts=config.temporal_prompts)
        model = cls(config, language_model)
        model.to(language_model.dtype)
        model._tokens = tokens
        return model

    @property
    def tokens(self) -> V2XumTokens:
        """The tokenizer with the slots. Raises RuntimeError for a model that was made without a tokenizer."""
        if self._tokens is None:
            raise RuntimeError("this model has no tokenizer: make it by `over` or `from_pretrained`")
        return self._tokens

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """Write weights (LoRA's beside the whole language model), configuration and tokenizer."""
        super().save_pretrained(save_directory, *args, **kwargs)
        self.tokens.tokenizer.save_pretrained(save_directory)

    @classmethod
    def from_pretrained(cls, where: Any, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        """Load what `save_pretrained` wrote. Raises ConfigError for a tokenizer that does not fit."""
        loaded: Any = super().from_pretrained(where, *args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        tokenizer = AutoTokenizer.from_pretrained(Path(where), trust_remote_code=False)
        prompts = model.config.temporal_prompts
        model._tokens = V2XumTokens(tokenizer, SlotMap(model.config.slots), temporal_prompts=prompts)
        return loaded

    def train_parts(self, *, adapter: bool, language_model: bool) -> None:
        """Choose what is trained: the adapter, and the language model (of LoRA's only the matrices of LoRA)."""
        self.adapter.requires_grad_(adapter)
        for name, weights in self.language_model.named_parameters():
            weights.requires_grad_(language_model and (self.config.lora is None or "lora_" in name))

    def get_input_embeddings(self) -> nn.Module:
        """The language model's."""
        return self.language_model.get_input_embeddings()  # type: ignore[no-any-return]

    def embed(self, input_ids: Tensor, frames: Tensor, frame_mask: Tensor | None = None) -> Tensor:
        """Embeddings [B, L, hidden] of ids [B, L] with the frames' vectors at the places FRAME, in order.

        `frames` [B, V, feature_size]; `frame_mask` bool [B, V] says which of them count, all without it.
        Raises ValueError for another number of places than vectors.
        """
        places = input_ids == FRAME
        vectors = self.adapter(frames.to(self.adapter.weight.dtype))
        vectors = vectors.flatten(0, 1) if frame_mask is None else vectors[frame_mask]
        if int(places.sum()) != len(vectors):
            raise ValueError(f"{int(places.sum())} places for {len(vectors)} frame vectors")
        embeddings: Tensor = self.get_input_embeddings()(input_ids.clamp(min=0))
        return embeddings.masked_scatter(places[..., None], vectors.to(embeddings.dtype))

    def forward(
        self,
        input_ids: Tensor,
        frames: Tensor,
        frame_mask: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> CausalLMOutput:
        """The mean loss of the tokens with labels [B, L] (IGNORED: none), and the logits of the places before them.

        Without labels: the logits [B, L, V] of all places. Sequences are padded on the right.
        """
        embeddings = self.embed(input_ids, frames, frame_mask)
        if labels is None:
            return CausalLMOutput(
                logits=self.language_model(inputs_embeds=embeddings, attention_mask=attention_mask).logits
            )
        following = functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        kept = (following != IGNORED).any(dim=0).nonzero().squeeze(1)
        logits = self.language_model(
            inputs_embeds=embeddings, attention_mask=attention_mask, logits_to_keep=kept, use_cache=False
        ).logits
        wanted = following[:, kept]
        loss = functional.cross_entropy(logits.flatten(0, 1).float(), wanted.flatten(), ignore_index=IGNORED)
        return CausalLMOutput(loss=loss, logits=logits)

    @torch.no_grad()
    def predict(self, batch: Mapping[str, Any], **options: Any) -> list[Predicted]:
        """Summarize videos: `frames` [B, N, feature_size] of the slots, `counts` (F of each video), `questions`.

        `seen`: the frames of each video that its slots show, all of them without it.
        Keyframes and scores are those of V2V where it is among the questions, else of V2VT; the text is that of V2T,
        else of V2VT. `options` are for transformers' `generate` (greedy without any).
        """
        seen = batch.get("seen") or [np.arange(int(count)) for count in batch["counts"]]
        was = self.training
        self.train(False)
        try:
            counts = [len(own) for own in seen]
            answers = {asked: self._answer(asked, batch["frames"], counts, options) for asked in batch["questions"]}
        finally:
            self.train(was)
        shown = answers.get("v2v") or answers.get("v2vt")
        told = answers.get("v2t") or answers.get("v2vt") or answers.get("v2v")
        predicted = [
            Predicted(
                None if shown is None else shown[row].scores,
                () if shown is None else shown[row].keyframes,
                told[row].text if told else None,
                answers["v2vt"][row].interleaved if "v2vt" in answers else None,
            )
            for row in range(len(batch["counts"]))
        ]
        return list(map(on_all_frames, predicted, seen, batch["counts"]))

    def _answer(
        self, question: Question, frames: Tensor, counts: Sequence[int], options: Mapping[str, Any]
    ) -> list[Predicted]:
        prompt = torch.from_numpy(self.tokens.prompt(question)).to(self.device).expand(len(counts), -1)
        embeddings = self.embed(prompt, frames.to(self.device))
        allowed = np.stack([self.tokens.slots.needed(count) for count in counts])
        form = AnswerForm(self.tokens, question, allowed)
        own = {"do_sample": False, "num_beams": 1, "max_new_tokens": self.config.answer_tokens, **options}
        answers = self.language_model.generate(
            inputs_embeds=embeddings,
            attention_mask=torch.ones_like(prompt),
            logits_processor=LogitsProcessorList([form]),
            eos_token_id=self.tokens.end,
            pad_token_id=self.tokens.pad,
            **own,
        )
        rows = answers.tolist()
        read = [self.tokens.read(question, row, count) for row, count in zip(rows, counts, strict=True)]
        if question in ("v2t", "caption"):
            return read
        decisions = [form.decisions(row) for row in rows]
        scores = self._scores(embeddings, answers, decisions, allowed)
        return [
            Predicted(self.tokens.slots.scores(of, count).astype(np.float32), one.keyframes, one.text, one.interleaved)
            for one, of, count in zip(read, scores.tolist(), counts, strict=True)
        ]

    def _scores(
        self,
        embeddings: Tensor,
        answers: Tensor,
        decisions: Sequence[Sequence[tuple[int, int, int]]],
        allowed: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """The scores [B, N] of the slots: prompts, answers and slot trees in one pass with a mask of their own."""
        table, end = self.tokens.table, self.tokens.end
        trees = [slot_tree(table, chosen, may) for chosen, may in zip(decisions, allowed, strict=True)]
        mask, positions, ids = _tree_inputs(trees, embeddings.shape[1], answers)
        together = torch.cat([embeddings, self.get_input_embeddings()(ids)], dim=1)
        additive = torch.zeros(mask.shape, dtype=together.dtype, device=mask.device)
        additive.masked_fill_(~mask, torch.finfo(together.dtype).min)
        logits = self.language_model(
            inputs_embeds=together,
            attention_mask=additive[:, None],
            position_ids=positions,
            logits_to_keep=ids.shape[1] + 1,
            use_cache=False,
        ).logits.float()
        split = answers.shape[1] + 1
        return np.stack(
            [
                slot_probabilities(table, end, decisions[row], allowed[row], tree, of[:split], of[split:])
                for row, (tree, of) in enumerate(zip(trees, logits.cpu().numpy(), strict=True))
            ]
        )


def _tree_inputs(trees: Sequence[SlotTree], prompt: int, answers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What may be seen, bool [B, S, S]; positions [B, S]; the ids [B, G + T] that follow the prompt of P tokens.

    S = P + G + T. A node sees the prompt, the answer before it, and the nodes above it.
    """
    rows, given = answers.shape
    most = max(len(tree.token) for tree in trees)
    start = prompt + given
    ids = torch.cat([answers, torch.zeros(rows, most, dtype=answers.dtype, device=answers.device)], dim=1)
    mask = torch.ones(start + most, start + most, dtype=torch.bool).tril().repeat(rows, 1, 1)
    positions = torch.arange(start + most).repeat(rows, 1)
    for row, tree in enumerate(trees):
        size = len(tree.token)
        ids[row, given : given + size] = torch.from_numpy(tree.token).to(ids.device)
        positions[row, start : start + size] = torch.from_numpy(prompt + tree.before + tree.depth - 1)
        mask[row, start:] = torch.eye(start + most, dtype=torch.bool)[start:]
        for node in range(size):
            above = int(tree.parent[node])
            mask[row, start + node] |= (
                mask[row, start + above] if above >= 0 else torch.arange(start + most) < prompt + tree.before[node]
            )
    return mask.to(answers.device), positions.to(answers.device), ids


AutoConfig.register(V2XumConfig.model_type, V2XumConfig)
