"""`v2xum plan` and the budgets of `v2xum curate` by the command line, with the demo's models on rendered videos."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.pipeline.open import open_view
from curation.plan.estimate import choose
from curation.status.standings import Standings
from curation.workspace import Workspace
from tests.runs import CONFIG, VIDEOS, in_process, shards, status

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
# Small batches: what is in flight when a budget is reached is small too.
SMALL = ("--set", "models.captioner.batch=2")


@pytest.fixture(scope="module")
def few(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of the films."""
    folder = tmp_path_factory.mktemp("few")
    for number in range(3):
        shutil.copy(films / f"film {number}.mp4", folder)
    return folder


def outcomes(workspace: Path) -> list[str]:
    with sqlite3.connect(workspace / "ledger.sqlite") as connection:
        return [outcome for (outcome,) in connection.execute("SELECT outcome FROM runs ORDER BY id")]


def paid(workspace: Path) -> int:
    """Tokens of all stored replies."""
    with sqlite3.connect(workspace / "ledger.sqlite") as connection:
        return int(connection.execute("SELECT coalesce(sum(tokens_in + tokens_out), 0) FROM replies").fetchone()[0])


def name_that_leaves(workspace: Path, *titles: str) -> str:
    """A configuration's name, by which a probe of all videos but these leaves just these.

    Ids follow from the folder of a test, so by the name of the demo a probe would leave other files every time: in one
    of 21 times the two that cost nothing, which a 95 % interval need not cover.
    """
    with open_view(Workspace(workspace)) as view:
        sources = [one.source.source() for one in Standings(view).walk()]
    ids = {source.title: source.id for source in sources if source is not None}
    left = {ids[title] for title in titles}
    names = (f"probe-{number}" for number in range(10_000))
    return next(name for name in names if left.isdisjoint(choose(ids.values(), len(ids) - len(left), name)))


def test_a_token_budget_stops_with_4_and_the_same_command_ends_with_the_same_bytes(
    few: Path, tmp_path: Path, v2xum: Cli
) -> None:
    plain, thrifty = tmp_path / "plain", tmp_path / "thrifty"
    assert v2xum("curate", CONFIG, "--source", few, "--workspace", plain, *SMALL).returncode == 0
    budget = paid(plain) // 4
    arguments = ["curate", CONFIG, "--source", few, "--workspace", thrifty, *SMALL]
    done = v2xum(*arguments, "--max-tokens", budget)
    assert done.returncode == 4, done.stderr
    assert "budget reached: --max-tokens" in done.stderr and "nothing finished is lost" in done.stderr
    assert "Traceback" not in done.stderr
    assert outcomes(thrifty) == ["budget"]
    # What was in flight may finish: a batch of 2 pictures, about 90 tokens, for each of the 3 shards.
    assert budget <= paid(thrifty) <= budget + 600
    counts = status(v2xum, thrifty)
    assert counts["pending"] > 0 and counts["rejected"] == 0 == counts["retryable"]
    done = v2xum(*arguments, "--max-tokens", 10**9)
    assert done.returncode == 0, done.stderr
    assert outcomes(thrifty) == ["budget", "finished"]
    assert paid(thrifty) == paid(plain), "no reply was paid for twice"
    assert shards(thrifty) == shards(plain)


def test_hours_and_money_stop_before_any_model_is_asked(few: Path, tmp_path: Path, v2xum: Cli) -> None:
    arguments = ["curate", CONFIG, "--source", few, "--workspace", tmp_path / "w", *SMALL]
    done = v2xum(*arguments, "--max-hours", "0.0001")
    assert done.returncode == 4 and "--max-hours" in done.stderr, done.stderr
    done = v2xum(*arguments, "--max-cost", "0.01", "--set", "prices.gpu_hour=1000")
    assert done.returncode == 4 and "--max-cost 0.01 USD" in done.stderr, done.stderr
    assert paid(tmp_path / "w") == 0
    assert status(v2xum, tmp_path / "w")["pending"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-tokens", "0"], "--max-tokens 0"),
        (["--max-hours=-1"], "--max-hours -1"),
        (["--max-cost", "5"], "prices.gpu_hour"),
        (["--max-cost", "nan"], "--max-cost nan"),
    ],
)
def test_a_budget_that_makes_no_sense_exits_with_2(arguments: list[str], words: str, few: Path, tmp_path: Path) -> None:
    done = in_process("curate", CONFIG, "--source", few, "--workspace", tmp_path / "w", *arguments)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "w").exists()


def test_a_plan_curates_what_it_probes_and_covers_the_rest(films: Path, tmp_path: Path, v2xum: Cli) -> None:
    workspace = tmp_path / "w"
    arguments = [CONFIG, "--source", films, "--workspace", workspace]
    few = in_process("plan", *arguments, "--probe", 4)
    assert few.returncode == 2 and "with --probe 4 there would be 4, and from fewer than 5" in few.stderr
    assert "give --probe 5 or more" in few.stderr and status(v2xum, workspace)["pending"] == VIDEOS + 2
    arguments += ["--set", f"name={name_that_leaves(workspace, 'film 1', 'film 3')}"]
    done = v2xum("plan", *arguments, "--probe", 5, "--json")
    answer = json.loads(done.stdout)
    assert (answer["due_videos"], answer["settled_videos"]) == (2, 5)
    assert answer["probe"]["videos"] == 5 and answer["probe"]["wall_hours"] > 0
    assert set(answer) == {
        "videos",
        "due_videos",
        "settled_videos",
        "again",
        "probe",
        "disk_free_megabytes",
        "note",
        "estimate",
        "pacing",
    }
    assert answer["again"] == {}, "nothing was finished before"
    assert not (workspace / "export").exists()
    before = paid(workspace)
    found = answer["estimate"]
    again = json.loads(v2xum("plan", *arguments, "--probe", 0, "--json").stdout)
    assert again["estimate"]["videos"] == found["videos"], "the choice and the draws are seeded"
    table = v2xum("plan", *arguments, "--probe", 0)
    assert "95 % interval" in table.stdout and "the run (at work for" in table.stdout
    assert paid(workspace) == before
    # The truth, of the two videos that were left.
    assert v2xum("curate", *arguments).returncode == 0
    models = found["models"].values()
    low, high = (
        sum(model[f"tokens_{way}"][end] for model in models for way in ("in", "out")) for end in ("low", "high")
    )
    assert low <= paid(workspace) - before <= high
    last = json.loads(v2xum("plan", *arguments, "--probe", 5, "--json").stdout)
    assert (last["due_videos"], last["estimate"]) == (0, None) and "nothing is due" in last["note"]
