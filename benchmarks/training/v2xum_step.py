"""A training step of V2Xum against the bare language model's at the same token count, and against upstream's loop.

    python -m benchmarks v2xum_step [--json] [--batch 4] [--slots 100]

`bare` is the same language model on as many token ids, with its own loss. `loop` puts the prompt together as upstream's
code does by its description: slot by slot in Python, each with its own tokens and its own frame. Times are the least of
some rounds in turn, in CPU seconds of one thread, forward and backward, for the from-scratch model of the demo.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from models.summarizers.v2xum import V2XumForSummarization
from models.summarizers.v2xum_tokens import FRAME, IGNORED
from models.torch_threads import threads
from schemas.repository import DATA

ROUNDS = 5
GOALS = {"bare": 1.1, "loop": 1.3}
_WIDTH = 768


def step(loss: Callable[[], Tensor], model: torch.nn.Module) -> float:
    """CPU seconds of one forward and backward pass in this thread: other processes do not count."""
    model.zero_grad(set_to_none=True)
    began = time.process_time()
    torch.autograd.backward(loss())
    return time.process_time() - began


def looped(model: V2XumForSummarization, batch: dict[str, Tensor]) -> Tensor:
    """The loss with a prompt that is put together slot by slot, and logits of all places."""
    embed, rows = model.get_input_embeddings(), list[Tensor]()
    tokenizer = model.tokens.tokenizer
    for row, ids in enumerate(batch["input_ids"]):
        places = (ids == FRAME).nonzero().flatten()
        first = int(places[0]) - model.tokens.table.shape[1]
        parts = [embed(ids[:first])]
        for slot in range(len(places)):
            text = tokenizer(model.tokens.slots.text(slot), add_special_tokens=False)["input_ids"]
            parts += [embed(torch.tensor(text)), model.adapter(batch["frames"][row, slot])[None]]
        parts.append(embed(ids[int(places[-1]) + 1 :]))
        rows.append(torch.cat(parts))
    logits = model.language_model(inputs_embeds=torch.stack(rows), use_cache=False).logits
    return functional.cross_entropy(
        logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=IGNORED
    )


def measure(batch: int, slots: int) -> dict[str, Any]:
    """The least seconds of a step, and their ratios to V2Xum's."""
    torch.manual_seed(0)
    tokenizer: Any = AutoTokenizer.from_pretrained(DATA / "demo" / "captioner")
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4
    )
    model = V2XumForSummarization.over(LlamaForCausalLM(config), tokenizer, feature_size=_WIDTH, slots=slots)
    tokens = model.tokens
    prompt = tokens.prompt("v2vt")
    answer = tokens.answer([((slot,), "A man eats an apple.") for slot in range(0, slots, max(1, slots // 10))])
    ids = torch.from_numpy(np.concatenate([prompt, answer])).repeat(batch, 1)
    labels = ids.clone()
    labels[:, : len(prompt)] = IGNORED
    given = {"input_ids": ids, "labels": labels, "frames": torch.randn(batch, slots, _WIDTH)}
    plain = ids.clamp(min=0)
    ways: dict[str, Callable[[], Tensor]] = {
        "v2xum": lambda: model(**given).loss,
        "bare": lambda: model.language_model(input_ids=plain, labels=labels, use_cache=False).loss,
        "loop": lambda: looped(model, given),
    }
    with threads(1):
        times = [{name: step(way, model) for name, way in ways.items()} for _ in range(ROUNDS + 1)][1:]
    best = {name: min(each[name] for each in times) for name in ways}
    return {
        "tokens": ids.numel(),
        **{f"{name}_seconds": round(seconds, 4) for name, seconds in best.items()},
        "ratio_to_bare": round(best["v2xum"] / best["bare"], 3),
        "goal_ratio_to_bare": GOALS["bare"],
        "loop_ratio": round(best["loop"] / best["v2xum"], 3),
        "goal_loop_ratio": GOALS["loop"],
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="v2xum bench v2xum_step", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--slots", type=int, default=100)
    options = parser.parse_args()
    result = measure(options.batch, options.slots)
    print(json.dumps(result) if options.json else "\n".join(f"{key:20} {value}" for key, value in result.items()))


if __name__ == "__main__":
    main()
