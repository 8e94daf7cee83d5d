"""The report: which videos it shows, and that nothing in them can be anything but text."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.frames.files import frame_name, frames_key
from curation.ledger.ledger import Ledger
from curation.pipeline.process import Inputs, process
from curation.report.overview import Overview
from curation.report.page import render_page
from curation.report.video_cards import Card, Line, Score, Shot, cards
from curation.status.counts import summarize
from curation.status.standings import Standings
from curation.status.view import LedgerView
from curation.store.store import Store
from pages.thumbnails import cut, thumbnail
from schemas.audit import Audit, Coverage, Mark
from schemas.binding import Binding
from schemas.configuration.config import AuditConfig, CurateConfig, ExtractConfig
from schemas.documents.run_summary import BindingFigures, RepeatCounts, RunSummary, Spread, Totals
from schemas.errors import PermanentError, TransientError
from schemas.records import Record, Sample
from schemas.safe_text import plain_line
from tests.curation.hashes import HASHES
from tests.curation.samples import make_sample, picture
from tests.curation.scripted_stages import Tally, Works, run_all, sources

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "{{ 7*7 }}{% for x in range(9) %}{{ x }}{% endfor %}",
    "\"><img src=x onerror=alert(1)>' onload='x",
    "\u202egnp.exe\u2066 \u200f",
    "]]><!--<svg/onload=alert(1)>-->",
    "&lt;b&gt; &amp; &#x3c;",
    "x" * 10_240,
    "\x00\x1b[31mred\r\n\u2028next",
)


class Films(Works):
    """Scripted stages whose samples and audits are given by id; all others are as in `Works`."""

    def __init__(
        self, samples: dict[str, Sample] | None = None, audits: dict[str, Audit] | None = None, **rest: object
    ):
        super().__init__(**rest)  # type: ignore[arg-type]
        self.samples, self.audits = samples or {}, audits or {}

    def stage(self, name):
        usual = super().stage(name)

        def work(inputs: Inputs) -> Record:
            record = usual(inputs)
            sample = self.samples.get(inputs.id)
            if name == "audit":
                return self.audits.get(inputs.id, record)
            if name == "binding":
                return Binding(checked=True, asked=2, right=1, captions=3, compared=10, matched=9)
            if sample is None:
                return record
            made = {"download": sample.video, "frames": sample.frames, "caption": sample.captions}
            return {**made, "extract": sample.extract, "refine": sample.summary}.get(name, record)

        return work


OPEN = AuditConfig(review_below=None)  # these audits have no support


def audit(coverage: float, marks: int = 0) -> Audit:
    marked = tuple(Mark(score="coverage", value=coverage, limit=0.9) for _ in range(marks))
    return Audit(mode="enable", coverage=Coverage(captions=coverage, text=1.0, shots=1.0), marks=marked)


class Structure(HTMLParser):
    """The elements and attribute names of a page, and the attributes' values and texts apart."""

    def __init__(self) -> None:
        super().__init__()
        self.shape: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str, str]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(page: str) -> Structure:
    structure = Structure()
    structure.feed(page)
    structure.close()
    return structure


def config() -> CurateConfig:
    models = {"captioner": {"model": "a"}, "summarizer": {"model": "b"}}
    return CurateConfig.model_validate({"name": "films", "models": models})


def whole_page(ledger: Ledger, folder: Path) -> str:
    overview = Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig())
    shown = cards(
        Standings(LedgerView(ledger, HASHES, audit=OPEN)), Store(folder / "store"), config(), overview.picks(), overview
    )
    return render_page(RunSummary(name="films"), overview, shown)


def test_a_figure_without_a_finding_stands_without_a_state(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    overview = Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig())
    score = Spread(count=1, mean=0.5, minimum=0.5, p05=0.5, median=0.5, p95=0.5, maximum=0.5)
    nothing = RunSummary(name="films", binding=BindingFigures(), repeats=RepeatCounts(), audits={"coverage": score})
    page = render_page(nothing, overview, ())
    ledger.close()
    assert "Captions and pictures belong together" in page and "badge state" not in page


def film(text: str) -> Sample:
    return make_sample("v000", title=text, captions=(text, text, text), sentences=(text, text, text))


# ---- what is shown


def test_it_counts_as_status_does_and_picks_the_worst_first(ledger: Ledger) -> None:
    ids = ledger.register(sources(30))
    trouble = {
        ("download", "v003"): [TransientError("timeout", "30 s")],
        ("frames", "v004"): [PermanentError("no_video_stream", "audio only")],
        ("frames", "v005"): [PermanentError("no_video_stream", "audio only")],
    }
    audits = {video_id: audit(0.5 + int(video_id[1:]) / 100) for video_id in ids}
    audits["v020"], audits["v021"] = audit(0.99, marks=1), audit(0.01)
    run_all(ledger, ids, Films(audits=audits, trouble=trouble))
    overview = Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig())
    counts = summarize(LedgerView(ledger, HASHES, audit=OPEN))
    assert dict(overview.reasons) == counts.reasons
    for stage, row in counts.stages.items():
        made = (overview.stages.done[stage], overview.stages.rejected[stage], overview.stages.due[stage])
        assert made == (row.done, row.rejected, row.due)
    assert {state: overview.states[state] for state in ("sample", "rejected", "retryable", "pending")} == {
        "sample": counts.samples,
        "rejected": counts.rejected,
        "retryable": counts.retryable,
        "pending": counts.pending,
    }
    picks = overview.picks()
    assert sorted(picks) == ids
    assert picks[:5] == ["v004", "v005", "v003", "v020", "v021"]  # by reason, the marked one, the least covered
    assert picks[5:8] == ["v000", "v001", "v002"]
    assert overview.standing_out("v021") == ("coverage", pytest.approx(1 / counts.samples))
    assert overview.standing_out("v004") is overview.standing_out("v020") is None  # set aside; marked, not ranked
    assert overview.marks == {"coverage": 1}
    assert overview.binding["canaries"] == 2 * overview.binding["canaries_right"] == 2 * overview.binding["videos"] > 0


def test_few_places_show_some_of_every_reason_and_leave_room_for_samples(ledger: Ledger) -> None:
    ids = ledger.register(sources(60))
    trouble: dict = {("download", f"v{n:03d}"): [PermanentError("private", "")] for n in range(30)}
    trouble[("frames", "v030")] = [PermanentError("no_video_stream", "")]
    run_all(ledger, ids, Films(trouble=trouble))
    picks = Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig(), most=10).picks()
    assert len(picks) == len(set(picks)) == 10
    assert "v030" in picks and sum(int(video_id[1:]) <= 30 for video_id in picks) == 4


def test_a_ratio_out_of_range_comes_first_without_audits(ledger: Ledger) -> None:
    ids = ledger.register(sources(4))
    usual = {video_id: make_sample(video_id, 12, (0, 5)) for video_id in ids}
    run_all(ledger, ids, Films(samples={**usual, "v002": make_sample("v002", 12, tuple(range(11)))}))
    assert Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig()).picks()[0] == "v002"


def test_a_duplicate_is_shown_with_its_reason(ledger: Ledger, tmp_path: Path) -> None:
    ids = ledger.register(sources(2))
    run_all(ledger, ids, Works(content=lambda _: "same"))
    ledger.set_duplicates({"v001": ("v000", "0" * 64)})
    overview = Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig())
    shown = cards(
        Standings(LedgerView(ledger, HASHES, audit=OPEN)),
        Store(tmp_path / "store"),
        config(),
        overview.picks(),
        overview,
    )
    assert [(card.id, card.state, card.reason) for card in shown] == [
        ("v001", "rejected", "duplicate"),
        ("v000", "sample", ""),
    ]


def test_keyframes_are_shown_as_small_pictures_where_they_were_kept(ledger: Ledger, tmp_path: Path) -> None:
    ids = ledger.register(sources(1))
    sample = make_sample("v000", 40, tuple(range(0, 40, 4)), size=(448, 252))
    run_all(ledger, ids, Films(samples={"v000": sample}))
    store = Store(tmp_path / "store")
    folder = store.frames(frames_key(sample.video.sha256, config().frames))
    folder.mkdir(parents=True)
    for index in (0, 8):
        (folder / frame_name(index)).write_bytes(picture(index, 448, 252))
    (folder / frame_name(36)).write_bytes(b"no picture")
    (card,) = cards(
        Standings(LedgerView(ledger, HASHES, audit=OPEN)),
        store,
        config(),
        ids,
        Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig()),
    )
    assert len(card.shots) == 6 and card.more_shots == 4
    assert [bool(shot.image) for shot in card.shots] == [True, True, False, False, False, False]
    data = thumbnail(lambda: picture(3, 448, 252))
    with Image.open(io.BytesIO(__import__("base64").b64decode(data.partition(",")[2]))) as small:
        assert small.size == (128, 72)


# ---- hostile text


@pytest.fixture(scope="module")
def plain_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("plain")
    ledger = Ledger(f"sqlite:///{folder / 'ledger.sqlite'}")
    _fill(ledger, "words")
    page = whole_page(ledger, folder)
    ledger.close()
    return page


def _fill(ledger: Ledger, text: str) -> None:
    ids = ledger.register(sources(2))
    works = Films({"v000": film(text)}, trouble={("download", "v001"): [PermanentError("broken", text)]})
    run_all(ledger, ids, works)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_element_or_attribute_comes_from_data(ledger: Ledger, tmp_path: Path, plain_page: str, text: str) -> None:
    _fill(ledger, text)
    page = whole_page(ledger, tmp_path)
    found, plain = parsed(page), parsed(plain_page)
    assert found.shape == plain.shape
    styles = [(tag, name, value) for tag, name, value in found.values if name in ("style", "srcset", "href", "src")]
    assert styles == [
        (tag, name, value) for tag, name, value in plain.values if name in ("style", "srcset", "href", "src")
    ]
    shown = cut(text, 160)
    assert shown in [" ".join(data.split()) for data in found.texts] or not shown
    assert not any(character in page for character in "\x00\x1b\u202e\u2066\u200f\u2028")


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overview]:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'ledger.sqlite'}")
    yield Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig())
    ledger.close()


def card_of(text: str) -> Card:
    return Card(
        id="v000",
        title=text,
        state="rejected",
        stage="download",
        reason=text or "x",
        error_class="permanent",
        evidence=text or "x",
        facts=(text,),
        lines=(Line("0:01", text, False),),
        more_lines=0,
        shots=(Shot("0:01", text, "data:image/jpeg;base64,AAAA"),),
        more_shots=0,
        scores=(Score("coverage", 0.5, "marked"),),
        missing=(text,),
    )


@given(st.text(max_size=60) | st.sampled_from(HOSTILE))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_anywhere_leaves_the_structure_alone(empty: Overview, text: str) -> None:
    def page(word: str) -> Structure:
        spread = Spread(count=1, mean=0, minimum=0, p05=0, median=0, p95=0, maximum=0)
        summary = RunSummary(
            name=word,
            run=1,
            outcome=word,
            why=word or "x",
            verdict=word,
            reasons={word: 3},
            totals=Totals(failures={word: 1}),
            audits={"coverage": spread},
        )
        return parsed(render_page(summary, empty, [card_of(word)]))

    assert page(text).shape == page("words").shape


def test_a_picture_that_is_no_picture_never_reaches_the_page(empty: Overview) -> None:
    bad = card_of("x")._replace(shots=(Shot("0:01", "", 'https://example.org/x.png" onerror="alert(1)'),))
    with pytest.raises(ValueError, match="data URI"):
        render_page(RunSummary(name="x"), empty, [bad])


def test_the_page_asks_nothing_of_any_network_and_allows_its_own_script_alone(plain_page: str) -> None:
    found = parsed(plain_page)
    policy = next(value for _, name, value in found.values if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy and "unsafe" not in policy
    sources_ = [
        value for _, name, value in found.values if name in ("src", "href", "action", "srcset", "data", "poster")
    ]
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for value in sources_)
    names = {name for _, attributes in found.shape for name in attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    assert "http" not in plain_page.replace("http-equiv", "")


def test_what_is_cut_is_one_line() -> None:
    assert cut("a\n b\x00 " + "c" * 500, 10) == "a b cccccc"[:9] + "…"
    assert all(plain_line(cut(text, 50)) == cut(text, 50) and len(cut(text, 50)) <= 50 for text in HOSTILE)


@pytest.mark.slow
def test_memory_of_the_pass_does_not_hold_the_videos(ledger: Ledger) -> None:
    ids = ledger.register(sources(1200))
    process(
        "download",
        ids,
        ledger=ledger,
        hashes=HASHES,
        work=Works(trouble={("download", i): [PermanentError("gone", "")] for i in ids[:700]}).stage("download"),
        progress=Tally(),
        stop=threading.Event(),
    )
    overview = Overview(Standings(LedgerView(ledger, HASHES, audit=OPEN)), ExtractConfig(), most=20)
    assert overview.reasons == {"download: gone": 700} and overview.states["pending"] == 500
    assert len(overview.picks()) == 20 and len(overview._aside["download: gone"]) <= 40
