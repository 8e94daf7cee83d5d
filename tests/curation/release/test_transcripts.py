"""A release with transcripts: `full` says what is said, and its documents describe the column."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.dataset.check import check_export
from curation.ledger.samples import sample
from schemas.arrow import arrow_schema
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.release.releases import release
from tests.curation.samples import make_sample

pytestmark = pytest.mark.slow
SAID = Transcript(source="manual", segments=(SpokenSegment(start=Seconds(1), end=Seconds(2), text="<b>Now</b>"),))


def test_a_release_has_the_column_of_what_is_said(tmp_path: Path) -> None:
    stated = ("export.title=Films", "export.licence=cc-by-4.0", "download.subtitles=[en]", "transcribe.mode=publisher")
    made = [make_sample(f"v{number}").model_copy(update={"transcript": SAID}) for number in range(3)]
    with finished(tmp_path / "w", made, *stated) as (place, services):
        assert sample(services.ledger, "v0").transcript == SAID
        manifest = release(place, services)
        folder = place.root / "releases" / "0.1.0"
        assert check_export(folder).problems == []
        shard = next((folder / "full").glob("*.parquet"))
        assert pq.read_schema(shard).equals(arrow_schema(transcripts=True))
        assert pq.read_table(shard)["transcript"][0].as_py() == SAID.model_dump(mode="json")
        assert "transcribe" in {state.name for state in manifest.stages}
        croissant = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
        fields = {f["@id"] for one in croissant["recordSet"] if one["@id"] == "full" for f in one["field"]}
        assert "full/transcript" in fields
