"""References from an export of several annotators: their choices, and what the protocols make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.dataset.write import export
from evaluation.baselines import leave_one_out
from evaluation.protocols import get
from evaluation.readers.any import read_references
from evaluation.readers.release import read_release, release_shards
from evaluation.request import EvaluateRequest, evaluate_here
from schemas.arrow import Columns
from schemas.configuration.config import ExportConfig, SplitConfig
from schemas.records import Choice, Sample
from schemas.saliency import saliency
from tests.curation.samples import make_sample, read_picture

CHOICES = (
    Choice(keyframes=(0, 3, 9)),
    Choice(fault="extract_failed"),
    Choice(keyframes=(0, 4)),
    Choice(keyframes=(3,)),
)


def sample(name: str) -> Sample:
    made = make_sample(name)
    return made.model_copy(update={"extract": made.extract.model_copy(update={"choices": CHOICES})})


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("several") / "export"
    config = ExportConfig(splits=SplitConfig(train=1, validation=0, test=0))
    export(
        iter([sample("a"), sample("b")]), read_picture, config, out, name="several", columns=Columns(annotators=True)
    )
    return out


def test_the_annotators_are_references_where_a_protocol_asks_for_several(release: Path) -> None:
    for item in read_references(release, annotators=True).items:
        assert item.selections is not None and item.selections.shape == (3, 12)
        assert item.selections.mean(axis=0).tolist() == pytest.approx(saliency(CHOICES, 12))
    for item in read_references(release).items:
        assert item.selections is not None and item.selections.tolist() == [[i in (0, 3, 9) for i in range(12)]]
    assert get("videoxum+max-f1").several_annotators and not get("instruct-v2xum").several_annotators


def test_saliency_is_the_target_of_rank_correlations(release: Path, tmp_path: Path) -> None:
    scores = [round(float(share), 6) for share in saliency(CHOICES, 12)]
    lines = "".join(f'{{"id": "{name}", "scores": {scores}}}\n' for name in "ab")
    (tmp_path / "same.jsonl").write_text(lines)
    request = EvaluateRequest(
        predictions=(str(tmp_path / "same.jsonl"),),
        references=(release,),
        protocol="videoxum",
        out=tmp_path / "out",
        text=False,
    )
    found = evaluate_here(request)[0].evaluation
    rows = {row.name: {one.name: one for one in row.metrics} for row in found.systems}
    assert rows["same"]["kendall_tau"].value == pytest.approx(1.0)
    human = rows["models leave-one-out"]["kendall_tau"].value
    assert human is not None and 0 < human < 1, "each annotator against the others"
    assert "who are models" in found.provenance.references
    people = leave_one_out(get("videoxum"), read_references(release, annotators=True).items)
    assert np.mean([v.values["kendall_tau"] for v in people.videos]) == pytest.approx(human)


@pytest.mark.parametrize("wrong", [[12], [-1], None])
def test_choices_of_frames_that_are_not_there_are_a_problem(
    release: Path, tmp_path: Path, wrong: Sequence[int] | None
) -> None:
    (shard,) = release_shards(release)
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[0]["choices"] = [] if wrong is None else [{"keyframes": list(wrong), "fault": None}]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), tmp_path / "wrong.parquet")
    found = read_release(tmp_path / "wrong.parquet", annotators=True)
    assert [item.id for item in found.items] == ["b"] and [p.reason for p in found.problems] == ["wrong_length"]
