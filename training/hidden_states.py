"""What a frozen language model thinks of each frame (LLMVS, seed 002): states of windows of captions, kept by content.

FOLDER/KEY.npz    `queries` and `answers` float32 [F, D], each the maximum over the tokens of the window or the answer,
                  and `numbers` float32 [F], the answers as numbers, NaN where an answer has none

The key is a hash of the captions, the prompt, the model's weights and the section's settings.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

import prompts
from curation.store.files import write_whole
from models.hub import weights_revision
from models.identity import checkpoint_errors, name_of, revision_of
from models.weights import load_weights, quiet_loading
from schemas.configuration.summarizer_config import LlmvsSection
from schemas.errors import ConfigError
from training.examples import Example

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST = 10.0  # of the numbers that the prompt asks for
_NO_CAPTION = "(no caption)"
_AutoTokenizer: Any = AutoTokenizer  # the library does not annotate it
Floats = NDArray[np.float32]


class States(NamedTuple):
    """The states of one video, as the module says."""

    queries: Floats
    answers: Floats
    numbers: Floats


class HiddenStates:
    """The states that one model, prompt and window give; the model is loaded when a video's are missing."""

    def __init__(self, section: LlmvsSection) -> None:
        """Raises ConfigError where there is no such checkpoint, PromptError where there is no such prompt."""
        self._section, self._prompt = section, prompts.load(section.prompt)
        self._folder = Path(section.folder)
        with checkpoint_errors(section.model.model):
            revision = revision_of(section.model.model, section.model.revision)
        self._about = [revision, section.model.dtype, self._prompt.sha256, section.window, section.answer_tokens]
        self._about.append(section.states)
        self._loaded: tuple[Any, Any] | None = None

    def path(self, example: Example) -> Path:
        """The file of a video's states, which need not exist."""
        about = json.dumps([*self._about, *example.captions])
        return self._folder / f"{hashlib.sha256(about.encode()).hexdigest()}.npz"

    def read(self, example: Example) -> States:
        """The states of a video; made when they are missing. Raises ConfigError for a damaged file."""
        path = self.path(example)
        if not path.is_file():
            buffer = io.BytesIO()
            np.savez(buffer, **self._make(example)._asdict())
            write_whole(path, buffer.getvalue())
        try:
            with np.load(path, allow_pickle=False) as kept:
                states = States(*(kept[name] for name in States._fields))
        except (OSError, ValueError, KeyError) as error:
            raise ConfigError(f"{path} (states of video {example.id}) is damaged: remove it") from error
        if len(states.numbers) != example.frames:
            raise ConfigError(f"{path}: {len(states.numbers)} states for {example.frames} frames: remove it")
        return states

    def window(self, captions: Sequence[str], frame: int) -> str:
        """The lines of a frame's window: the distance to the frame, and the caption."""
        reach = self._section.window // 2
        near = range(max(0, frame - reach), min(len(captions), frame + reach + 1))
        return "\n".join(f"{place - frame:+d} {captions[place] or _NO_CAPTION}" for place in near)

    def _make(self, example: Example) -> States:
        rows: list[tuple[Floats, Floats, float]] = []
        windows = [self.window(example.captions, frame) for frame in range(example.frames)]
        for start in range(0, len(windows), self._section.model.batch):
            rows += self._ask(windows[start : start + self._section.model.batch], example.id)
        queries, answers, numbers = zip(*rows, strict=True)
        return States(np.stack(queries), np.stack(answers), np.array(numbers, np.float32))

    @torch.inference_mode()
    def _ask(self, windows: Sequence[str], video: str) -> Iterator[tuple[Floats, Floats, float]]:
        """The pooled states of the windows and of the greedy answers, and the answers as numbers."""
        model, tokenizer = self._load()
        texts = [self._text(tokenizer, window) for window in windows]
        inputs = tokenizer(
            texts, return_tensors="pt", padding=True, return_offsets_mapping=True, add_special_tokens=False
        )
        offsets, ids = inputs["offset_mapping"], inputs["input_ids"].to(model.device)
        mask, length = inputs["attention_mask"].to(model.device), ids.shape[1]
        places = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if places and length + self._section.answer_tokens > places:
            told = f"a window of {length} tokens does not fit the {places} of {name_of(self._section.model.model)}"
            raise ConfigError(f"video {video}: {told}: lower summarizer.window, or name another model")
        written = model.generate(
            ids, attention_mask=mask, max_new_tokens=self._section.answer_tokens, do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
        answers = written[:, length:]
        ended = (answers == tokenizer.eos_token_id).cumsum(1)
        said = (ended == 0) | ((ended == 1) & (answers == tokenizer.eos_token_id))  # the end is a part of the answer
        seen = torch.cat((mask, said.to(mask)), 1)
        states = model.base_model(
            input_ids=written, attention_mask=seen, position_ids=(seen.cumsum(1) - 1).clamp(min=0), use_cache=False
        ).last_hidden_state  # after the final norm
        found = []
        for row, (text, window) in enumerate(zip(texts, windows, strict=True)):
            begin = text.rindex(window)
            start, end = offsets[row].unbind(-1)
            asked = torch.zeros(written.shape[1], dtype=torch.bool)
            asked[:length] = (end > begin) & (start < begin + len(window)) & inputs["attention_mask"][row].bool()
            answered = torch.cat((torch.zeros(length, dtype=torch.bool), said[row].cpu()))
            number = _number(tokenizer.decode(answers[row][said[row]], skip_special_tokens=True))
            found.append((self._pooled(model, states[row, asked]), self._pooled(model, states[row, answered]), number))
        return iter(found)

    def _pooled(self, model: Any, states: torch.Tensor) -> Floats:
        states = model.get_output_embeddings()(states) if self._section.states == "linear" else states
        pooled: Floats = states.max(0).values.float().cpu().numpy()
        return pooled

    def _text(self, tokenizer: Any, window: str) -> str:
        asked = self._prompt.render(captions=window)
        if not tokenizer.chat_template:
            return asked
        messages = [{"role": "user", "content": asked}]
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            config = self._section.model
            with checkpoint_errors(config.model), quiet_loading():
                revision = weights_revision(config.model, config.revision)
                tokenizer = _AutoTokenizer.from_pretrained(config.model, revision=revision, padding_side="left")
                dtype = getattr(torch, config.dtype)
                model = load_weights(AutoModelForCausalLM, config.model, revision=revision, dtype=dtype)
            if not tokenizer.is_fast or tokenizer.eos_token_id is None:
                raise ConfigError(f"model {name_of(config.model)!r} has no fast tokenizer with an end-of-text token")
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token
            self._loaded = (model.to(config.device).eval(), tokenizer)
        return self._loaded


def _number(answer: str) -> float:
    """The first number of an answer as a share of 10; NaN where there is none within 0..10."""
    match = _NUMBER.search(answer)
    value = float(match[0]) / _MOST if match else float("nan")
    return value if value <= 1 else float("nan")
