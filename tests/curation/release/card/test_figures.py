"""The figures of a card: what is counted, and that they are those of the rows."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dataset.rows import row_of
from curation.release.card import figures
from curation.release.card.figures import Distribution, count_tokens, read_figures
from schemas.arrow import arrow_schema
from tests.curation.samples import SCORES, make_sample

numbers = st.lists(st.floats(0, 1e5, allow_nan=False), min_size=1, max_size=60)


@given(numbers, st.sampled_from([0.001, 0.1, 1.0]), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_a_distribution_says_what_numpy_says_of_all_values(values: list[float], step: float, chunk: int) -> None:
    made = Distribution(step)
    for start in range(0, len(values), chunk):
        made.add(np.array([*values[start : start + chunk], np.nan]))
    assert (made.count, made.least, made.most) == (len(values), min(values), max(values))
    assert made.mean == pytest.approx(np.mean(values), rel=1e-9)
    for share in (0.05, 0.5, 0.95):
        exact = np.quantile(values, share, method="inverted_cdf")
        assert made.quantile(share) == pytest.approx(exact, abs=step * 0.51 + 1e-6)


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 40), st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_bars_count_every_value_once(values: list[int], width: int, bars: int) -> None:
    made = Distribution()
    made.add(np.array(values, np.float64))
    edges = [width * place for place in range(bars + 1)]
    inside = [sum(low <= value < high for value in values) for low, high in pairwise(edges)]
    assert made.bars(0.0, width, bars) == inside
    assert made.above(edges[-1] - 1) == made.count - sum(inside)
    assert made.below(width) == inside[0]


def test_an_empty_distribution_has_no_values() -> None:
    made = Distribution()
    made.add(np.array([np.nan]))
    assert (made.count, made.mean, made.quantile(0.5), made.bars(0, 1, 2)) == (0, 0.0, 0.0, [0, 0])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("A kite, over 2 hills.", 7),
        ("don't", 3),
        ("[3.0]A man", 7),
        ("\u6f22\u5b57\u3067\u3059\u3002", 5),
        ("ok\u6f22\u5b57ok", 4),
        ("Gr\u00fc\u00dfe an \u041c\u043e\u0441\u043a\u0432\u0443!", 4),
    ],
)
def test_tokens_are_words_and_marks_and_single_characters_without_spaces(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


def test_the_figures_are_those_of_the_rows_whatever_the_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [
        make_sample(f"v{n}", frames=8 + n, keyframes=tuple(range(1 + n % 3)), scores=SCORES if n % 2 else None)
        for n in range(9)
    ]
    rows = [row_of(sample, "train", None) for sample in samples]
    (tmp_path / "full").mkdir()
    for number, part in enumerate((rows[:5], rows[5:])):
        table = pa.Table.from_pylist(part, schema=arrow_schema())
        pq.write_table(table, tmp_path / "full" / f"train-0000{number}-of-00002.parquet", row_group_size=2)
    monkeypatch.setattr(figures, "_BATCH_ROWS", 2)
    made = read_figures(tmp_path)
    assert made.duration.mean == pytest.approx(np.mean([row["meta"]["duration"] for row in rows]))
    assert (made.keyframes.count, made.keyframes.total) == (9, sum(len(row["keyframes"]) for row in rows))
    assert made.ratio.mean == pytest.approx(np.mean([row["ratio"] for row in rows]))
    frames = sum(row["meta"]["sampled_frames"] for row in rows)
    assert made.ratio_of_means == pytest.approx(made.keyframes.total / frames) != made.ratio.mean
    assert made.words.total == sum(len(row["summary"]["v2t"].split()) for row in rows)
    assert made.tokens.most == max(count_tokens(row["summary"]["v2t"]) for row in rows)
    assert {name: each.count for name, each in made.scores.items()} == {
        "grounding": 4, "coverage": 4, "unsupported": 4, "binding_match": 4,
    }  # fmt: skip
