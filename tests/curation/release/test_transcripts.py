"""A release with transcripts: `full` says what is said, and its documents describe the column."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.dataset.check import check_export
from curation.ledger.samples import sample
from curation.release.diff.compare import compare_folders
from curation.review.verdict_store import Reviews
from schemas.arrow import Columns, arrow_schema
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.review import CorrectedLine
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.people import verdict
from tests.curation.release.releases import release
from tests.curation.samples import make_sample

pytestmark = pytest.mark.slow
SAID = Transcript(source="manual", segments=(SpokenSegment(start=Seconds(1), end=Seconds(2), text="<b>Now</b>"),))


STATED = ("export.title=Films", "export.licence=cc-by-4.0", "download.subtitles=[en]", "transcribe.mode=publisher")
MADE = [make_sample(f"v{number}").model_copy(update={"transcript": SAID}) for number in range(3)]


def test_a_release_has_the_column_of_what_is_said(tmp_path: Path) -> None:
    with finished(tmp_path / "w", MADE, *STATED) as (place, services):
        assert sample(services.ledger, "v0").transcript == SAID
        manifest = release(place, services)
        folder = place.root / "releases" / "0.1.0"
        assert check_export(folder).problems == []
        shard = next((folder / "full").glob("*.parquet"))
        assert pq.read_schema(shard).equals(arrow_schema(Columns(transcripts=True)))
        nobody = {"recogniser": None, "revision": None}
        assert pq.read_table(shard)["transcript"][0].as_py() == {**SAID.model_dump(mode="json"), **nobody}
        assert "transcribe" in {state.name for state in manifest.stages}
        croissant = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
        fields = {f["@id"] for one in croissant["recordSet"] if one["@id"] == "full" for f in one["field"]}
        assert "full/transcript" in fields


def test_a_corrected_line_is_in_the_next_release_and_a_person_is_its_cause(tmp_path: Path) -> None:
    line = CorrectedLine(index=0, start=Seconds(1), before=SAID.segments[0].text, after="Now & then")
    with finished(tmp_path / "w", MADE, *STATED) as (place, services):
        release(place, services)
        Reviews(services.ledger).store([verdict(MADE[1], "fix", transcript=(line,))])
        release(place, services, "0.2.0")
        releases = place.root / "releases"
        assert check_export(releases / "0.2.0").problems == []
        shards = sorted((releases / "0.2.0" / "full").glob("*.parquet"))
        rows = {row["id"]: row for shard in shards for row in pq.read_table(shard).to_pylist()}
        assert [each["text"] for each in rows["v1"]["transcript"]["segments"]] == ["Now & then"]
        assert {name: row["review"]["transcript_edited"] for name, row in rows.items()} == {
            "v0": [],
            "v1": [0],
            "v2": [],
        }
        found = compare_folders(releases / "0.1.0", releases / "0.2.0").diff
        (changed,) = found.changed
        assert (changed.id, changed.cause) == ("v1", "person") and {"transcript", "review"} <= set(changed.fields)
        assert "transcript edited 0" in changed.causes[0].detail
