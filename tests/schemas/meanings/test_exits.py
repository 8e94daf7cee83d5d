"""Every variable and exit code that the code uses is described."""

from __future__ import annotations

import ast
import re

from schemas.meanings.exits import EXIT_CODES, VARIABLES
from tests import house


def test_every_variable_of_the_environment_is_described() -> None:
    # The addresses of the tests' own tools are for those who work on the program.
    code = "\n".join(path.read_text() for path in house.files() if path.parts[-3] != "benchmarks")
    found = set(re.findall(r"\"(V2XUM_[A-Z_]+)\"", code)) - {"V2XUM_VLLM_VENV"}
    assert found - {each.name for each in VARIABLES} == set()
    assert {each.name for each in VARIABLES} - found - {"HF_TOKEN"} == set()


def test_every_exit_code_is_described() -> None:
    found = set()
    for path in house.files():
        if "cli" in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {"fail", "typer.Exit", "sys.exit"}:
                    found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    numbers = {each for each in found if isinstance(each, int)}
    assert {1, 2, 3, 4, 130, 143} <= numbers <= {each.code for each in EXIT_CODES}
