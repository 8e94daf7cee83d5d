"""`v2xum list`, and the filter that it shares with `v2xum retry` and `v2xum explain`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from annotation.push.strata import candidates, choose
from curation.pipeline.open import open_view
from curation.pipeline.services import Services
from curation.status.ranks import ranks
from curation.status.selection import Selection
from curation.workspace import Workspace
from flows.review_steps import _selected
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError, PermanentError, TransientError
from tests.curation.scripted_stages import Works, run_all, source
from tests.runs import CONFIG, in_process

HOSTILE = "a\x1b[31m\u202etitle\nof two lines"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight videos: two are out for good at a stage, one for now, and one was never worked on."""
    place = Workspace(tmp_path_factory.mktemp("list") / "workspace")
    config = load_config(CONFIG)
    ledger = place.ledger()
    place.save_config(config)
    with Services(config, ledger, place.store()) as services:
        named = [source(f"v{number:03d}") for number in range(8)]
        named[7] = named[7].model_copy(update={"title": HOSTILE})
        ids = ledger.register(named)
        trouble: dict[tuple[str, str], list[Exception]] = {
            ("download", "v001"): [TransientError("timeout", "after 30 s")],
            ("frames", "v002"): [PermanentError("no_video_stream", "it has sound only")],
            ("frames", "v003"): [PermanentError("too_many_frames", "9000")],
        }
        run_all(ledger, ids[:7], Works(trouble=trouble), services.hashes)
        ledger.close()
    return place.root


def listed(root: Path, *options: str) -> list[dict[str, Any]]:
    done = in_process("list", root, "--json", *options)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)["listed"]
    return rows


def ids(root: Path, *options: str) -> list[str]:
    return [row["id"] for row in listed(root, *options)]


def test_each_video_is_listed_where_it_stands(root: Path) -> None:
    rows = listed(root)
    assert [row["id"] for row in rows] == [f"v{number:03d}" for number in range(8)]
    keys = ("state", "stage", "reason", "error_class")
    assert [tuple(row[key] for key in keys) for row in (rows[0], rows[1], rows[2], rows[7])] == [
        ("sample", None, None, None),
        ("retryable", "download", "timeout", "transient"),
        ("rejected", "frames", "no_video_stream", "permanent"),
        ("pending", "download", None, None),
    ]
    assert rows[0]["source"] == "https://example.org/v000"


def test_options_choose_by_all_that_is_given(root: Path) -> None:
    assert ids(root, "--state", "rejected,retryable") == ["v001", "v002", "v003"]
    assert ids(root, "--state", "rejected", "--state", "pending") == ["v002", "v003", "v007"]
    assert ids(root, "--stage", "frames", "--reason", "too_many_frames") == ["v003"]
    assert ids(root, "--stage", "download") == ["v001", "v007"]
    assert ids(root, "--class", "permanent", "v002") == ["v002"]
    assert ids(root, "--state", "sample", "--limit", "2") == ["v000", "v004"]
    assert ids(root, "--sort", "state")[0] == "v007"


def test_lines_are_plain_and_one_a_video(root: Path) -> None:
    done = in_process("list", root)
    lines = done.stdout.splitlines()
    assert len(lines) == 9 and lines[-1] == "8 of 8 videos"
    assert lines[2].split("  ")[:2] == ["v002", "rejected at frames: no_video_stream"]
    assert "a[31mtitle of two lines" in lines[7] and "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--state", "sampel"), "did you mean 'sample'?"),
        (("--reason", "too_many_frame"), "did you mean 'too_many_frames'?"),
        (("--stage", "caption", "--class", "x"), "known here: transient, permanent, poison, refused"),
        (("v9",), "no video 'v9'"),
        (("--sort", "scores"), "did you mean 'score'?"),
    ],
)
def test_what_nothing_can_have_is_a_usage_error(root: Path, arguments: tuple[str, ...], said: str) -> None:
    done = in_process("list", root, *arguments)
    assert done.returncode == 2 and said in done.stderr


def test_explain_and_retry_take_the_same_options(root: Path) -> None:
    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return in_process(words[0], root, *words[1:])

    done = call("explain", "--state", "rejected", "--json")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["v002", "v003"]
    assert call("explain").returncode == call("explain", "v002", "--state", "rejected").returncode == 2
    assert "only rejected and retryable" in call("retry", "--state", "sample").stderr
    assert "1 rejection forgotten" in call("retry", "--state", "rejected", "--reason", "too_many_frames").stdout
    assert ids(root, "--stage", "frames", "--state", "pending") == ["v003"]


def test_the_worst_score_ranks_a_sample_and_a_score_that_all_share_does_not() -> None:
    scores = {"a": {"coverage": 0.9, "unsupported": 0.0}, "b": {"coverage": 0.2, "unsupported": 0.0}, "c": {}}
    found = ranks(scores)
    assert found.keys() == {"a", "b"}
    assert (found["b"].name, found["b"].value, found["b"].share) == ("coverage", 0.2, 0.5)
    assert found["a"].share == 1.0


def test_a_push_of_chosen_samples_leaves_the_random_stratum_alone(root: Path) -> None:
    with open_view(Workspace(root)) as view:
        pool = list(candidates(view))
        chosen, rules = _selected(view, pool, Selection(ids=("v004", "v005")), view.rules, {})
        pushed = {one.sample_id: one.stratum for one in choose(chosen, rules)}
        assert pushed == {"v004": "active", "v005": "active"}
        with pytest.raises(ConfigError, match="--random chooses samples, and so do ids"):
            _selected(view, pool, Selection(states=("sample",)), view.rules, {"random": 5})
        with pytest.raises(ConfigError, match="no sample that people may judge matches"):
            _selected(view, pool, Selection(states=("pending",)), view.rules, {})
