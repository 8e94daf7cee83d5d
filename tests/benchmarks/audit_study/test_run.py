"""The study of the audit's limits: the figures that the decision rests on, and its page."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from benchmarks.audit_study.page import Study, page, plot
from benchmarks.audit_study.repeats import choice_families, choice_rings, summary_rings
from benchmarks.audit_study.support import row, rows
from benchmarks.audit_study.texts import demo_texts, people_texts
from schemas.configuration.config import AuditConfig
from tests.curation.audited import EMBEDDER
from tests.places import GROUNDTRUTH

pytestmark = pytest.mark.slow
CONFIG = AuditConfig()
FAULTS = ("one colour exchanged in every sentence", "sentences of another video", "the prompt's example")


def test_true_summaries_of_the_demo_pass_and_planted_faults_do_not() -> None:
    found = rows(demo_texts(80), EMBEDDER.embed, CONFIG)
    true = found["demo, the true summary"]
    assert (true.texts, true.refused, true.awaiting, true.contradicted) == (80, 0, 0, 0)
    for name in FAULTS:
        one = found[f"demo, {name}"]
        assert one.refused + one.awaiting > 0.9
    assert found["demo, the prompt's example"].refused == 1


@pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="../shared/groundtruth is not there")
def test_peoples_paraphrases_are_hardly_refused() -> None:
    found = rows(people_texts(GROUNDTRUTH / "anet", most=200), EMBEDDER.embed, CONFIG)
    same, other = found["two people, the same video"], found["two people, different videos"]
    assert same.refused < 0.03 < 0.4 < other.refused
    assert same.contradicted < 0.01
    assert other.refused + other.awaiting > 0.95


def test_no_honest_family_rings_and_every_fault_does() -> None:
    for name, choices in choice_families([], []).items():
        rings = choice_rings(choices, orders=4)
        assert rings.rang == (4 if name.startswith("fault") else 0), name
    texts = demo_texts(100)
    assert summary_rings(texts["demo, the true summary"], orders=4).rang == 0
    assert summary_rings(texts["demo, the prompt's example"], orders=4).rang == 4


def test_the_page_and_the_plot_show_every_group() -> None:
    found = rows(demo_texts(5), EMBEDDER.embed, CONFIG)
    study = Study({"ngram-4096": found}, {"a <b> | c": row([], CONFIG)}, {}, {})
    text, picture = page(study), plot(study)
    ElementTree.fromstring(picture)
    assert all(name in text for name in found) and "refuse_below: 0.15" in text
