"""What a frozen language model thinks of each frame (LLMVS, seed 002): states of windows of captions, kept by content.

FOLDER/KEY.npz    `queries` and `answers` float32 [F, D], each the maximum over the tokens of the window or the answer,
                  and `numbers` float32 [F], the answers as numbers, NaN where an answer has none

The key is a hash of the captions (with what is said), the prompt, the model's weights and the section's settings.
"""

from __future__ import annotations

import copy
import hashlib
import io
import itertools
import json
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

import prompts
from curation.store.files import write_whole
from models.hub import weights_revision
from models.identity import checkpoint_errors, name_of, revision_of
from models.smollm import place_of
from models.weights import load_weights, quiet_loading
from schemas.configuration.summarizer_config import LlmvsSection
from schemas.errors import ConfigError
from training.examples import Example
from training.features import MissingFeature

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
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
        self.name = hashlib.sha256(json.dumps(self._about).encode()).hexdigest()
        self._loaded: tuple[Any, Any] | None = None
        self._begun: tuple[list[int], Any] | None = None

    def path(self, example: Example) -> Path:
        """The file of a video's states, which need not exist."""
        about = json.dumps([*self._about, *self._lines(example)])
        return self._folder / f"{hashlib.sha256(about.encode()).hexdigest()}.npz"

    def missing(self, examples: Sequence[Example]) -> list[Example]:
        """The examples whose states must be made."""
        return [example for example in examples if not self.path(example).is_file()]

    def make(
        self,
        examples: Sequence[Example],
        raise_if_stopped: Callable[[], None] = lambda: None,
        on_video: Callable[[int, int], None] = lambda done, videos: None,
    ) -> None:
        """Make what is missing, and keep it; the model leaves the memory afterwards.

        Raises ConfigError for a window that does not fit the model; RunStopped of `raise_if_stopped`, which is called
        before each batch.
        """
        wanted = self.missing(examples)
        for done, example in enumerate(wanted, start=1):
            buffer = io.BytesIO()
            np.savez(buffer, **self._make(example, raise_if_stopped)._asdict())
            write_whole(self.path(example), buffer.getvalue())
            on_video(done, len(wanted))
        self._loaded = self._begun = None

    def read(self, example: Example) -> States:
        """The states of a video. Raises MissingFeature where there are none, or the file is damaged."""
        path = self.path(example)
        try:
            with np.load(path, allow_pickle=False) as kept:
                states = States(*(kept[name] for name in States._fields))
        except FileNotFoundError:
            told = f"video {example.id} has no hidden states in {self._folder}"
            raise MissingFeature(f"{told}: `v2xum train` makes them") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            told = f"{path} (hidden states of video {example.id}) is damaged"
            raise MissingFeature(f"{told}: remove it, and train again") from error
        if len(states.numbers) != example.frames:
            told = f"{path} holds {len(states.numbers)} states for the {example.frames} frames of video {example.id}"
            raise MissingFeature(f"{told}: remove it, and train again")
        return states

    def window(self, lines: Sequence[str], frame: int) -> str:
        """The lines of a frame's window: the distance to the frame, and the caption, or what stands in its place."""
        reach = self._section.window // 2
        near = range(max(0, frame - reach), min(len(lines), frame + reach + 1))
        return "\n".join(f"{place - frame:+d} {lines[place] or _NO_CAPTION}" for place in near)

    def _lines(self, example: Example) -> tuple[str, ...]:
        """The caption of each frame, and what is said while it is shown."""
        if not self._section.speech:
            return example.captions
        pairs = zip(example.captions, example.said, strict=True)
        return tuple(f'{caption or _NO_CAPTION} Said: "{said}"' if said else caption for caption, said in pairs)

    def _make(self, example: Example, raise_if_stopped: Callable[[], None]) -> States:
        lines = self._lines(example)
        windows = [self.window(lines, frame) for frame in range(example.frames)]
        unlike, batch = list(dict.fromkeys(windows)), self._section.model.batch  # a scene that lasts repeats its window
        rows: list[tuple[Floats, Floats, float]] = []
        for start in range(0, len(unlike), batch):
            raise_if_stopped()
            rows += self._ask(unlike[start : start + batch], example.id)
        of = dict(zip(unlike, rows, strict=True))
        queries, answers, numbers = zip(*(of[window] for window in windows), strict=True)
        return States(np.stack(queries), np.stack(answers), np.array(numbers, np.float32))

    @torch.inference_mode()
    def _ask(self, windows: Sequence[str], video: str) -> list[tuple[Floats, Floats, float]]:
        """The pooled states of the windows and of the greedy answers, and the answers as numbers.

        A row of the batch is [instruction and examples, which are alike in all rows and read once | padding | window |
        answer].
        """
        model, tokenizer = self._load()
        texts = [self._text(tokenizer, window) for window in windows]
        read = tokenizer(texts, return_offsets_mapping=True, add_special_tokens=False)
        rows: list[list[int]] = read["input_ids"]
        offsets: list[list[tuple[int, int]]] = read["offset_mapping"]
        starts = [text.rindex(window) for text, window in zip(texts, windows, strict=True)]
        longest = max(map(len, rows))
        places = getattr(model.config.get_text_config(), "max_position_embeddings", None)
        if places and longest + self._section.answer_tokens > places:
            told = f"a window of {longest} tokens does not fit the {places} of {name_of(self._section.model.model)}"
            raise ConfigError(f"video {video}: {told}: lower summarizer.window, or name another model")
        begins = [sum(end <= begin for _, end in of) for of, begin in zip(offsets, starts, strict=True)]
        columns = zip(*(row[:begin] for row, begin in zip(rows, begins, strict=True)), strict=False)
        alike = [column[0] for column in itertools.takewhile(lambda column: len(set(column)) == 1, columns)]
        before, cache = self._after_instruction(model, alike)
        ids = torch.tensor(
            [[*row[:before], *[tokenizer.pad_token_id] * (longest - len(row)), *row[before:]] for row in rows],
            device=model.device,
        )
        mask = torch.ones_like(ids)
        for of, row in zip(mask, rows, strict=True):
            of[before : before + longest - len(row)] = 0
        written, states = self._written(model, ids, mask, _copies(cache, len(rows)), tokenizer.pad_token_id)
        answers = written[:, longest:]
        ended = (answers == tokenizer.eos_token_id).cumsum(1)
        said = (ended == 0) | ((ended == 1) & (answers == tokenizer.eos_token_id))  # the end is a part of the answer
        found = []
        for at, (row, window) in enumerate(zip(rows, windows, strict=True)):
            end = starts[at] + len(window)
            after = longest - len(row) - before
            asked = [after + at_token for at_token, (a, b) in enumerate(offsets[at]) if b > starts[at] and a < end]
            queries, answer = states[at, asked], states[at, longest - before :][said[at]]
            number = _number(tokenizer.decode(answers[at][said[at]], skip_special_tokens=True))
            found.append((self._pooled(model, queries), self._pooled(model, answer), number))
        return found

    def _written(self, model: Any, ids: Any, mask: Any, cache: Any, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The rows with their greedy answers, and the states after the final norm of all tokens behind the cache's.

        The states are those of the writing itself: only the last token goes through the model once more.
        """
        states: list[torch.Tensor] = []
        hook = model.base_model.register_forward_hook(lambda _, given, made: states.append(made.last_hidden_state))
        try:
            written = model.generate(
                ids, attention_mask=mask, past_key_values=cache, do_sample=False,
                max_new_tokens=self._section.answer_tokens, pad_token_id=pad,
            )  # fmt: skip
            mask = torch.nn.functional.pad(mask, (0, written.shape[1] - ids.shape[1]), value=1)
            places = mask.sum(1, keepdim=True) - 1
            model.base_model(input_ids=written[:, -1:], attention_mask=mask, past_key_values=cache, position_ids=places)
        finally:
            hook.remove()
        return written, torch.cat(states, 1)

    def _after_instruction(self, model: Any, alike: list[int]) -> tuple[int, Any]:
        """How many tokens need not be read again, as all rows begin with them; and their keys and values."""
        if self._begun is None or alike[: len(self._begun[0])] != self._begun[0]:
            cache = DynamicCache(config=model.config)
            if alike:
                model.base_model(input_ids=torch.tensor([alike], device=model.device), past_key_values=cache)
            self._begun = (alike, cache)
        return len(self._begun[0]), self._begun[1]

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
            where = place_of(config.model)
            with checkpoint_errors(where), quiet_loading():
                revision = weights_revision(where, config.revision)
                tokenizer = _AutoTokenizer.from_pretrained(where, revision=revision, trust_remote_code=False)
                dtype = getattr(torch, config.dtype)
                model = load_weights(AutoModelForCausalLM, where, revision=revision, dtype=dtype)
            if not tokenizer.is_fast or tokenizer.eos_token_id is None:
                raise ConfigError(f"model {name_of(config.model)!r} has no fast tokenizer with an end-of-text token")
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token
            self._loaded = (model.to(config.device).eval(), tokenizer)
        return self._loaded


def _copies(cache: Any, rows: int) -> Any:
    """Keys and values of one row, for so many rows, to be written on."""
    copied = copy.deepcopy(cache)
    copied.batch_repeat_interleave(rows)
    return copied


def _number(answer: str) -> float:
    """The first number of an answer as a share of 10; NaN where there is none within 0..10."""
    match = _NUMBER.search(answer)
    value = float(match[0]) / _MOST if match else float("nan")
    return value if 0 <= value <= 1 else float("nan")
