"""The `local` engine: a checkpoint that runs in this process (transformers), with grammar-constrained decoding.

The first attempt of a request uses the configured temperature (0 is greedy); a retry samples at a temperature of at
least 0.7. Sampling adds Gumbel noise to the logits and takes the maximum, which draws exactly from the softmax. The
seed comes from the request, so that a reply does not depend on the position in its batch. Other requests of the batch
can still change the last bits of the logits through padding: `whole_batches` is therefore True.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
from collections.abc import Sequence
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    GenerationConfig,
    LogitsProcessorList,
    StoppingCriteriaList,
)

from models.chat import Arrived, Reply, Request
from models.decode_picture import decode_picture
from models.hub import weights_revision
from models.identity import RETRY_TEMPERATURE, checkpoint_errors, name_of, revision_of, sampling_of
from models.local.grammar import Constraint, Grammars
from models.local.sampling import RowLimits, RowSampler, Sampling
from models.smollm import place_of
from models.torch_threads import threads, threads_for
from models.weights import load_weights, quiet_loading
from schemas.configuration.model_config import LocalModel
from schemas.errors import ConfigError, PermanentError, TransientError

log = logging.getLogger(__name__)
_UNLIMITED = 10**6
# The library does not annotate these.
_AutoProcessor: Any = AutoProcessor
_GenerationConfig: Any = GenerationConfig


class LocalChatModel:
    """A chat model that runs in this process. Threads may share it: one batch runs at a time."""

    whole_batches = True

    def __init__(self, config: LocalModel) -> None:
        """Load the checkpoint. Raises ConfigError when it is missing, broken, or has no chat template."""
        self.name = name_of(config.model)
        self.batch = config.batch
        self.sampling: dict[str, float | int | str | bool | None] = sampling_of(config)
        self._config = config
        self._running = threading.Lock()
        self._tokenizing = threading.Lock()
        with checkpoint_errors(config.model):
            self.revision = revision_of(config.model, config.revision)
            self._model, self._tokenizer, self._processor = _load(config)
        self._has_vision = self._processor is not None
        self._threads = threads_for(self._model, config.device)
        log.info("loaded %s: %d parameters on %s", self.name, self._model.num_parameters(), config.device)
        text = self._model.config.get_text_config()
        limits = (getattr(text, "max_position_embeddings", None), self._tokenizer.model_max_length)
        own = min((n for n in limits if n and n < _UNLIMITED), default=4096)
        self.context: int = config.context or own
        stops = self._model.generation_config.eos_token_id
        named = stops if isinstance(stops, list) else [stops]
        self._stops: list[int] = sorted({i for i in (*named, self._tokenizer.eos_token_id) if i is not None})
        if not self._stops or (
            not self._tokenizer.chat_template and not getattr(self._processor, "chat_template", None)
        ):
            raise ConfigError(f"model {self.name!r} has no end-of-text token or no chat template: it is no chat model")
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.convert_ids_to_tokens(self._stops[0])
        # The checkpoint's own sampling defaults would apply silently, and no record would name them.
        self._model.generation_config = _GenerationConfig(
            eos_token_id=self._stops, pad_token_id=self._tokenizer.pad_token_id, do_sample=False
        )
        self._special = _special_pattern(self._tokenizer, self._processor)
        self._grammars: Grammars | None = None
        self._overhead = len(self._tokenizer(self._prompt(Request("")), add_special_tokens=True)["input_ids"])

    def count_tokens(self, text: str) -> int:
        """How many tokens a message of this text has, with the tokens that the chat template adds."""
        # Not `verbose`: a text that is too long for the model is counted to be cut, which is nothing to warn of.
        with self._tokenizing:
            tokens = self._tokenizer(self._inert(text), add_special_tokens=False, verbose=False)["input_ids"]
        return len(tokens) + self._overhead

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order, in batches of at most `batch`.

        Raises PermanentError for a prompt that leaves no room for `max_tokens` and for a picture that does not decode,
        TransientError when the device's memory is exhausted, ConfigError for a schema that cannot be enforced.
        """
        replies: dict[int, Reply] = {}
        for pictured in (True, False):
            rows = [i for i, request in enumerate(requests) if bool(request.pictures) is pictured]
            for start in range(0, len(rows), self.batch):
                part = rows[start : start + self.batch]
                with self._running:
                    replies.update(zip(part, self._run([requests[i] for i in part]), strict=True))
        return [replies[i] for i in range(len(requests))]

    def _inert(self, text: str) -> str:
        """The text with a space in every special token, so that data can neither open a turn nor add a picture."""
        return self._special.sub(lambda match: f"{match[0][:1]} {match[0][1:]}", text)

    def _prompt(self, request: Request) -> str:
        inert = self._inert(request.text)
        content: Any = inert
        if self._has_vision:
            content = [{"type": "text", "text": inert}, *([{"type": "image"}] if request.image is not None else [])]
            for shown in request.clip:
                content += [{"type": "text", "text": self._inert(shown.name)}, {"type": "image"}]
        template = self._processor if self._has_vision else self._tokenizer
        rendered: str = template.apply_chat_template(
            [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
        )
        return rendered

    def _encode(self, requests: Sequence[Request]) -> Any:
        prompts = [self._prompt(request) for request in requests]
        begins = self._tokenizer.bos_token
        options = {"padding": True, "return_tensors": "pt", "add_special_tokens": False}
        if begins is not None and self._has_vision and not prompts[0].startswith(begins):
            options["add_special_tokens"] = True
        if not requests[0].pictures:
            return self._tokenizer(prompts, **options)
        if not self._has_vision:
            raise ConfigError(f"model {self.name!r} has no vision part: it cannot caption pictures")
        return self._processor(text=prompts, images=[[*map(decode_picture, r.pictures)] for r in requests], **options)

    def _run(self, requests: Sequence[Request]) -> list[Reply]:
        with self._tokenizing:
            inputs = self._encode(requests)
        lengths = inputs["attention_mask"].sum(dim=1).tolist()
        for length, request in zip(lengths, requests, strict=True):
            if length + request.max_tokens > self.context:
                evidence = f"{length} tokens and {request.max_tokens} of reply in a context of {self.context}"
                raise PermanentError("prompt_too_long", evidence)
        limits = [request.max_tokens for request in requests]
        width = inputs["input_ids"].shape[1]
        processors = LogitsProcessorList()
        if any(request.schema is not None for request in requests):
            grammars = self._grammar_table()
            matchers = [None if r.schema is None else grammars.matcher(r.schema) for r in requests]
            processors.append(Constraint(grammars, matchers))
        sampled = {row: self._sampling(r) for row, r in enumerate(requests) if self._temperature(r) > 0}
        if sampled:
            processors.append(RowSampler(sampled))
        criteria = StoppingCriteriaList([RowLimits(width, limits)])
        options = {"max_new_tokens": max(limits), "logits_processor": processors, "stopping_criteria": criteria}
        try:
            with torch.inference_mode(), threads(self._threads):
                written = self._model.generate(**inputs.to(self._config.device), **options)
        except torch.OutOfMemoryError as error:
            raise TransientError("out_of_memory", f"{len(requests)} requests of up to {width} tokens") from error
        rows = written[:, width:].tolist()
        return [self._reply(row, limit, length) for row, limit, length in zip(rows, limits, lengths, strict=True)]

    def _reply(self, written: Sequence[int], limit: int, tokens_in: int) -> Reply:
        ids = list(written[:limit])
        end = next((i for i, token in enumerate(ids) if token in self._stops), None)
        with self._tokenizing:
            text = self._tokenizer.decode(ids[:end], skip_special_tokens=True, clean_up_tokenization_spaces=False)
        if end is None:
            return Reply(text, "length", int(tokens_in), len(ids))
        return Reply(text, "stop", int(tokens_in), end + 1)

    def _grammar_table(self) -> Grammars:
        if self._grammars is None:
            width = self._model.config.get_text_config().vocab_size
            self._grammars = Grammars(self._tokenizer, max(width, len(self._tokenizer)), self._stops)
        return self._grammars

    def _temperature(self, request: Request) -> float:
        return max(self._config.temperature, RETRY_TEMPERATURE) if request.variant else self._config.temperature

    def _sampling(self, request: Request) -> Sampling:
        key = request.key(self.name, self.revision, self.sampling)
        seed = hashlib.sha256(f"{self._config.seed}:{request.variant}:{key}".encode()).digest()
        # 63 bits, because torch's seeds are signed.
        return Sampling(self._temperature(request), self._config.top_p, int.from_bytes(seed[:8]) >> 1)


def _load(config: LocalModel) -> tuple[Any, Any, Any]:
    """Model, tokenizer (which pads on the left), and the processor of a checkpoint with a vision part, else None."""
    where = place_of(config.model)
    revision = weights_revision(where, config.revision)
    with quiet_loading():
        has_vision = hasattr(
            AutoConfig.from_pretrained(where, revision=revision, trust_remote_code=False), "vision_config"
        )
        processor: Any = (
            _AutoProcessor.from_pretrained(where, revision=revision, trust_remote_code=False) if has_vision else None
        )
        tokenizer: Any = (
            AutoTokenizer.from_pretrained(where, revision=revision, trust_remote_code=False)
            if not has_vision
            else processor.tokenizer
        )
        loader: Any = AutoModelForImageTextToText if has_vision else AutoModelForCausalLM
        model = load_weights(loader, where, revision=revision, dtype=getattr(torch, config.dtype))
    tokenizer.padding_side = "left"
    return model.to(config.device).eval(), tokenizer, processor


def _special_pattern(tokenizer: Any, processor: Any) -> re.Pattern[str]:
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    special |= {token for token in tokenizer.all_special_tokens if isinstance(token, str)}
    special |= {token for token in (getattr(processor, "image_token", None),) if isinstance(token, str)}
    longest_first = sorted((token for token in special if len(token) > 1), key=len, reverse=True)
    return re.compile("|".join(re.escape(token) for token in longest_first) or r"(?!)")
