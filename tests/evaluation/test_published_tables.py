from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.metrics.crossmodal import UNITS
from evaluation.metrics.text import METRICS as OF_TEXTS
from evaluation.protocols import METRICS as OF_FRAMES
from evaluation.published_tables import read_published_tables
from schemas.errors import ConfigError

TABLES = read_published_tables()


def test_every_paper_has_its_tables():
    assert list(TABLES) == ["enhanced_vtsum", "llmvs", "v2xum", "vtsum"]


@pytest.mark.parametrize(
    ("paper", "table", "system", "metric", "value"),
    [
        ("v2xum", 0, "V2Xum-LLaMA-7B", "f1", 0.29),
        ("v2xum", 0, "Human", "kendall_tau", 0.336),
        ("v2xum", 3, "V2Xum-LLaMA-7B", "cross_f_clip", 0.231),
        ("v2xum", 4, "without pretrained adapter", "f1", 0.037),
        ("vtsum", 0, "TT+CA+LA", "vt_clipscore", 0.296),
        ("llmvs", 1, "LLM (zero-shot)", "kendall_tau", 0.051),
    ],
)
def test_values_are_the_printed_ones_in_their_own_unit(
    paper: str, table: int, system: str, metric: str, value: float
) -> None:
    assert TABLES[paper].tables[table].values()[system][metric] == pytest.approx(value)


def test_metrics_have_the_names_of_ours():
    ours = {*UNITS, *OF_TEXTS, *(metric.name for metric in OF_FRAMES)}
    for paper in TABLES.values():
        for table in paper.tables:
            assert set(table.metrics()) <= ours
            assert set(table.percent) <= set(table.metrics())


def test_a_value_that_is_a_fraction_lies_in_its_range():
    correlations = {"kendall_tau", "spearman_rho"}
    for paper in TABLES.values():
        for table in paper.tables:
            for metrics in table.values().values():
                for name, value in metrics.items():
                    assert (-1 if name in correlations else 0) <= value <= 1, (table.title, name)


def test_a_file_of_another_form_is_named(tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("system: mine\nrows: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"mine\.yaml"):
        read_published_tables(tmp_path)


def test_an_empty_folder_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=str(tmp_path)):
        read_published_tables(tmp_path)
