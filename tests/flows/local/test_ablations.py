"""Ablation rows: each is a configuration, is trained once, and is shown beside the papers' rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from evaluation.published_tables import read_published_tables
from evaluation.report.beside_published import ablations_page
from flows.cli.main import application
from flows.local.ablations import read_rows
from schemas.configuration.loading import load_train_config
from schemas.errors import ConfigError
from schemas.repository import DATA, ROOT
from tests.training.conftest import films_folder as films_folder
from tests.training.conftest import media as media
from tests.training.conftest import release as release

CONFIGS = ROOT / "configs" / "train"
KINDS = ("llmvs", "v2xum", "vtsum")
runner = CliRunner()


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_another_configuration_and_names_are_the_papers(kind: str) -> None:
    rows = read_rows(CONFIGS / "ablations" / f"{kind}.yaml")
    made = {name: load_train_config(CONFIGS / f"{kind}_demo.yaml", values) for name, values in rows.rows.items()}
    assert {config.summarizer.kind for config in made.values()} == {kind} and rows.kind == kind
    unlike = {config.model_dump_json() for config in made.values()}
    assert len(unlike) == len(made) - (kind == "v2xum"), "the demo's V2Xum has no adapter to leave out"
    tables = [table for name in rows.tables for table in read_published_tables()[name].tables]
    assert max(len(table.rows.keys() & made.keys()) for table in tables) >= 3


def test_the_page_of_the_docs_is_made_of_the_figures_beside_it() -> None:
    page = ROOT / "docs" / "results" / "ablations.md"
    figures = json.loads(page.with_suffix(".json").read_text())
    assert page.read_text() == ablations_page([figures[kind] for kind in sorted(figures)])
    bold = sum(line.count("**") // 2 for line in page.read_text().splitlines())
    tables = read_published_tables()
    shown = {
        kind: {m for name in of["tables"] for m in tables[name].tables[0].metrics()} for kind, of in figures.items()
    }
    assert bold == sum(len(of["best"].keys() & shown[kind]) for kind, of in figures.items())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kind: vtsum\ntables: [vtsum]\nrows: {}", "rows"),
        ("kind: vtsum\ntables: [vtsum]\nrows: {a=b: []}", "no name of a row"),
        ("kind: vtsum\ntables: [vtsum]\nrows: {../a: []}", "no name of a row"),
        ("kind: vlm\ntables: [vtsum]\nrows: {a: []}", "kind"),
        ("[", "no rows of an ablation"),
    ],
)
def test_files_that_are_no_rows(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "rows.yaml").write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_rows(tmp_path / "rows.yaml")


@pytest.mark.slow
def test_rows_are_trained_once_and_shown_beside_theirs(release: Path, media: Path, tmp_path: Path) -> None:
    rows = {"TT+CA": ["summarizer.local_windows=[]"], "TT+CA+LA": []}
    (tmp_path / "rows.yaml").write_text(yaml.safe_dump({"kind": "vtsum", "tables": ["vtsum"], "rows": rows}))
    page, out = tmp_path / "page.md", tmp_path / "out"
    (tmp_path / "page.json").write_text("{}")
    small = ("summarizer.hidden_size=16", "summarizer.inner_size=32", "summarizer.text=null", "evaluation.text=false")
    tower = f"features.tower.model={DATA / 'demo' / 'clip'}"
    command = ["train", str(CONFIGS / "vtsum_demo.yaml"), "--release", str(release), "--media", str(media)]
    command += ["--out", str(out), "--rows", str(tmp_path / "rows.yaml"), "--page", str(page)]
    for value in (*small, tower, "training.epochs=1", "summarizer.share=0.2"):
        command += ["--set", value]
    done = runner.invoke(application(), command)
    assert done.exit_code == 0 and str(page) in done.stdout and "row TT+CA+LA" in done.stderr, done.stderr
    models = sorted(out.glob("rows/*/model/finished.json"))
    assert [path.parts[-3] for path in models] == ["0-TT-CA", "1-TT-CA-LA"]
    assert len(list((out / "features").rglob("*.npy"))) == 8, "both rows share the vectors"
    results = json.loads((tmp_path / "page.json").read_text())["vtsum"]
    assert list(results["rows"]) == list(rows) and results["videos"] == 2 and results["trained_on"] == 4
    assert "untrained (before training)" in results["compared"]
    assert results["best"] == {}, "two videos show nothing"
    assert str(DATA) not in page.read_text() and str(DATA) not in (tmp_path / "page.json").read_text()
    html = MarkdownIt("commonmark").enable("table").render(page.read_text())
    assert html.count("<table>") == 2 and html.count("<td>ours<") == 5 and html.count("<em>theirs</em>") == 3 + 1
    assert "<strong>" not in html and "23.6" not in html and "0.236" in html, "theirs in the same unit"
    before = {path: path.stat().st_mtime_ns for path in models}
    assert runner.invoke(application(), command).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in models} == before
    other = runner.invoke(application(), [*command, "--set", "training.epochs=2"])
    assert other.exit_code == 2 and "another config" in other.stderr
    wrong = runner.invoke(application(), [*command[:1], str(CONFIGS / "llmvs_demo.yaml"), *command[2:13]])
    assert wrong.exit_code == 2


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["--rows", str(CONFIGS / "ablations" / "vtsum.yaml"), "--dry-run"], "--rows takes neither --dry-run"),
        (["--rows", str(CONFIGS / "ablations" / "vtsum.yaml"), "--json"], "--rows takes neither --dry-run nor --json"),
        (["--page", "page.md"], "by --rows"),
    ],
)
def test_what_rows_do_not_take_is_refused_before_anything_is_trained(
    asked: list[str], words: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = runner.invoke(application(), ["train", str(CONFIGS / "vtsum_demo.yaml"), "--out", str(out), *asked])
    assert done.exit_code == 2 and words in done.stderr
    assert not out.exists()
