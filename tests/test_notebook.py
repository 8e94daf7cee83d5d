"""The example notebook runs from its first cell to its last, and its stored outputs are those of such a run."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from schemas.repository import ROOT
from tests.curation.release.reconstruct.filmed import film
from tests.curation.samples import make_sample, run_export
from tests.v2xum.conftest import released_root as released_root

NOTEBOOK = ROOT / "examples" / "api.ipynb"


@pytest.mark.slow
def test_it_runs(released_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = tmp_path / "data" / "runs" / "demo"
    shutil.copytree(released_root, demo / "workspace")
    run_export(demo / "workspace" / "export", [make_sample(f"v{number:03d}") for number in range(8)])
    (demo / "site").mkdir()
    film(demo / "site" / "demo-00.mp4", 1, 12)
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    made = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in made)
    assert "data:image/jpeg" in made[1].outputs[0].data["text/html"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0].islower()) == ["data"]


def test_its_outputs_are_stored_and_show_nothing_of_a_machine() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert {output.output_type for output in outputs} == {"execute_result"}
    assert len(outputs) >= len(cells) - 1
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert len(text) < 250_000
    assert [word for word in ("/home/", "/root/", "/work/", "/tmp/", str(Path.home())) if word in text] == []
