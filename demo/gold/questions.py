"""Builds gold questions: samples of demo films, half of them with one planted error."""

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
from demo.gold.answers import KINDS, Texts, plant, truth
from demo.gold.film import Film, make_film
from demo.world import make_script
from models.identity import identify
from schemas.errors import ConfigError, StageError
from schemas.gold import Answer
from schemas.records import Caption, CaptionSet, Extract, Maker, Origin, Sample, Sentence, Source, Summary

SECONDS = 40  # the shortest length of a script, with about six keyframes
_ID_DIGITS = 16  # as in the ids that are made from an address


class Question(NamedTuple):
    """A gold question: the sample that people see, and its known answer."""

    sample: Sample
    answer: Answer


def question(
    folder: Path, services: Services, makers: Mapping[str, Maker], key: str, seed: int, number: int
) -> Question:
    """The gold question with this number; its film and its error follow from the key, the seed and the number.

    `folder` keeps the films; `makers`: as of `makers_of`; `key`: the workspace's secret key. Raises ConfigError when
    the section `frames` of the configuration makes the question impossible.
    """
    name = free_id(services.ledger, key, seed, number)
    # Of the questions 2n and 2n + 1 one has an error; only the key tells which.
    odd = (number + keyed_rng(key, "pair", seed, number // 2).randrange(2)) % 2 == 1
    rng = keyed_rng(key, "script", name)
    script = make_script(rng.getrandbits(48), SECONDS)
    try:
        film = make_film(folder, services, name, script)
        texts, planted = (
            plant(script, film.frames, rng.choice(KINDS), rng) if odd else (truth(script, film.frames), None)
        )
    except (StageError, ValueError) as error:
        raise ConfigError(
            f"review.gold: no question can be made: the section `frames` must allow 1 frame a second and videos of "
            f"{SECONDS} s: {error}"
        ) from error
    sample = _sample(film, texts, makers)
    services.pictures.thin(film.video, sample.extract.keyframes)
    return Question(sample, Answer(planted=planted))


def free_id(ledger: Ledger, key: str, seed: int, number: int) -> str:
    """The question's id: the first of a keyed series that no source in the ledger has."""
    for attempt in count():
        name = _keyed(key, "id", seed, number, attempt)[:_ID_DIGITS]
        if not any(True for _ in ledger.sources([name])):
            return name
    raise AssertionError("counting has no end")


def _keyed(key: str, *parts: object) -> str:
    """64 hex digits from the key and the parts; nobody can guess them without the key."""
    text = "\n".join(map(str, ("v2xum gold 1", *parts)))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def keyed_rng(key: str, *parts: object) -> random.Random:
    """A random generator whose seed is a keyed hash of the parts."""
    return random.Random(_keyed(key, *parts))


def _sample(film: Film, texts: Texts, makers: Mapping[str, Maker]) -> Sample:
    """The sample that the pipeline would have made if the run's models had written these texts."""
    video, frames = film.video, film.frames
    times = tuple(frames.frames[index].time for index in texts.keyframes)
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
                for frame, text in zip(frames.frames, texts.captions, strict=True)
            ),
        ),
        extract=Extract(
            maker=makers["extract"],
            keyframes=texts.keyframes,
            times=times,
            ratio=len(times) / len(frames.frames),
            windows=1,
            rounds=0,
            effort={},
        ),
        summary=Summary(
            maker=makers["refine"],
            v2v=times,
            v2t=" ".join(point.text for point in texts.points),
            v2vt=tuple(
                Sentence(times=tuple(frames.frames[index].time for index in point.frames), text=point.text)
                for point in texts.points
            ),
            effort={},
        ),
    )


def makers_of(services: Services) -> dict[str, Maker]:
    """The makers of the run's own texts, by stage: annotators see the summarizer's name on the screen."""
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
