"""Gold questions: samples of demo films, half of them with one planted error."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import NamedTuple

from curation.ledger.ledger import Ledger
from curation.pipeline.services import Services
from demo.gold.answers import KINDS, Told, plant, truth
from demo.gold.film import Film, make_film
from demo.world import make_script
from models.identity import identify
from schemas.errors import ConfigError, StageError
from schemas.gold import Answer
from schemas.records import Caption, CaptionSet, Extract, Maker, Origin, Sample, Sentence, Source, Summary

SECONDS = 40  # as short as scripts are: six keyframes or so
_ID_DIGITS = 16  # as many as ids have that are made of an address


class Question(NamedTuple):
    """A gold question: the sample that people are shown, and what is known of it."""

    sample: Sample
    answer: Answer


def question(
    folder: Path, services: Services, makers: Mapping[str, Maker], key: str, seed: int, number: int
) -> Question:
    """The question of a number: the film and the planted error follow from the key; films are kept in `folder`."""
    name = _free_id(services.ledger, key, seed, number)
    # Of two questions in a row one has an error, and which of them is as secret as all else.
    odd = (number + _rng(key, "pair", seed, number // 2).randrange(2)) % 2 == 1
    rng = _rng(key, "script", name)
    script = make_script(rng.getrandbits(48), SECONDS)
    try:
        film = make_film(folder, services, name, script)
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
    return random.Random(_keyed(key, *parts))


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


def makers_of(services: Services) -> dict[str, Maker]:
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
