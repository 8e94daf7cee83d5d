"""Films of known truth with captions that lose words, and what several annotators choose among them.

The captions are those of the scripts. The captioner of the demo writes them nearly without a fault, and its summarizer
then makes none, so that there would be nothing to measure. So each film has a share between 0 and `MOST_LOST` of its
words lost, as a worse captioner loses them, and the summarizer, which never saw such captions, is unsure or wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from benchmarks.saliency_study.prefix_cache import PrefixCache
from curation.text.extract import extract
from demo.world import MINIMUM_SECONDS, Script, make_script
from models.chat import Arrived, ChatModel, Reply, Request
from prompts import Prompt
from schemas.configuration.config import ExtractConfig
from schemas.configuration.text_config import VARIANTS
from schemas.errors import PermanentError
from schemas.records import Caption, CaptionSet, Maker

FIRST_SEED, MOST_LOST = 60_000_001, 0.4  # no checkpoint was trained on scripts near this seed
_SHA256 = "0" * 64  # there is no file and no picture: nobody reads them
_MAKER = Maker(prompt="script", prompt_sha256=_SHA256, model="script", revision="1", sampling={})


class Film(NamedTuple):
    """A script, the share of the words that its captions lost, and these captions by second."""

    script: Script
    lost: float
    captions: tuple[str, ...]


class Counted:
    """A chat model that keeps the requests and replies of one film."""

    def __init__(self, model: ChatModel) -> None:
        """Ask `model`, and keep what it says."""
        self._model = model
        self.name, self.revision, self.sampling = model.name, model.revision, model.sampling
        self.context, self.batch, self.whole_batches = model.context, model.batch, model.whole_batches
        self.seen: list[tuple[Request, Reply]] = []

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has."""
        return self._model.count_tokens(text)

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer as the model does."""
        replies = self._model.complete(requests, arrived)
        self.seen += zip(requests, replies, strict=True)
        return replies


def films(count: int) -> Iterator[Film]:
    """The first `count` films, of 40 s each; what they lose follows from their seeds."""
    for number in range(count):
        rng = random.Random(f"lost {number}")
        script, lost = make_script(FIRST_SEED + number, MINIMUM_SECONDS), rng.uniform(0, MOST_LOST)
        yield Film(script, lost, tuple(without_words(caption, lost, rng) for caption in script.captions))


def without_words(text: str, share: float, rng: random.Random) -> str:
    """A text that has lost each of its words with the chance `share`; the first one stays where all would go."""
    words = text.split()
    return " ".join([word for word in words if rng.random() >= share] or words[:1])


def chosen(
    film: Film, models: Sequence[ChatModel], prompt: Prompt, config: ExtractConfig, fresh: Callable[[], PrefixCache]
) -> dict[str, Any]:
    """What the annotators chose in a film, and its cost, as plain values. Of several models each takes its turn.

    `tokens_in` and `tokens_out`: of the first annotator and of all; `computed`: those of `tokens_in` that servers
    compute, each with a `fresh` cache. `choices` is empty, and `fault` a slug, where the film is rejected.
    """
    first, *others = counted = [Counted(model) for model in models]
    made: dict[str, Any] = {"film": film.script.seed, "lost": round(film.lost, 4), "truth": list(film.script.keyframes)}
    made |= {"frames": len(film.captions), "choices": [], "consensus": [], "fault": None}
    try:
        found = extract(caption_set(film), len(film.captions), 1.0, first, prompt, config, others=others)
        made |= {"choices": [list(choice.keyframes) for choice in found.choices], "consensus": list(found.keyframes)}
    except PermanentError as error:
        made["fault"] = error.reason
    cost = []
    for one in counted:
        cache = fresh()
        cost += [
            (
                one is first and request.variant < VARIANTS,
                reply.tokens_in,
                reply.tokens_out,
                cache.computed(request.text),
            )
            for request, reply in one.seen
        ]
    for place, name in ((1, "tokens_in"), (2, "tokens_out"), (3, "computed")):
        made[name] = [sum(one[place] for one in cost if one[0]), sum(one[place] for one in cost)]
    return made


def caption_set(film: Film) -> CaptionSet:
    """The captions of a film as the extractive stage reads them, one a second."""
    captions = tuple(
        Caption(index=i, time=float(i), video_sha256=_SHA256, pts=float(i), image_sha256=_SHA256, text=text)
        for i, text in enumerate(film.captions)
    )
    return CaptionSet(maker=_MAKER, captions=captions)
