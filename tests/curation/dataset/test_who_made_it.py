"""The manifest and both cards name every model that heard, read, scored or wrote, and count transcripts by source."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq

from curation.release.card.croissant import CROISSANT
from schemas.arrow import Columns
from schemas.parts.denoised import Denoised
from schemas.parts.makers import Maker
from schemas.parts.safety import Safety
from schemas.parts.screen_text import ScreenText
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.records import Sample
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.release.releases import release
from tests.curation.samples import numbered, run_export

SAID = (SpokenSegment(start=Seconds(1.0), end=Seconds(2.0), text="The kite."),)
HEARD = Transcript(source="recognised", recogniser="large | <b>", revision="r7", segments=SAID)
TRANSCRIPTS = (
    HEARD,
    HEARD,
    Transcript(source="manual", language="en", segments=SAID),
    Transcript(source="recognised", recogniser="large | <b>", revision="r7", reason="nothing_said"),
    Transcript(reason="no_sound"),
)
MAKER = Maker(prompt="denoise.v1", prompt_sha256="0" * 64, model="corrector", revision="c1", sampling={"seed": 1})


def heard_and_read() -> list[Sample]:
    """Samples with a transcript each, whose lines a model corrected where a machine had heard them."""
    return [
        made.model_copy(
            update={
                "transcript": said,
                "denoised": Denoised(maker=MAKER if said is HEARD else None),
                "screen_text": ScreenText(reader="rapidocr", revision="v5", share=0.0, read=1),
                "safety": Safety(finder="finder", finder_revision="f1"),
            }
        )
        for made, said in zip(numbered(5), TRANSCRIPTS, strict=True)
    ]


def test_the_manifest_counts_them(tmp_path: Path) -> None:
    columns = Columns(transcripts=True, denoised=True, screen_text=True, safety=True)
    made = run_export(tmp_path / "out", heard_and_read(), columns=columns)
    assert [(one.stage, one.model, one.revision, one.rows) for one in made.readers] == [
        ("transcribe", "large | <b>", "r7", 3),
        ("ocr", "rapidocr", "v5", 5),
        ("safety", "finder", "f1", 5),
    ]
    assert made.transcripts == {"recognised": 2, "manual": 1, "no_sound": 1, "nothing_said": 1}
    assert [one.stage for one in made.makers] == ["denoise", "caption", "extract", "refine"]
    assert (made.makers[0].model, made.makers[0].rows) == ("corrector", 2)
    card = " ".join((tmp_path / "out" / "README.md").read_text("utf-8").split())
    assert r"| transcribe | large \| \<b\> | r7 | 3 |" in card
    assert r"| none: no\_sound | 1 |" in card
    rows = [row for path in sorted((tmp_path / "out" / "data").iterdir()) for row in pq.read_table(path).to_pylist()]
    assert {row["id"]: row["transcript"]["recogniser"] for row in rows} == {
        f"v{number:03d}": said.recogniser for number, said in enumerate(TRANSCRIPTS)
    }


def test_a_run_without_them_says_what_it_said_before(tmp_path: Path) -> None:
    run_export(tmp_path / "out", numbered(2))
    stored = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert not {"readers", "transcripts"} & stored.keys()


def test_a_release_says_them_in_its_card_and_its_croissant(tmp_path: Path) -> None:
    settings = ("download.subtitles=[en]", "transcribe.mode=publisher")
    with finished(tmp_path / "w", heard_and_read(), *settings) as (place, services):
        release(place, services)
    folder = tmp_path / "w" / "releases" / "0.1.0"
    card = " ".join((folder / "README.md").read_text("utf-8").split())
    assert "What is said in 2 of the videos was heard by a speech recogniser." in card
    assert "- **transcribe** of 3 rows: model large" in card and "| recognised | 2 |" in card
    assert "<b>" not in card
    croissant = json.loads((folder / CROISSANT).read_bytes())
    assert "transcribe: large | <b>, revision r7" in croissant["rai:machineAnnotationTools"]
    assert "transcribe: 3 rows" in [one["prov:label"] for one in croissant["prov:wasGeneratedBy"]]
