"""What no file of the program does: run what a file holds, listen everywhere, write cells that a sheet would run.

docs/security.md names these guards. Each is the absence of a call, so the test reads the source of the program.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import house
from tests.places import ROOT

# They run code that a file from outside may hold.
RUNS = {
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads", "dill.load"),
    *(
        "marshal.load",
        "marshal.loads",
        "shelve.open",
        "joblib.load",
        "torch.load",
        "pandas.read_pickle",
        "pd.read_pickle",
    ),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "eval", "exec", "os.system", "os.popen"),
    *("torch.jit.load", "torch.package.PackageImporter", "runpy.run_path", "importlib.machinery.SourceFileLoader"),
}
# A cell that begins with = + - @ is a formula of a spreadsheet. We write no such files from what others say.
CELLS = {"csv.writer", "csv.DictWriter", "write_csv", "to_csv", "to_excel"}
OWN_CELLS = {"demo/site.py", "demo/films.py"}  # lists of the demo's own films, from names that the program makes
EVERYWHERE = {"0.0.0.0", "::", "[::]"}
NO_ADDRESS_OF_OURS = {
    "annotation/label_studio/allowed_addresses.py",  # what Label Studio may not reach
    "flows/local/cluster_commands.py",  # the dashboard inside a pod, for KubeRay's submitter
    "schemas/configuration/store_config.py",  # `::` chains file systems, and is refused
}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keywords(call: ast.Call) -> dict[str, str]:
    return {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}


def faults(source: str, name: str) -> list[str]:
    """What a file must not do."""
    tree, found = ast.parse(source), []
    for called, call in calls(tree):
        named, last = keywords(call), called.rpartition(".")[2]
        if called in RUNS:
            found.append(f"{called} runs what a file holds")
        if called in ("np.load", "numpy.load") and named.get("allow_pickle") != "False":
            found.append("np.load without allow_pickle=False")
        if named.get("shell") == "True":
            found.append(f"{called} with a shell")
        if named.get("trust_remote_code", "False") != "False":
            found.append(f"{called} runs the code of a repository")
        if last == "from_pretrained" and ".".join(called.split(".")[:1]) == "loader" and "use_safetensors" not in named:
            found.append("weights that may be pickles")
        if (called in CELLS or last in CELLS) and name not in OWN_CELLS:
            found.append(f"{called} writes cells")
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and text in EVERYWHERE and name not in NO_ADDRESS_OF_OURS:
            found.append(f"{text} is every interface")
    return found


def program() -> list[Path]:
    return [path for path in house.files() if path.relative_to(ROOT).parts[0] not in ("tests", "benchmarks")]


def test_no_file_of_the_program_does_what_is_dangerous() -> None:
    assert len(program()) > 300
    found = {
        str(path.relative_to(ROOT)): wrong
        for path in program()
        if (wrong := faults(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        *(
            "pickle.load(f)",
            "torch.load(p)",
            "np.load(p)",
            "np.load(p, allow_pickle=True)",
            "yaml.load(t, L)",
            "eval(t)",
        ),
        *("subprocess.run(c, shell=True)", "AutoModel.from_pretrained(p, trust_remote_code=True)", "csv.writer(f)"),
        *("table.to_csv(p)", "loader.from_pretrained(p)", "serve(host='0.0.0.0')", "bind(('::', 0))"),
    ],
)
def test_it_would_be_seen(line: str) -> None:
    assert faults(line, "x.py")


def test_what_is_harmless_is_not_named() -> None:
    source = "np.load(p, allow_pickle=False)\nyaml.safe_load(t)\nre.compile(t)\nrun(c, shell=False)\nserve('127.0.0.1')"
    assert faults(source, "x.py") == []
