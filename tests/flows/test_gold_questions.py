"""Gold questions of a workspace: real videos and pictures, and answers that stay secret and are never lost."""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from annotation.gold_answers import known_answers
from annotation.push.missing import Extra
from annotation.push.strata import Candidate, Chosen, candidates
from annotation.report.write import review_report
from curation.dataset.export import export_key
from curation.pipeline.services import Services
from curation.review.content_hash import content_sha256
from curation.review.verdict_store import Pushed, Reviews
from curation.status.counts import summarize
from curation.status.explain import explain, find
from curation.status.standings import all_rejections, samples
from curation.workspace import Workspace
from demo.gold.answers import truth
from demo.gold.questions import SECONDS, keyed_rng
from demo.render import draw
from demo.world import make_script
from flows.gold_questions import gold_questions, mixed
from models.identity import identify
from schemas.configuration.review_config import ReviewConfig
from schemas.errors import ConfigError
from schemas.gold import Answers
from schemas.review import Verdict
from tests.annotation.workspaces import Film, config, make_workspace, services_of

pytestmark = pytest.mark.slow  # they render and decode videos
KEY = "5" * 64


@contextmanager
def opened(place: Workspace) -> Iterator[Services]:
    with services_of(place) as services, closing(services.ledger):
        yield services


def ask(place: Workspace, services: Services, gold: int, seed: int = 0) -> dict[str, Extra]:
    return gold_questions(place.root, services, ReviewConfig(gold=gold, seed=seed))


def with_key(place: Workspace, key: str = KEY) -> Workspace:
    folder = place.root / "review"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "gold.json").write_text(Answers(key=key).model_dump_json())
    return place


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with one sample and four gold questions."""
    made = make_workspace(tmp_path_factory.mktemp("gold") / "run", [Film("film-0", {0: "A.", 2: "B."}, seconds=4)])
    with opened(with_key(made)) as services:
        ask(made, services, 4)
    return made


def test_half_have_an_error_and_all_else_is_what_the_pictures_show(place: Workspace) -> None:
    with opened(place) as services:
        asked = ask(place, services, 4)
        answers = known_answers(place.root)
        assert sorted(answers) == sorted(asked)
        assert sum(answer.has_error for answer in answers.values()) == 2
        for name, (sample, _) in asked.items():
            assert re.fullmatch(r"[0-9a-f]{16}", name) and sample.video.id == sample.source.id == name
            script = make_script(keyed_rng(KEY, "script", name).getrandbits(48), SECONDS)
            whole = services.pictures.sample(sample.video)
            assert whole == sample.frames and len(whole.frames) == SECONDS
            for frame in whole.frames:
                picture = Image.open(io.BytesIO(services.pictures.read(sample.video, whole, frame.index)))
                real = np.asarray(draw(script, frame.time).resize(picture.size), dtype=float)
                assert np.abs(np.asarray(picture, dtype=float) - real).mean() < 8, (name, frame.time)
            right = truth(script, whole)
            as_told = (
                tuple(caption.text for caption in sample.captions.captions),
                tuple((sentence.times, sentence.text) for sentence in sample.summary.v2vt),
            )
            true = (
                right.captions,
                tuple((tuple(float(i) for i in point.frames), point.text) for point in right.points),
            )
            assert (as_told != true) == answers[name].has_error
            assert sample.extract.keyframes == tuple(sorted({int(t) for s in sample.summary.v2vt for t in s.times}))
            assert sample.extract.times == sample.summary.v2v
            summarizer = identify(services.config.models.summarizer)
            assert (sample.summary.maker.model, sample.summary.maker.revision) == summarizer[:2]


def test_asking_again_renders_nothing_and_returns_the_same(place: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("rendered or decoded again")

    before = (place.root / "review" / "gold.json").read_bytes()
    with opened(place) as services:
        first = ask(place, services, 4)
        monkeypatch.setattr("demo.gold.film.encode_video", never)
        monkeypatch.setattr(services.pictures, "sample", never)
        assert ask(place, services, 4) == first
        assert ask(place, services, 2).items() <= first.items()
        with pytest.raises(AssertionError, match="rendered"):
            ask(place, services, 5)
    assert (place.root / "review" / "gold.json").read_bytes() == before
    assert stat.S_IMODE((place.root / "review" / "gold.json").stat().st_mode) == 0o600


@pytest.mark.slow
def test_lost_films_are_made_again_with_the_same_content(place: Workspace) -> None:
    with opened(place) as services:
        name, (sample, _) = next(iter(ask(place, services, 1).items()))
        film = services.store.path("videos", sample.video.sha256, "mp4")
        cache = place.root / "review" / "gold" / f"{name}.json"
        losses: list[Callable[[], object]] = [
            film.unlink,
            cache.unlink,
            lambda: cache.write_text(cache.read_text()[:-50]),
        ]
        for lose in losses:
            lose()
            again = ask(place, services, 1)[name].sample
            assert film.exists() and content_sha256(again) == content_sha256(sample)


def test_answers_are_never_lost(place: Workspace, tmp_path: Path) -> None:
    other = with_key(make_workspace(tmp_path / "other", []), "6" * 64)
    with opened(other) as services:
        one = ask(other, services, 1)
        seeded = ask(other, services, 1, seed=1)
        assert ask(other, services, 0) == {}
        assert sorted(known_answers(other.root)) == sorted([*one, *seeded]) and len({*one, *seeded}) == 2
    assert not {*one, *seeded} & set(known_answers(place.root)), "another workspace, another key, other ids"


def test_the_ledger_and_the_dataset_do_not_know_them(place: Workspace) -> None:
    """A verdict on a gold question changes only the report."""
    with opened(place) as services:
        view, ledger = services.view, services.ledger
        (names, key) = ([one.video.id for one in samples(view)], export_key(services))
        status = summarize(view)
        asked = ask(place, services, 4)
        answers = known_answers(place.root)
        reviews = Reviews(ledger)
        reviews.store(
            Verdict(
                sample_id=name,
                content_sha256=content_sha256(sample),
                annotator=annotator,
                origin=f"{annotator} {name}",
                updated_at="2026-01-01T00:00:00Z",
                stratum="gold",
                decision="reject" if annotator == "keen" and answers[name].has_error else "accept",
            )
            for name, (sample, _) in asked.items()
            for annotator in ("keen", "lazy")
        )
        reviews.note_pushed("p", [Pushed(name, "0" * 64, 1, "gold", 1.0) for name in [*asked, *names]])
        assert [one.video.id for one in samples(view)] == names == ["film-0"]
        assert export_key(services) == key and summarize(view) == status
        assert list(all_rejections(view)) == []
        assert all(find(ledger, name) == [] for name in asked)
        assert explain(view, "film-0").verdicts == ()
        gold = {name: answer.has_error for name, answer in answers.items()}
        report = review_report(view, "films", gold=gold)
        assert (report.progress.gold, report.progress.stale, report.progress.pushed) == (8, 0, 1)
        assert (report.progress.samples, report.progress.unreviewed) == (1, 1)
        assert (report.errors.sensitivity.value, report.errors.sensitivity.of) == (0.5, 4)
        assert (report.errors.specificity.value, report.errors.specificity.of) == (1.0, 4)
        assert {one.annotator: one.gold.value for one in report.annotators} == {"keen": 1.0, "lazy": 0.5}
        assert report.agreement.verdict_alpha.of == 0


def test_a_score_is_borrowed_where_others_have_one(place: Workspace) -> None:
    rules = ReviewConfig(gold=4)
    pool = [Candidate("a", {"grounding": 0.4, "support": 0.6}), Candidate("b", {"judge": 0.2}), Candidate("c")]
    with opened(place) as services:
        assert {one.score for one in gold_questions(place.root, services, rules, pool).values()} <= {0.6, 0.2, None}
        assert {one.score for one in gold_questions(place.root, services, rules, pool[:1]).values()} == {0.6}
        unscored = list(candidates(services.view))
        assert {one.score for one in gold_questions(place.root, services, rules, unscored).values()} == {None}


@pytest.mark.slow
def test_a_rate_that_misses_events_is_an_error(tmp_path: Path) -> None:
    place = with_key(make_workspace(tmp_path / "run", []))
    settings = config()
    place.save_config(config(frames=settings.frames.model_copy(update={"fps": 0.125})))
    with opened(place) as services, pytest.raises(ConfigError, match=r"review\.gold.*1 frame a second"):
        ask(place, services, 2)
    place.save_config(config(frames=settings.frames.model_copy(update={"max_frames": 20})))
    with opened(place) as services, pytest.raises(ConfigError, match=r"review\.gold.*too_long"):
        ask(place, services, 1)


CHOSEN = st.lists(
    st.tuples(st.text("abcdef0123456789", min_size=4, max_size=8), st.booleans(), st.sampled_from([1, 2])),
    max_size=30,
    unique_by=lambda one: one[0],
).map(lambda many: [Chosen(name, "gold" if gold else "random", people) for name, gold, people in many])


@given(CHOSEN)
def test_mixing_moves_the_gold_questions_only(chosen: list[Chosen]) -> None:
    after = mixed(chosen)
    assert sorted(after) == sorted(chosen)
    for people in (1, 2):
        plain = [one for one in chosen if one.overlap == people and one.stratum != "gold"]
        assert [one for one in after if one.overlap == people and one.stratum != "gold"] == plain
    gold, plain = ([one for one in chosen if (one.stratum == "gold") == asked] for asked in (True, False))
    for other in ([*gold, *plain], [*plain, *reversed(gold)]):
        assert [one for one in mixed(other) if one.overlap == 2] == [one for one in after if one.overlap == 2]


def test_gold_questions_lie_anywhere(place: Workspace) -> None:
    """Their place reveals nothing: their mean place among the other samples is the middle."""
    chosen = [Chosen(f"s{n}", "random", 2) for n in range(400)] + [Chosen(f"g{n}", "gold", 2) for n in range(200)]
    places = [n for n, one in enumerate(mixed(chosen)) if one.stratum == "gold"]
    assert 250 < np.mean(places) < 350 and min(places) < 30 and max(places) > 570
