"""Makes a workspace's gold questions from the demo world: samples that only the review knows.

Nothing of them is in the ledger; the answers are in WORKSPACE/review/gold.json. Which script a question is, whether it
has an error, and its id follow from the seed, the question's number and the workspace's secret key: whoever lacks the
key learns nothing from an id, or from this code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from annotation.gold_answers import add_answers, gold_key
from annotation.label_studio.access import review_folder
from annotation.push.missing import SCORES, Extra
from annotation.push.strata import Candidate, Chosen, position
from curation.pipeline.services import Services
from demo.gold.questions import Question, makers_of, question
from schemas.review_config import ReviewConfig


def gold_questions(
    workspace: Path,
    services: Services,
    rules: ReviewConfig,
    candidates: Sequence[Candidate] = (),
    report_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Extra]:
    """The `rules.gold` questions of a seed, by id, as `push` takes them; their answers are noted before it returns.

    What is in the store and the cache is not rendered or decoded again. Of `candidates`, the samples that could be
    judged, the questions borrow scores. Raises ConfigError where the frames' settings allow no questions, or when the
    answers of former ones cannot be read.
    """
    if not rules.gold:
        return {}
    key = gold_key(workspace)
    folder = review_folder(workspace) / "gold"
    makers = makers_of(services)
    made: dict[str, Question] = {}
    for number in range(rules.gold):
        one = question(folder, services, makers, key, rules.seed, number)
        made[one.sample.video.id] = one
        report_progress(f"{len(made)} of {rules.gold} gold questions are ready")
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


def _scores(candidates: Iterable[Candidate]) -> list[float | None]:
    """What tasks of the other samples show as their score, or that they show none."""
    scores = [one.scores for one in sorted(candidates, key=lambda one: one.sample_id)]
    return [next((own[kind] for kind in SCORES if kind in own), None) for own in scores]
