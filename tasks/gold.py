"""Makes a workspace's gold questions from the demo world: samples that only the review knows.

Nothing of them is in the ledger; the answers are in WORKSPACE/review/gold.json. Which script a question is, whether it
has an error, and its id follow from the seed, the question's number and the workspace's secret key: whoever lacks the
key learns nothing from an id, or from this code.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple

from annotation.gold import add_answers, gold_key
from annotation.push import SCORES, Extra
from annotation.sampling import Candidate, Chosen, position
from curation.ledger import Ledger
from curation.stages import Services
from demo.gold import KINDS, Told, plant, truth
from demo.world import make_script
from models.build import identify
from schemas.errors import ConfigError, StageError
from schemas.gold import Answer
from schemas.records import Caption, CaptionSet, Extract, Maker, Origin, Sample, Sentence, Source, Summary
from schemas.review_config import ReviewConfig
from tasks.gold_film import Film, make_film

SECONDS = 40  # as short as scripts are: six keyframes or so
_ID_DIGITS = 16  # as many as ids have that are made of an address


class Question(NamedTuple):
    """A gold question: the sample that people are shown, and what is known of it."""

    sample: Sample
    answer: Answer


def gold_questions(
    workspace: Path,
    services: Services,
    rules: ReviewConfig,
    candidates: Sequence[Candidate] = (),
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Extra]:
    """The `rules.gold` questions of a seed, by id, as `push` takes them; their answers are noted before it returns.

    What is in the store and the cache is not rendered or decoded again. Of `candidates`, the samples that could be
    judged, the questions borrow scores. Raises ConfigError where the frames' settings allow no questions, or when the
    answers of former ones cannot be read.
    """
    if not rules.gold:
        return {}
    key = gold_key(workspace)
    makers = _makers(services)
    made: dict[str, Question] = {}
    for number in range(rules.gold):
        one = _question(workspace, services, makers, key, rules.seed, number)
        made[one.sample.video.id] = one
        say(f"{len(made)} of {rules.gold} gold questions are ready")
    add_answers(workspace, {name: one.answer for name, one in made.items()})
    scores = _scores(candidates) or [None]
    borrowed = {name: scores[int(position(name, "gold score") * len(scores))] for name in made}
    return {name: Extra(one.sample, borrowed[name]) for name, one in made.items()}


def mixed(chosen: Iterable[Chosen]) -> list[Chosen]:
    """The same samples with the gold questions anywhere among those for as many people, which keep their order."""
    given = list(chosen)
    places: dict[str, float] = {}
    for overlap in {one.overlap for one in given}:
        others = [one.sample_id for one in given if one.overlap == overlap and one.stratum != "gold"]
        places |= {name: (place + 0.5) / len(others) for place, name in enumerate(others)}
    return sorted(given, key=lambda one: places.get(one.sample_id, position(one.sample_id, "gold order")))


def _question(
    workspace: Path, services: Services, makers: Mapping[str, Maker], key: str, seed: int, number: int
) -> Question:
    name = _free_id(services.ledger, key, seed, number)
    # Of two questions in a row one has an error, and which of them is as secret as all else.
    odd = (number + _rng(key, "pair", seed, number // 2).randrange(2)) % 2 == 1
    rng = _rng(key, "script", name)
    script = make_script(rng.getrandbits(48), SECONDS)
    try:
        film = make_film(workspace, services, name, script)
        told, planted = (
            plant(script, film.frames, rng.choice(KINDS), rng) if odd else (truth(script, film.frames), None)
        )
    except (StageError, ValueError) as error:
        raise ConfigError(
            f"review.gold: no question can be made, which needs 1 frame a second and videos of {SECONDS} s in the "
            f"section `frames`: {error}"
        ) from error
    sample = _sample(film, told, makers)
    services.pictures.thin(film.video, sample.extract.keyframes)
    return Question(sample, Answer(planted=planted))


def _free_id(ledger: Ledger, key: str, seed: int, number: int) -> str:
    """The question's id; another one where a sample of the ledger has it."""
    for attempt in count():
        name = _keyed(key, "id", seed, number, attempt)[:_ID_DIGITS]
        if not any(True for _ in ledger.sources([name])):
            return name
    raise AssertionError("counting has no end")


def _keyed(key: str, *parts: object) -> str:
    """64 hex digits that nobody can guess without the key."""
    text = "\n".join(map(str, ("v2xum gold 1", *parts)))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _rng(key: str, *parts: object) -> random.Random:
    return random.Random(_keyed(key, *parts))  # noqa: S311 - its seed is the secret


def _sample(film: Film, told: Told, makers: Mapping[str, Maker]) -> Sample:
    """The sample in which the run's models would have said this."""
    video, frames = film.video, film.frames
    times = tuple(frames.frames[index].time for index in told.keyframes)
    return Sample(
        source=Source(id=video.id, kind="file", uri=video.id, origin=Origin(list_name="review", row=0)),
        video=video,
        frames=frames,
        captions=CaptionSet(
            maker=makers["caption"],
            captions=tuple(
                Caption(
                    index=frame.index,
                    time=frame.time,
                    video_sha256=video.sha256,
                    pts=frame.pts,
                    image_sha256=frame.sha256,
                    text=text,
                )
                for frame, text in zip(frames.frames, told.captions, strict=True)
            ),
        ),
        extract=Extract(
            maker=makers["extract"],
            keyframes=told.keyframes,
            times=times,
            ratio=len(times) / len(frames.frames),
            windows=1,
            rounds=0,
            effort={},
        ),
        summary=Summary(
            maker=makers["refine"],
            v2v=times,
            v2t=" ".join(point.text for point in told.points),
            v2vt=tuple(
                Sentence(times=tuple(frames.frames[index].time for index in point.frames), text=point.text)
                for point in told.points
            ),
            effort={},
        ),
    )


def _makers(services: Services) -> dict[str, Maker]:
    """As the run's own texts have them: the summarizer's name is on the screen."""
    models = services.config.models
    asked = {"caption": models.captioner, "extract": models.summarizer, "refine": models.summarizer}
    made = {}
    for stage, model in asked.items():
        prompt = services.prompts[stage]
        name, revision, sampling = identify(model)
        made[stage] = Maker(
            prompt=prompt.id, prompt_sha256=prompt.sha256, model=name, revision=revision, sampling=sampling
        )
    return made


def _scores(candidates: Iterable[Candidate]) -> list[float | None]:
    """What tasks of the other samples show as their score, or that they show none."""
    scores = [one.scores for one in sorted(candidates, key=lambda one: one.sample_id)]
    return [next((own[kind] for kind in SCORES if kind in own), None) for own in scores]
