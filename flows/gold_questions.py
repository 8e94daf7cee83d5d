"""Makes a workspace's gold questions from the demo world, stores their answers, and mixes them with other samples.

Gold questions are not in the ledger; their answers are in WORKSPACE/review/gold.json. A question's script, its id and
whether it has an error follow from the seed, the question's number and the workspace's secret key. Without the key,
neither an id nor this code tells anything about the answer.
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
from schemas.configuration.review_config import ReviewConfig


def gold_questions(
    workspace: Path,
    services: Services,
    rules: ReviewConfig,
    candidates: Sequence[Candidate] = (),
    report_progress: Callable[[str], None] = lambda _: None,
) -> dict[str, Extra]:
    """The first `rules.gold` questions of the seed, by id, as `push` takes them; their answers are stored first.

    `candidates`: the samples that could be judged; the questions borrow their scores. Films that the store and the
    cache have are not rendered or decoded again. Raises ConfigError when the section `frames` makes questions
    impossible, or when the stored answers cannot be read.
    """
    if not rules.gold:
        return {}
    key = gold_key(workspace)
    folder = review_folder(workspace) / "gold"
    makers = makers_of(services)
    made: dict[str, Question] = {}
    for number in range(rules.gold):
        next_question = question(folder, services, makers, key, rules.seed, number)
        made[next_question.sample.video.id] = next_question
        report_progress(f"{len(made)} of {rules.gold} gold questions are ready")
    add_answers(workspace, {name: gold.answer for name, gold in made.items()})
    scores = _scores(candidates) or [None]
    borrowed = {name: scores[int(position(name, "gold score") * len(scores))] for name in made}
    return {name: Extra(gold.sample, borrowed[name]) for name, gold in made.items()}


def mixed(chosen: Iterable[Chosen]) -> list[Chosen]:
    """The samples with each gold question at a random place among the others of its overlap, which keep their order."""
    given = list(chosen)
    places: dict[str, float] = {}
    for overlap in {one.overlap for one in given}:
        others = [one.sample_id for one in given if one.overlap == overlap and one.stratum != "gold"]
        places |= {name: (place + 0.5) / len(others) for place, name in enumerate(others)}
    return sorted(given, key=lambda one: places.get(one.sample_id, position(one.sample_id, "gold order")))


def _scores(candidates: Iterable[Candidate]) -> list[float | None]:
    """The scores that the tasks of the other samples show, in the order of the ids; None for a task without a score."""
    scores = [one.scores for one in sorted(candidates, key=lambda one: one.sample_id)]
    return [next((own[kind] for kind in SCORES if kind in own), None) for own in scores]
