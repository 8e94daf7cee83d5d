from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from evaluation.compare import compare, read_evaluation
from evaluation.uncertainty.metric_intervals import CorpusMetrics, summarize
from schemas.documents.evaluation import Evaluation, SystemValues, VideoValues
from schemas.errors import ConfigError
from tests.evaluation.evaluations import ROWS, UNITS, evaluation, provenance

CORPUS: CorpusMetrics = {"bleu": lambda sums: sums[..., 0] / sums[..., 1]}
FIRST, SECOND = ROWS[0][0], ROWS[1][0]


def of(values: list[float | None], name: str = "a", **more: Any) -> Evaluation:
    videos = tuple(VideoValues(id=str(i), values={"f1": value}) for i, value in enumerate(values))
    made = SystemValues(name=name, kind="system", metrics=summarize({"f1": "fraction"}, [videos], 0), videos=videos)
    return Evaluation(provenance=provenance(**more), systems=(made,), counts={})


def test_the_difference_and_p_are_scipys() -> None:
    both = evaluation(10)
    found = compare(both, both, first_system=FIRST, second_system=SECOND)
    by_name = {one.name: one for one in found.metrics}
    for name in UNITS:
        pairs = [
            (a.values[name], b.values[name])
            for a, b in zip(both.systems[0].videos, both.systems[1].videos, strict=True)
            if a.values[name] is not None
        ]
        first, second = np.array(pairs, float).T
        theirs = stats.permutation_test(
            (first, second), lambda a, b, axis: (b - a).mean(axis), permutation_type="samples", vectorized=True
        )
        one = by_name[name]
        assert one.difference == pytest.approx((second - first).mean(), abs=1e-12)
        assert (one.first, one.second) == pytest.approx((first.mean(), second.mean()))
        assert one.exact and one.p == pytest.approx(theirs.pvalue, abs=1e-12)
        assert one.low is not None and one.high is not None and one.low <= one.difference <= one.high
        assert (one.wins, one.losses) == (int((second > first).sum()), int((second < first).sum()))
        assert one.wins + one.ties + one.losses == one.videos == len(pairs) and one.undefined == 10 - len(pairs)
    meteor = by_name["METEOR"]
    assert meteor.difference is meteor.p is meteor.p_holm is None and meteor.reason == "Java is missing"
    assert "Holm over 7 metrics" in found.test


def test_holms_correction_is_applied_over_the_metrics() -> None:
    both = evaluation(8)
    found = [
        one for one in compare(both, both, first_system=FIRST, second_system=ROWS[2][0]).metrics if one.p is not None
    ]
    ordered = sorted(found, key=lambda one: one.p or 0)
    expected = np.maximum.accumulate([min(1.0, (len(ordered) - i) * (one.p or 0)) for i, one in enumerate(ordered)])
    assert [one.p_holm for one in ordered] == pytest.approx(expected.tolist())


def test_a_choice_that_older_results_do_not_state_has_its_older_value() -> None:
    before, after = of([0.1, 0.5, 0.9], choices={}), of([0.1, 0.5, 0.9], choices={"unanswered": "worst"})
    with pytest.raises(ConfigError, match="choice unanswered: left_out and worst"):
        compare(before, after)
    older, unit, raw = (of([0.1, 0.5, 0.9], choices=c) for c in ({}, *({"clip_vt_frames": k} for k in ("unit", "raw"))))
    assert compare(older, unit).metrics and compare(unit, older).metrics
    for pair in ((older, raw), (raw, older)):
        with pytest.raises(ConfigError, match="choice clip_vt_frames"):
            compare(*pair)


def test_a_unit_of_another_program_is_a_reason_and_no_traceback() -> None:
    made = of([0.1, 0.5, 0.9])
    (row,) = made.systems
    odd = row.model_copy(update={"metrics": tuple(m.model_copy(update={"unit": "points"}) for m in row.metrics)})
    (one,) = compare(*[made.model_copy(update={"systems": (odd,)})] * 2).metrics
    assert one.difference is None and one.reason == "its unit points is not known"


def test_a_system_against_itself() -> None:
    same = of([0.1, 0.5, 0.9, None])
    (one,) = compare(same, same).metrics
    assert one.difference == one.low == one.high == 0 and one.p == 1 and (one.wins, one.ties, one.losses) == (0, 3, 0)
    assert one.undefined == 1 and one.videos == 3


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"protocol": "tvsum/per-annotator"}, "protocol: videoxum and tvsum/per-annotator"),
        (
            {"choices": {"share": 0.2, "overlap_over": "mean", "annotators": 5, "clip_clamp": False}},
            "choice share: 0.15 and 0.2",
        ),
        ({"choices": {}}, "choice annotators: 5 and not stated"),
        (
            {"choices": {"share": 0.15, "overlap_over": "mean", "annotators": 5, "clip_clamp": 0}},
            "clip_clamp: False and 0",
        ),
        ({"references_sha256": "0" * 64}, "references_sha256: abab"),
        ({"splits": None}, "splits: test and None"),
        ({"clip": "ViT-B-32"}, "clip: .* and ViT-B-32"),
        ({"text_unit": "text"}, "text_unit: sentence and text"),
        ({"text_scorers": "pycocoevalcap 1.2"}, "text_scorers: None and pycocoevalcap 1.2"),
    ],
)
def test_what_was_not_measured_alike_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        compare(of([0.1, 0.2]), of([0.1, 0.2], **change))


def test_other_predictions_software_and_seeds_are_no_hindrance() -> None:
    found = compare(of([0.1, 0.2]), of([0.3, 0.3], "b", predictions={"b": "x"}, seed=4, software={}))
    assert found.metrics[0].difference == pytest.approx(0.15) and (found.first, found.second) == ("a", "b")


def test_only_common_videos_count_and_the_others_are_told() -> None:
    longer = of([0.1, 0.2, 0.3])
    found = compare(longer, of([0.1, 0.4], "b"))
    assert (found.videos, found.only_first, found.only_second) == (2, 1, 0)
    assert found.metrics[0].first == pytest.approx(0.15), "over the common videos, not over its own"
    other = longer.model_copy(
        update={
            "systems": (longer.systems[0].model_copy(update={"videos": (VideoValues(id="z", values={"f1": 0.1}),)}),)
        }
    )
    with pytest.raises(ConfigError, match="no video in common"):
        compare(longer, other)


def test_a_system_is_named_where_there_are_several() -> None:
    both = evaluation(5)
    with pytest.raises(ConfigError, match=r"does not have exactly one system; name one of: V2Xum-LLaMA-7B, Ours"):
        compare(both, both)
    with pytest.raises(ConfigError, match="does not have exactly one row nobody"):
        compare(both, both, first_system="nobody")
    assert (
        compare(both, both, first_system="human leave-one-out", second_system=FIRST).first == "human leave-one-out"
    ), "a baseline may be compared"


def test_a_video_twice_is_refused() -> None:
    one = of([0.1])
    twice = one.model_copy(
        update={"systems": (one.systems[0].model_copy(update={"videos": one.systems[0].videos * 2}),)}
    )
    with pytest.raises(ConfigError, match="a video twice"):
        compare(twice, one)


def test_a_corpus_metric_needs_its_function() -> None:
    def make(name: str, rows: list[tuple[float, float] | None]) -> Evaluation:
        videos = tuple(
            VideoValues(id=str(i), values={"bleu": 0.5 if row else None}, sums={"bleu": row} if row else {})
            for i, row in enumerate(rows)
        )
        metrics = summarize({"bleu": "fraction"}, [videos], 0, corpus={"bleu": lambda s: s[..., 0] / s[..., 1]})
        made = SystemValues(name=name, kind="system", metrics=metrics, videos=videos)
        return Evaluation(provenance=provenance(), systems=(made,), counts={})

    first, second = make("a", [(1, 4), (2, 4), (1, 2), None]), make("b", [(3, 4), (2, 4), (0, 2), (1, 1)])
    (alone,) = compare(first, second).metrics
    assert alone.difference is None and "no mean over videos" in (alone.reason or "")
    (one,) = compare(first, second, corpus={"bleu": lambda s: s[..., 0] / s[..., 1]}).metrics
    assert (one.first, one.second, one.difference) == pytest.approx((4 / 10, 5 / 10, 1 / 10))
    assert (one.wins, one.ties, one.losses, one.videos, one.undefined) == (1, 1, 1, 3, 1)


def test_all_runs_of_a_system_are_compared() -> None:
    def runs(name: str, *tables: list[tuple[float, tuple[float, float]]]) -> Evaluation:
        made = [
            tuple(
                VideoValues(id=str(i), values={"f1": value, "bleu": 0.5}, sums={"bleu": sums})
                for i, (value, sums) in enumerate(table)
            )
            for table in tables
        ]
        metrics = summarize({"f1": "fraction", "bleu": "fraction"}, made, 0, corpus=CORPUS)
        row = SystemValues(
            name=name, kind="system", metrics=metrics, videos=made[0], more_runs=tuple(made[1:]), runs=len(made)
        )
        return Evaluation(provenance=provenance(), systems=(row,), counts={})

    one = runs("a", [(0.1, (1, 4)), (0.4, (2, 4)), (0.2, (1, 2))])
    two = runs("b", [(0.1, (1, 4)), (0.5, (2, 4)), (0.2, (1, 2))], [(0.5, (3, 4)), (0.7, (4, 4)), (0.1, (0, 2))])
    found = compare(one, two, corpus=CORPUS)
    f1, bleu = found.metrics
    assert two.systems[0].metrics[0].value == pytest.approx(0.35)
    assert (f1.first, f1.second, f1.difference) == pytest.approx((0.7 / 3, 0.35, 0.35 - 0.7 / 3))
    assert (f1.wins, f1.ties, f1.losses) == (2, 0, 1)
    assert (bleu.first, bleu.second) == pytest.approx((0.4, (0.4 + 0.7) / 2)), "as in the table"
    assert "means over 1 and 2 runs" in found.test
    row = two.systems[0]
    for change, message in (
        ({"more_runs": ()}, "videos of 1 of 2 runs; evaluate it again"),
        ({"more_runs": (row.more_runs[0][:2],)}, "the runs of b have different videos"),
    ):
        with pytest.raises(ConfigError, match=message):
            compare(one, two.model_copy(update={"systems": (row.model_copy(update=change),)}), corpus=CORPUS)


def test_a_document_is_read_back_and_anything_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    made = evaluation(5)
    path.write_text(made.model_dump_json())
    assert read_evaluation(path) == made
    for text in ("", "[]", '{"version": 2}', made.model_dump_json().replace('"videoxum"', "NaN"), "\x00", "9" * 99):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"a\.json is not an evaluation"):
            read_evaluation(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(ConfigError, match=r"a\.json"):
        read_evaluation(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_evaluation(tmp_path / "gone.json")
