"""Trains V2Xum: the three tasks, and captions, over a language model that is read from disk or begun from nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from models.clip import Vectors
from models.identity import checkpoint_errors
from models.smollm import place_of
from models.summarizers.adaptive import adaptive_frames, nearest_of
from models.summarizers.checkpoint import load as load_checkpoint
from models.summarizers.slots import SlotMap
from models.summarizers.v2xum import V2XumForSummarization
from models.summarizers.v2xum_tokens import IGNORED, Question, V2XumTokens
from models.weights import load_weights
from schemas.configuration.summarizer_config import ScratchModel, V2XumSection
from schemas.errors import ConfigError
from training.byte_pairs import byte_pairs
from training.collate import Batch, Collator, Items, pad
from training.examples import Example, captioned
from training.passages import draw_passages, join
from training.recipe import Recipe

_log = logging.getLogger(__name__)
_PENALTY = 0.01
Lines = Sequence[tuple[Sequence[int], str]]
_END, _START = "<|im_end|>", "<|im_start|>"
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class V2XumItem(NamedTuple):
    """One question about one video: vectors float32 [N, d] of the slots (a caption's: [1, d]).

    The slots show the frames `seen` of its F `frames`.
    """

    id: str
    question: Question
    vectors: NDArray[np.float32]
    frames: int
    lines: Lines
    seen: NDArray[np.int64]


Anew = Callable[[V2XumItem, np.random.Generator], V2XumItem]


class V2XumCollator(Collator):
    """Prompts with answers, padded on the right; labels on the answers alone."""

    def __init__(self, seed: int, tokens: V2XumTokens, asked: Sequence[Question], anew: Anew | None = None) -> None:
        """`asked`: the questions of `predict`. `anew`: what an item becomes in an epoch; itself without it."""
        super().__init__(seed)
        self._tokens, self._asked, self._anew = tokens, tuple(asked), anew

    def __call__(self, items: Sequence[V2XumItem]) -> Batch:
        """`input_ids`, `attention_mask`, `labels` [B, L], `frames` [B, V, d], `frame_mask` [B, V]."""
        if self._anew is not None:
            items = [self._anew(item, self.random(item.id)) for item in items]
        prompts = [self._tokens.prompt(item.question) for item in items]
        answers = [self._tokens.answer(item.lines) for item in items]
        ids = pad([np.concatenate(pair) for pair in zip(prompts, answers, strict=True)], self._tokens.pad)
        labels = ids.values.clone()
        for row, prompt in enumerate(prompts):
            labels[row, : len(prompt)] = IGNORED
        frames = pad([item.vectors for item in items])
        return {
            "input_ids": ids.values,
            "attention_mask": ids.mask.long(),
            "labels": labels.masked_fill(~ids.mask, IGNORED),
            "frames": frames.values,
            "frame_mask": frames.mask,
        }

    def questions(self, items: Sequence[V2XumItem]) -> Batch:
        """What `predict` reads."""
        frames = torch.from_numpy(np.stack([item.vectors for item in items]))
        counts = [item.frames for item in items]
        return {"frames": frames, "counts": counts, "questions": self._asked, "seen": [item.seen for item in items]}


class V2XumRecipe(Recipe):
    """See Recipe."""

    kind = V2XumForSummarization
    _tokens: V2XumTokens | None = None
    _films: tuple[Example, ...] = ()  # of the training split
    _places: Mapping[str, int] = {}

    @property
    def _section(self) -> V2XumSection:
        return cast("V2XumSection", self.config.summarizer)

    def check(self, examples: Sequence[Example]) -> None:
        """Raise ConfigError for videos without what the tasks need."""
        for example in examples:
            lacks = {"v2vt": not example.interleaved, "v2t": not example.text, "v2v": not example.keyframes}
            for task in self._section.tasks:
                if lacks.get(task):
                    raise ConfigError(
                        f"video {example.id} has nothing for the task {task}: leave it out of summarizer.tasks"
                    )
        if "caption" in self._section.tasks or self._section.fit_adapter:
            captioned(examples)

    def build(self, examples: Sequence[Example]) -> V2XumForSummarization:
        """A new model over the configured language model; its adapter may come from an earlier training."""
        assert self.features is not None
        section = self._section
        self._films, self._places = tuple(examples), {film.id: place for place, film in enumerate(examples)}
        tokens = self._ready(examples)
        model = V2XumForSummarization.over(
            self._language_model(),
            tokens.tokenizer,
            feature_size=self.features.read(examples[0]).shape[1],
            slots=section.slots,
            temporal_prompts=section.temporal_prompts,
            lora=None if section.lora is None else section.lora.model_dump(),
            answer_tokens=section.answer_tokens,
        )
        if section.adapter is not None:
            trained = load_checkpoint(Path(section.adapter), V2XumForSummarization)
            if trained.adapter.weight.shape != model.adapter.weight.shape:
                raise ConfigError(f"summarizer.adapter: {section.adapter} has another width, or reads other features")
            model.adapter.load_state_dict(trained.adapter.state_dict())
        if section.fit_adapter:
            self._fit_adapter(model, examples)
        places = getattr(model.language_model.config, "max_position_embeddings", None)
        longest = max(len(tokens.prompt(task)) for task in section.tasks) + section.answer_tokens
        if places and longest > places:
            raise ConfigError(
                f"a prompt with its answer has up to {longest} tokens, and the language model's context has {places}: "
                "lower summarizer.slots or summarizer.answer_tokens"
            )
        model.train_parts(adapter=section.train != "language_model", language_model=section.train != "adapter")
        return model

    def _fit_adapter(self, model: V2XumForSummarization, examples: Sequence[Example]) -> None:
        """Let the adapter begin as the linear map from frames to the mean embeddings of their captions' tokens."""
        assert self.features is not None
        table = model.get_input_embeddings().weight.detach().float().numpy()  # type: ignore[operator]
        meant: dict[str, NDArray[np.float32]] = {}
        shown, wanted = [], []
        for example in examples:
            there = [frame for frame, caption in enumerate(example.captions) if caption]
            shown.append(self.features.read(example)[there])
            for caption in (example.captions[frame] for frame in there):
                if caption not in meant:
                    meant[caption] = table[model.tokens.ids(caption)].mean(axis=0)
                wanted.append(meant[caption])
        weight, bias = linear_map(np.concatenate(shown), np.stack(wanted))
        with torch.no_grad():
            model.adapter.weight.copy_(torch.from_numpy(weight))
            model.adapter.bias.copy_(torch.from_numpy(bias))

    def load(self, folder: Path) -> V2XumForSummarization:
        """A trained model, whose own tokenizer is used from here on."""
        model = cast("V2XumForSummarization", super().load(folder))
        self._tokens = model.tokens
        return model

    def items(self, examples: Sequence[Example]) -> Items:
        """One item for each video and task; of captions one for each frame that has one."""
        self._ready(examples)
        slots = SlotMap(self._section.slots)
        asked = [example for example in examples if "v2vt" in self._section.tasks]
        counts = {example.id: passed_slots(self._as_seen(example), slots) for example in asked}
        passed = {video: count for video, count in counts.items() if count}
        if passed:
            told = (
                "the answers of V2VT leave out %d slots in %d of %d videos (%s, ...), which an earlier sentence passed"
            )
            _log.warning(told, sum(passed.values()), len(passed), len(examples), next(iter(passed)))
        wanted: list[tuple[Example, Question, int]] = []
        for example in examples:
            wanted += [(example, task, 0) for task in self._section.tasks if task != "caption"]
            if "caption" in self._section.tasks:
                wanted += [(example, "caption", frame) for frame, text in enumerate(example.captions) if text]
        return Items(wanted, lambda asked: self.item(*asked))

    def questions(self, examples: Sequence[Example]) -> Items:
        """One item for each video, without answers."""
        return Items([(example, "v2vt", -1) for example in examples], lambda asked: self.item(*asked))

    def collator(self) -> V2XumCollator:
        """What makes batches. The model answers the tasks that it learned; V2VT alone stands for all three."""
        assert self._tokens is not None
        asked = [task for task in self._section.tasks if task != "caption"] or ["v2vt"]
        asked = ["v2vt"] if "v2vt" in asked else asked
        anew = self._anew if self._section.passages else None
        return V2XumCollator(self.config.training.seed, self._tokens, asked, anew)

    def lengths(self, items: Sequence[Any]) -> Sequence[int]:
        """Tokens of each item, about: a caption's are few, and a word has about four letters.

        So answers of slots alone are batches of their own, where words do not outweigh them in the loss.
        """
        long = len(self._tokens.prompt("v2vt")) if self._tokens else 0
        return [
            1 if question == "caption" else long + (0 if question == "v2v" else len(example.text) // 4)
            for example, question, _ in cast("Items", items).wanted
        ]

    def item(self, example: Example, question: Question, frame: int) -> V2XumItem:
        """The item of a video; `frame` -1: without an answer."""
        assert self.features is not None
        vectors = self.features.read(example)
        if question == "caption":
            shown, lines = vectors[frame : frame + 1], [((), example.captions[frame])]
            return V2XumItem(example.id, question, shown, example.frames, lines, self._seen(vectors))
        return self._item(example, vectors, question, answered=frame >= 0)

    def _item(self, example: Example, vectors: Vectors, question: Question, *, answered: bool = True) -> V2XumItem:
        seen, slots = self._seen(vectors), SlotMap(self._section.slots)
        answer = answer_of(seen_only(example, seen), question, slots) if answered else []
        return V2XumItem(example.id, question, vectors[seen[slots.shown(len(seen))]], example.frames, answer, seen)

    def _anew(self, item: V2XumItem, random: np.random.Generator) -> V2XumItem:
        """The item of a training film as this epoch joins it; of other films, and of captions, the item itself."""
        if item.id not in self._places or item.question == "caption":
            return item
        assert self.features is not None
        passages = draw_passages(self._films[self._places[item.id]], self._films, self._section.passages, random)
        vectors = np.concatenate([self.features.read(p.film)[p.first : p.end] for p in passages])
        noise = random.standard_normal(vectors.shape, np.float32)
        vectors = vectors + np.float32(self._section.noise) * vectors.std() * noise
        return self._item(join(passages), vectors, item.question)

    def _as_seen(self, example: Example) -> Example:
        if self._section.frames == "uniform":
            return example
        assert self.features is not None
        return seen_only(example, self._seen(self.features.read(example)))

    def _seen(self, vectors: Vectors) -> NDArray[np.int64]:
        """The frames that the slots show."""
        adaptive = self._section.frames == "adaptive"
        return adaptive_frames(vectors, self._section.slots) if adaptive else np.arange(len(vectors))

    def _ready(self, examples: Sequence[Example]) -> V2XumTokens:
        if self._tokens is None:
            section, own = self._section, self._section.language_model
            if isinstance(own, ScratchModel):
                tokenizer: Any = train_tokenizer(examples, own, section.slots)
            else:
                tokenizer = _tokenizer(place_of(own))
            slots = SlotMap(section.slots)
            self._tokens = V2XumTokens(tokenizer, slots, temporal_prompts=section.temporal_prompts)
        return self._tokens

    def _language_model(self) -> Any:
        own = self._section.language_model
        if not isinstance(own, ScratchModel):
            where = place_of(own)
            dtype = getattr(torch, self.config.training.precision) if self._section.lora is not None else torch.float32
            with checkpoint_errors(where):
                return load_weights(AutoModelForCausalLM, where, dtype=dtype)
        assert self._tokens is not None
        longest = len(self._tokens.prompt("v2vt")) + self._section.answer_tokens
        return LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(self._tokens.tokenizer),
                hidden_size=own.width,
                intermediate_size=4 * own.width,
                num_hidden_layers=own.layers,
                num_attention_heads=own.heads,
                max_position_embeddings=2 * longest,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=self._tokens.end,
                pad_token_id=self._tokens.pad,
            )
        )


def linear_map(
    given: NDArray[np.float32], wanted: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight [h, d] and bias [h] by which rows [n, d] come nearest to rows [n, h] (ridge regression).

    The penalty is 1 % of the mean variance of a column, so that few rows do not fit exactly.
    """
    mean, middle = given.mean(axis=0), wanted.mean(axis=0)
    apart = (given - mean).astype(np.float64)
    square = apart.T @ apart
    penalty = _PENALTY * np.trace(square) / len(square)
    weight = np.linalg.solve(square + max(penalty, 1e-12) * np.eye(len(square)), apart.T @ (wanted - middle)).T
    return weight.astype(np.float32), (middle - weight @ mean).astype(np.float32)


def seen_only(example: Example, seen: NDArray[np.int64]) -> Example:
    """The example as if the frames `seen` were all of it: each frame's labels and citations are its nearest one's."""
    if len(seen) == example.frames:
        return example
    nearest = nearest_of(seen, example.frames)
    labels = np.zeros((len(example.labels), len(seen)), np.float32)
    for own, given in zip(labels, example.labels, strict=True):
        np.maximum.at(own, nearest, given)
    cited = tuple((tuple(sorted({int(nearest[f]) for f in frames})), text) for frames, text in example.interleaved)
    chosen = None if example.chosen is None else tuple(sorted({int(nearest[frame]) for frame in example.chosen}))
    shown = replace(example, seconds=example.seconds[seen], captions=(), said=())
    return replace(shown, labels=labels, interleaved=cited, chosen=chosen)


def answer_of(example: Example, question: Question, slots: SlotMap) -> Lines:
    """The answer to a task. Slots of V2VT ascend: a slot that an earlier sentence passed is left to that sentence, and
    a sentence whose slots all are is told with the sentence before it.
    """
    if question == "v2t":
        return [((), example.text)]
    if question == "v2v":
        return [(sorted({slots.of_frame(frame, example.frames) for frame in example.keyframes}), "")]
    lines: list[tuple[list[int], str]] = []
    last = -1
    for frames, text in sorted(example.interleaved, key=lambda line: line[0][:1]):
        cited = sorted({slots.of_frame(frame, example.frames) for frame in frames} - set(range(last + 1)))
        if cited:
            lines.append((cited, text))
            last = cited[-1]
        elif lines:
            lines[-1] = (lines[-1][0], f"{lines[-1][1]} {text}")
    return lines


def passed_slots(example: Example, slots: SlotMap) -> int:
    """How many slots that sentences cite are not in the answer of V2VT, since an earlier sentence passed them."""
    cited = sum(len({slots.of_frame(frame, example.frames) for frame in frames}) for frames, _ in example.interleaved)
    return cited - sum(len(line) for line, _ in answer_of(example, "v2vt", slots))


def train_tokenizer(examples: Sequence[Example], own: ScratchModel, slots: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of the texts and captions with a chat template, in which every slot is one token.

    So a small model learns to copy one token and not several digits, and its prompts are shorter.
    """
    texts = [text for example in examples for text in (example.text, *(line for _, line in example.interleaved))]
    texts += [caption for example in examples for caption in example.captions]
    made = byte_pairs(texts, own.vocabulary, [_START, _END], digits=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=_END, pad_token=_END)
    tokenizer.add_tokens(list(SlotMap(slots).texts()))
    tokenizer.chat_template = _TEMPLATE
    return tokenizer


def _tokenizer(where: str) -> Any:
    reader: Any = AutoTokenizer
    with checkpoint_errors(where):
        return reader.from_pretrained(where, trust_remote_code=False)


RECIPE = V2XumRecipe
