"""Answers of V2Xum that are always well formed, and the probability of every slot.

Slots ascend and exist (`AnswerForm`). `slot_tree` and `slot_probabilities` take the whole answer apart into decisions
about single slots: with the slots s_1 < s_2 < ... of an answer, slot k between s_j and s_j+1 is chosen with

    score(k) = p_j(k) / (p_j(end) + sum of p_j(m) for m >= k),    p_j: the next slot after s_j, or the end

so that the product of score over the chosen and of 1 - score over all others is the probability of the slots as they
were chosen. p_j(k) is a product over the slot's tokens, each among the tokens that may follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import LogitsProcessor

from models.summarizers.v2xum_tokens import Question, V2XumTokens


class _State(NamedTuple):
    """Where an answer is: tokens of an unfinished slot, the last slot, whether a slot came, whether words did since."""

    slot: tuple[int, ...] = ()
    last: int = -1
    inside: bool = False
    words: bool = False


class AnswerForm(LogitsProcessor):
    """Lets only tokens through that keep an answer well formed. `allowed`: bool [B, N], the slots that may be chosen.

    Rows of the batch may be reordered between steps (beams), not repeated in another order of B.
    """

    def __init__(self, tokens: V2XumTokens, question: Question, allowed: NDArray[np.bool_]) -> None:
        self._tokens, self._question, self._allowed = tokens, question, allowed
        self._states: dict[tuple[int, ...], _State] = {}

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Set the logits [B, V] of all other tokens to minus infinity."""
        rows = [tuple(row) for row in input_ids.tolist()]
        states = {row: self._state(row) for row in rows}
        self._states = states
        beams = len(rows) // len(self._allowed)
        mask = np.stack([self._next(states[row], self._allowed[at // beams]) for at, row in enumerate(rows)])
        keep = torch.from_numpy(mask).to(scores.device)
        width = scores.shape[1] - keep.shape[1]  # a model may have more logits than the tokenizer has tokens
        return scores.masked_fill(~torch.nn.functional.pad(keep, (0, width)), -torch.inf)

    def decisions(self, row: Sequence[int]) -> list[tuple[int, int, int]]:
        """Where an answer chose a slot: (tokens before it, slot before it, slot); the end chose slot N. -1: no slot."""
        found, state = [], _State()
        for at, token in enumerate(row):
            after = self._after(state, token)
            if after.last != state.last:
                found.append((at + 1 - self._tokens.table.shape[1], state.last, after.last))
            state = after
            if token == self._tokens.end:
                found.append((at, state.last, len(self._tokens.table)))
                break
        return found

    def _state(self, row: tuple[int, ...]) -> _State:
        known = self._states.get(row[:-1]) if row else _State()
        if known is not None:
            return self._after(known, row[-1]) if row else known
        state = _State()
        for token in row:
            state = self._after(state, token)
        return state

    def _after(self, state: _State, token: int) -> _State:
        table = self._tokens.table
        begins = self._question in ("v2v", "v2vt") and not state.slot and bool((table[:, 0] == token).any())
        if not state.slot and not begins:
            return state._replace(words=state.words or not self._tokens.blank[token])
        slot = (*state.slot, token)
        if len(slot) < table.shape[1]:
            return state._replace(slot=slot)
        return _State(last=int((table == slot).all(axis=1).nonzero()[0][0]), inside=True)

    def _next(self, state: _State, allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        table, end = self._tokens.table, self._tokens.end
        mask = np.zeros(len(self._tokens.blank), bool)
        if self._question in ("v2t", "caption"):
            mask[:] = ~self._tokens.special
            mask[end] = state.words
            return mask
        left = allowed.copy()
        left[: state.last + 1] = False
        if state.slot:
            left &= (table[:, : len(state.slot)] == state.slot).all(axis=1)
            mask[table[left, len(state.slot)]] = True
            return mask
        if state.inside and self._question == "v2vt":
            mask[:] = ~self._tokens.banned
            mask[end] = state.words
        mask[table[left, 0]] = True
        if self._question == "v2v":
            mask[end] = state.inside or not left.any()
        return mask


class SlotTree(NamedTuple):
    """Tokens to be read beside one answer, which together tell the probability of every slot after every slot.

    A node is the beginning of slots, after the first `before` tokens of the answer: `token`, `parent` (a node, -1: the
    answer), `depth` (1: the slot's first token), all int64 [T].
    """

    token: NDArray[np.int64]
    parent: NDArray[np.int64]
    depth: NDArray[np.int64]
    before: NDArray[np.int64]
    nodes: dict[tuple[int, ...], int]


def slot_tree(
    table: NDArray[np.int64], decisions: Sequence[tuple[int, int, int]], allowed: NDArray[np.bool_]
) -> SlotTree:
    """The nodes with a choice below them, for the slots up to the chosen one of every decision."""
    rows: list[tuple[int, int, int, int]] = []
    nodes: dict[tuple[int, ...], int] = {}
    for number, (before, last, chosen) in enumerate(decisions):
        left = np.flatnonzero(allowed[last + 1 :]) + last + 1
        for slot in left[left <= chosen]:
            for depth in range(1, table.shape[1]):
                prefix = table[slot, :depth]
                name = (number, *prefix.tolist())
                if name in nodes:
                    continue
                below = table[left[(table[left, :depth] == prefix).all(axis=1)]]
                if len(np.unique(below[:, depth:], axis=0)) < 2:
                    break  # what follows is certain
                nodes[name] = len(rows)
                rows.append((int(prefix[-1]), nodes.get(name[:-1], -1), depth, before))
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return SlotTree(columns[0], columns[1], columns[2], columns[3], nodes)


def slot_probabilities(
    table: NDArray[np.int64],
    end: int,
    decisions: Sequence[tuple[int, int, int]],
    allowed: NDArray[np.bool_],
    tree: SlotTree,
    at_answer: NDArray[np.float32],
    at_tree: NDArray[np.float32],
) -> NDArray[np.float64]:
    """The score [N] of every slot, 0 for slots that are not allowed.

    Logits: `at_answer` [G + 1, V] after each number of the answer's tokens, `at_tree` [T, V] after each node.
    """
    scores = np.zeros(len(table))
    for number, (before, last, chosen) in enumerate(decisions):
        left = np.flatnonzero(allowed[last + 1 :]) + last + 1
        passed = 0.0
        share: dict[tuple[int, ...], float] = {(): 1.0}
        for slot in left[left <= chosen]:
            row = tuple(table[slot].tolist())
            for depth in range(len(row)):
                if row[: depth + 1] in share:
                    continue
                node = tree.nodes.get((number, *row[:depth])) if depth else None
                below = table[left[(table[left, :depth] == row[:depth]).all(axis=1)], depth]
                choices = np.unique(below)
                if depth == 0 and last >= 0:
                    choices = np.append(choices, end)
                if len(choices) > 1:
                    logits = at_answer[before] if node is None else at_tree[node]
                    weights = np.exp(logits[choices].astype(np.float64) - logits[choices].max())
                    weights /= weights.sum()
                else:
                    weights = np.ones(1)
                share.update(
                    {(*row[:depth], int(c)): share[row[:depth]] * w for c, w in zip(choices, weights, strict=True)}
                )
            chance = share[row]
            scores[slot] = min(1.0, chance / max(1.0 - passed, chance, 1e-300))
            passed += chance
    return scores
