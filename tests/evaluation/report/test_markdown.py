from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from evaluation.compare import compare
from evaluation.report.captions import caption
from evaluation.report.markdown import comparison_markdown, markdown
from evaluation.report.tables import exclusions_of, label, number, probability, problems_of, signed, tables_of
from evaluation.uncertainty.metric_intervals import summarize
from schemas.documents.evaluation import Problem, SystemValues, VideoValues
from schemas.safe_text import plain_line
from tests.evaluation.evaluations import HOSTILE, ROWS, evaluation, hostile_evaluation

PARSER = MarkdownIt("gfm-like", {"html": True, "linkify": False})


def cells(text: str) -> list[list[str]]:
    """The cells of every row of every table, as a parser of GitHub's dialect reads them."""
    rows = re.findall(r"<tr>(.*?)</tr>", PARSER.render(text), re.S)
    return [
        [html.unescape(re.sub("<[^>]*>", "", c)) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", r, re.S)]
        for r in rows
    ]


def test_a_row_shows_the_values_of_the_document() -> None:
    made = evaluation(20)
    rows = {row[0]: row for row in reversed(cells(markdown(made)))}  # the first table of each name
    metrics = {metric.name: metric for metric in made.systems[1].metrics}
    f1, tau = metrics["f1"], metrics["kendall_tau"]
    shown = rows[ROWS[1][0]]
    assert shown[1] == f"{f1.value:.3f} [{f1.low:.3f}, {f1.high:.3f}]"
    assert shown[4] == f"{tau.value:.3f} [{tau.low:.3f}, {tau.high:.3f}] n=20", "another system has 18 of the videos"
    assert rows["System"][1] == "F1 (fraction, n=20)" and rows["System"][4] == "Kendall τ (correlation)"
    assert {"random (floor)", "human leave-one-out (people)", "mean annotator (ceiling)"} <= rows.keys()


def test_bold_is_the_best_system_and_never_a_baseline() -> None:
    tables = tables_of(evaluation(20))
    for table in tables:
        for i in range(len(table.headers)):
            column = [row.cells[i] for row in table.systems]
            values = [float(cell.value) for cell in column if cell.value != "–"]
            alike = "τ" not in table.headers[i][0] and "ρ" not in table.headers[i][0]
            assert [cell.best for cell in column] == [
                alike and cell.value != "–" and float(cell.value) == max(values) for cell in column
            ]
        assert not any(cell.best for row in table.baselines for cell in row.cells)
    assert [table.title for table in tables] == ["Frames", "Text", "Frames and text"]
    alone = tables_of(evaluation(6, rows=(ROWS[0], ROWS[3])))
    assert not any(cell.best for table in alone for row in table.systems for cell in row.cells), (
        "of one there is no best"
    )


def test_nothing_is_bold_over_different_sets_of_videos() -> None:
    def row(name: str, *values: float | None, runs: int = 1) -> SystemValues:
        videos = tuple(VideoValues(id=f"v{i}", values={"f1": value}) for i, value in enumerate(values))
        partly = (*videos[:-1], videos[-1].model_copy(update={"values": {"f1": None}}))
        made = summarize({"f1": "fraction"}, [videos, partly][:runs], 0)
        return SystemValues(name=name, kind="system", metrics=made, videos=videos, runs=runs)

    def best(*systems: SystemValues) -> list[str]:
        made = evaluation(4).model_copy(update={"systems": systems})
        [table] = tables_of(made)
        found = [row.name for row in table.systems if row.cells[0].best]
        values = [system for system in systems if system.metrics[0].value is not None]
        assert ("Not ranked" in caption(made)) == (len(values) > 1 and not found)
        return found

    alike, higher = row("a", 0.1, 0.2, 0.3), row("b", 0.4, 0.5, 0.6)
    assert best(alike, higher) == ["b"]
    assert best(alike, higher, row("text only", None, None, None)) == ["b"], "a dash takes no part"
    assert best(alike, row("fewer", None, 0.5, 0.6)) == []
    assert best(row("first", 0.1, 0.2, None), row("last", None, 0.5, 0.6)) == [], "as many videos, but others"
    assert best(alike, row("in some runs", 0.4, 0.5, 0.6, runs=2)) == []
    assert best(alike) == best(alike, row("text only", None, None, None)) == [], "of one there is no best"


def test_the_caption_and_the_lists_say_what_was_excluded() -> None:
    made = evaluation(20)
    said = caption(made)
    for part in (
        "Protocol videoxum on demo world, test split, 20 videos",
        "counted as worst: 1; left out: 1",
        "constant scores (up to 2 a metric)",
        "METEOR, Java is missing",
        "one vector a sentence",
        "BCa",
    ):
        assert part in said
    assert {(one.metric, one.reason, one.videos) for one in exclusions_of(made)} == {
        ("Kendall τ", "constant scores", 2),
        ("Spearman ρ", "constant scores", 2),
    }
    text = markdown(made)
    assert ["video-003", "unparsable", "no sentence with times was found", "as worst"] in cells(text)
    mixed = made.problems + tuple(
        Problem(id=f"v{i}", reason="x", detail="x", counted=counted)
        for i, counted in enumerate(("left_out", "as_read", "worst"))  # type: ignore[arg-type]
    )
    ordered = problems_of(made.model_copy(update={"problems": mixed}))
    assert [p.counted for p in ordered] == ["worst", "worst", "as_read", "left_out", "left_out"]
    assert ["references_sha256", "ab" * 32] in cells(text) and ["seed", "0"] in cells(text)
    assert caption(made).count("METEOR, Java is missing") == 1, "once for all rows"
    without = caption(evaluation(4, rows=ROWS[3:]))
    assert "METEOR, Java is missing" in without and "No value is undefined" not in without


def test_what_was_read_in_part_is_told() -> None:
    made = evaluation(6)
    part = Problem(id="video-001", reason="stray_times", detail="two of 9 lists were unreadable", counted="as_read")
    made = made.model_copy(update={"problems": (*made.problems, part)})
    assert "counted as worst: 1; left out: 1; read in part: 1." in caption(made)
    assert ["video-001", "stray_times", part.detail, "as far as read"] in cells(markdown(made))


def test_hostile_text_is_inert() -> None:
    text = markdown(hostile_evaluation())
    rendered = PARSER.render(text)
    assert "<script" not in rendered and "<a " not in rendered and "\u202e" not in text and "\x00" not in text
    kept = plain_line(HOSTILE.encode("utf-8", "replace").decode())
    assert [kept, kept, kept, "as worst"] in cells(text)
    assert [f"choices: {kept}", kept] in cells(text)
    widths = {len(row) for row in cells(text)}
    assert widths <= {2, 3, 4, 6}, "no text made a column"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_name_of_a_system_is_one_cell(name: str) -> None:
    base = CACHED.model_copy(update={"systems": (CACHED.systems[0].model_copy(update={"name": name}),)})
    row = cells(markdown(base))[1]
    assert len(row) == 6 and row[0] == plain_line(name)


CACHED = evaluation(4, rows=ROWS[:1])


def test_a_comparison_as_a_table() -> None:
    both = evaluation(20)
    made = compare(both, both, first_system=ROWS[0][0], second_system=ROWS[1][0])
    text = comparison_markdown(made)
    row = next(row for row in cells(text) if row[0] == "F1")
    one = made.metrics[0]
    assert row[1:4] == [f"{one.first:.3f}", f"{one.second:.3f}", f"{one.difference:+.3f}"]
    assert row[7] == f"{one.wins} / {one.ties} / {one.losses}" and row[8] == "20"
    assert "Holm" in text and "not adjusted" in text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (number(None), "–"),
        (number(-0.0001), "0.000"),
        (number(-0.25), "-0.250"),
        (signed(0.25), "+0.250"),
        (signed(-0.25), "-0.250"),
        (signed(None), "–"),
        (probability(0.0001), "<0.001"),
        (probability(1.0), "1.000"),
        (probability(None), "–"),
        (label("kendall_tau"), "Kendall τ"),
        (label("something\nelse"), "something else"),
    ],
)
def test_how_numbers_are_written(shown: str, expected: str) -> None:
    assert shown == expected
