from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from evaluation.cases import Case, FullLength, Prediction, Reference
from evaluation.compare import compare
from evaluation.metrics.selection import uniform_shots
from evaluation.protocols import get
from evaluation.report.curves import CURVE_LEFT, CURVE_RIGHT, Curve, curve, spreads
from evaluation.report.page import render_page
from evaluation.report.summaries import shown_summary
from evaluation.uncertainty.metric_intervals import summarize
from schemas.documents.evaluation import SystemValues, VideoValues
from schemas.errors import ConfigError
from schemas.safe_text import plain_line
from tests.evaluation.evaluations import HOSTILE, ROWS, evaluation, hostile_evaluation, predict, references

VOID = {"meta", "img", "br", "rect", "line", "circle", "polygon", "polyline", "link", "input", "hr", "base"}


class Page(HTMLParser):
    """A page as a browser reads it: tags with attributes, and texts; every tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.texts).split())


def cases(videos: int, noise: float = 0.6) -> list[Case]:
    made = evaluation(videos)
    by_id = {video.id: video for video in made.systems[0].videos}
    return [Case(one, predict(one, noise, 1), by_id[one.id]) for one in references(videos)]


def test_the_page_shows_the_values_of_the_document_with_intervals_and_baselines() -> None:
    made = evaluation(20)
    page = Page(render_page(made))
    assert not page.open
    for row in made.systems:
        assert row.name in page.said
        for metric in row.metrics:
            if metric.value is not None and metric.low is not None:
                shown = f"{metric.value:.3f} [{metric.low:.3f}, {metric.high:.3f}]"
                assert shown.replace("-0.000", "0.000").replace("-", "\u2212") in page.said
    for part in (
        "floor",
        "people",
        "ceiling",
        "uniform scores, mean of 100 draws",
        "constant scores",
        "no sentence with times was found",
    ):
        assert part in page.said
    provenance = made.provenance
    for value in (provenance.references_sha256, *provenance.predictions.values(), provenance.clip, provenance.interval):
        assert value and value in page.said


def test_nothing_is_asked_of_a_network_and_no_script_runs() -> None:
    both = evaluation(8)
    compared = compare(both, both, first_system=ROWS[0][0], second_system=ROWS[1][0])
    text = render_page(both, cases(8), comparisons=[compared])
    page = Page(text)
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy")
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style and "@import" not in style
    for tag, attrs in page.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed", "base", "form"}
        assert not any(name.startswith("on") or name == "style" for name in attrs), "the policy would refuse both"
        assert (attrs.get("href") or "#").startswith("#")
        assert (attrs.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
    anchors = {attrs["href"] for _, attrs in page.tags if "href" in attrs}
    assert anchors <= {f"#{attrs['id']}" for _, attrs in page.tags if "id" in attrs}


def test_hostile_text_is_shown_as_text() -> None:
    made = hostile_evaluation()
    text = HOSTILE.encode("utf-8", "replace").decode()
    truth = replace(references(6)[0], id=text, title=text, texts=(text,))
    guess = Prediction(text, selected=np.ones(truth.frames, bool), text=HOSTILE, scores=np.zeros(truth.frames))
    values = VideoValues(id=text, values={text: 0.5}, undefined={text: text}, failure=text)
    page = Page(render_page(made, [Case(truth, guess, values)], system=text))
    assert not page.open and not any(tag == "script" for tag, _ in page.tags)
    raw = render_page(made, [Case(truth, guess, values)], system=text)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00]", raw) and raw.encode("utf-8")
    kept = plain_line(text)
    assert page.said.count(kept[:60]) >= 10 and kept in page.said


@given(st.text(st.characters(exclude_categories=[]), max_size=80))
@settings(max_examples=20)
def test_any_title_leaves_the_page_whole(text: str) -> None:
    truth = Reference("v", 3, title=text, texts=(text,))
    page = Page(render_page(SMALL, [Case(truth, Prediction("v", text=text), VideoValues(id="v", values={}))]))
    assert not page.open and [tag for tag, _ in page.tags].count("article") == 1


SMALL = evaluation(3, rows=ROWS[:1])


def order(page: str) -> list[str]:
    articles = page.split('<article class="case">')[1:]
    return [found[0] for part in articles if (found := re.findall(r"video-\d{3}", part))]


@pytest.mark.slow
def test_failures_and_the_lowest_come_first_and_the_highest_after_them() -> None:
    made = cases(12)
    text = render_page(evaluation(12), made, by="f1", worst=4, best=3)
    ranked = sorted((c for c in made if not c.values.failure), key=lambda c: c.values.values["f1"] or 0)
    expected = ["video-003", *(c.values.id for c in ranked[:3]), *(c.values.id for c in ranked[::-1][:3])]
    assert order(text) == expected
    assert "the output could not be parsed" in Page(text).said
    assert len(order(render_page(evaluation(12), made[:2]))) == 2, "none is shown twice"
    with pytest.raises(ConfigError, match="no case has the metric 'nothing'"):
        render_page(evaluation(12), made, by="nothing")


def test_keyframes_are_small_pictures_and_what_is_missing_says_so() -> None:
    [case] = [one for one in cases(6) if one.reference.id == "video-000"]
    text = render_page(evaluation(6), [case])
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    assert pictures and "no picture" in text
    for picture in pictures:
        with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
            assert max(image.size) <= 128
    broken = replace(case.reference, pictures=dict.fromkeys(case.reference.pictures, b"\xff\xd8 no picture"))
    assert "data:image/jpeg" not in render_page(evaluation(6), [case._replace(reference=broken)])


def drawn(truth: Reference, guess: Prediction, protocol: str = "videoxum") -> Curve | None:
    case = Case(truth, guess, VideoValues(id=truth.id, values={}))
    return curve(truth, guess, shown_summary(get(protocol), case))


flags = st.lists(st.booleans(), min_size=1, max_size=30)


@given(flags)
def test_chosen_frames_are_drawn_where_they_are(chosen: list[bool]) -> None:
    found = drawn(Reference("v", len(chosen)), Prediction("v", selected=np.array(chosen)))
    assert found is not None
    width = (CURVE_RIGHT - CURVE_LEFT) / len(chosen)
    for i, on in enumerate(chosen):
        middle = CURVE_LEFT + (i + 0.5) * width
        assert any(span.x <= middle <= span.x + span.width for span in found.chosen) == on
    assert found.predicted == "" and found.annotators == "" and all(span.share == 1 for span in found.chosen)


def test_curves_of_annotators_and_prediction_lie_within_the_plot() -> None:
    truth = references(6)[0]
    found = drawn(truth, predict(truth, 0.3, 1))
    assert found is not None
    for points in (found.annotators, found.band, found.predicted):
        pairs = [tuple(map(float, pair.split(","))) for pair in points.split()]
        assert pairs and all(found.left <= x <= found.right and 0 <= y <= found.bottom for x, y in pairs)
    assert len(found.annotators.split()) == truth.frames
    assert {round(span.share * 5) for span in found.chosen_by_annotators} <= set(range(1, 6))
    assert f"chose {int(0.15 * truth.frames)} frames" in found.description


@pytest.mark.parametrize(
    "scores", [np.zeros(1), np.zeros(40), np.full(40, np.nan), np.array([1e308, -1e308] * 20), np.arange(50_000.0)]
)
def test_odd_scores_are_drawn_or_left_out(scores: np.ndarray) -> None:
    truth = Reference("v", len(scores), scores=np.zeros((2, len(scores))))
    found = drawn(truth, Prediction("v", scores=scores))
    assert found is not None and "nan" not in found.predicted and len(found.predicted) < 20_000


def test_the_summary_made_of_scores_is_drawn() -> None:
    """The page drew an empty strip for systems that give scores, and said that they chose 0 frames."""
    truth = references(6)[0]
    scored = Prediction(truth.id, scores=predict(truth, 0.3, 1).scores)
    found = drawn(truth, scored)
    budget = int(0.15 * truth.frames)
    assert found is not None and f"its summary has {budget} of {truth.frames} frames" in found.description
    assert scored.scores is not None
    width = (CURVE_RIGHT - CURVE_LEFT) / truth.frames
    for frame in range(truth.frames):
        middle = CURVE_LEFT + (frame + 0.5) * width
        wanted = bool(frame in np.argsort(-scored.scores, kind="stable")[:budget])
        assert any(span.x <= middle <= span.x + span.width for span in found.chosen) == wanted
    [case] = [one for one in cases(6) if one.reference.id == truth.id]
    page = render_page(evaluation(6), [case._replace(prediction=scored)])
    assert "the 15 % of the frames with the highest scores" in Page(page).said
    without = render_page(evaluation(6), [case._replace(prediction=Prediction(truth.id))])
    assert page.count("<figcaption>") > without.count("<figcaption>"), "its keyframes are shown"


def test_a_summary_of_shots_is_drawn_on_all_frames_and_a_failure_without_any() -> None:
    frames, picks = 300, np.arange(0, 300, 15)
    people = np.zeros((2, frames), bool)
    people[:, 100:140] = True
    full = FullLength(frames, picks, uniform_shots(frames, 20), people)
    truth = Reference("v", picks.size, selections=people[:, picks], full=full)
    scores = np.zeros(picks.size)
    scores[7:9] = 1  # frames 105 to 134: of the whole shots 100..119 and 120..139, the budget of 45 holds both
    found = drawn(truth, Prediction("v", scores=scores), "summe/per-annotator")
    assert found is not None and "its summary has 40 of 300 frames" in found.description
    assert found.chosen == found.chosen_by_annotators, "both are the shots from 100 to 139"
    failed = drawn(truth, Prediction("v", failure="no reply"), "summe/per-annotator")
    assert failed is not None and failed.chosen == () and "the prediction failed" in failed.description
    bare = replace(truth, full=replace(full, shots=np.zeros((0, 2), np.int64)))
    without = drawn(bare, Prediction("v", scores=scores), "summe/per-annotator")
    assert without is not None and "the reference has no shots" in without.description
    long = Reference("v", 600, selections=np.eye(600, dtype=bool)[:1])
    limited = drawn(long, Prediction("v", scores=np.ones(600)), "videoxum-upstream")
    assert limited is not None and "512 of 600 frames" in limited.description


def test_a_case_says_why_a_value_is_the_worst() -> None:
    case = cases(6)[0]
    named = case.values.model_copy(update={"failure": None, "as_worst": {"f1": "no frame is chosen"}})
    assert "(no frame is chosen)" in Page(render_page(evaluation(6), [case._replace(values=named)])).said


def test_nothing_to_draw_is_no_plot() -> None:
    assert drawn(Reference("v", 0), Prediction("v")) is None and drawn(Reference("v", 9), Prediction("v")) is None


def test_a_spread_counts_every_video_and_marks_the_mean() -> None:
    made = evaluation(20)
    plots = spreads(made.systems)
    assert [plot.title for plot in plots] == ["F1", "Precision", "Recall", "Kendall τ", "Spearman ρ", "F_CLIP", "CIDEr"]
    first = plots[0]
    assert [ridge.kind for ridge in first.ridges] == [row.kind for row in made.systems]
    for ridge, row in zip(first.ridges, made.systems, strict=True):
        f1 = row.metrics[0]
        assert (
            f"{row.name}, 20 videos: mean {f1.value:.3f}, 95 % interval {f1.low:.3f} to {f1.high:.3f}"
            in ridge.description
        )
        assert ridge.low is not None and ridge.high is not None and ridge.low <= ridge.mean <= ridge.high
    tau = plots[3]
    assert "18 videos" in tau.ridges[0].description, "two are undefined"
    assert (tau.x_ticks[0].text, tau.x_ticks[-1].text) == ("\u22121", "1")


@pytest.mark.parametrize("values", [(1.0, np.nextafter(1.0, 0)), (1.0, 1.0), (0.0, 5e-324), (1e9, 1e9 + 1e-6)])
def test_values_that_rounding_alone_tells_apart_are_drawn(values: tuple[float, float]) -> None:
    """A histogram over so narrow a range has more bins than there are numbers: all output of the command was lost."""
    videos = tuple(VideoValues(id=f"v{i}", values={"f1": float(value)}) for i, value in enumerate(values))
    row = SystemValues(name="s", kind="system", metrics=summarize({"f1": "fraction"}, [videos], 0), videos=videos)
    [plot] = spreads([row])
    [ridge] = plot.ridges
    assert len(plot.x_ticks) >= 2 and plot.x_ticks[0].at < ridge.mean < plot.x_ticks[-1].at
    assert ridge.low is not None and ridge.high is not None and ridge.low <= ridge.mean <= ridge.high


def test_a_page_without_videos_or_metrics_can_be_made() -> None:
    empty = evaluation(3, rows=ROWS[:1]).model_copy(update={"systems": (), "problems": (), "counts": {}})
    page = Page(render_page(empty))
    assert not page.open and "Every prediction was scored" in page.said
