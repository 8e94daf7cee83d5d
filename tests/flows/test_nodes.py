"""A run on several machines: one is switched off, one is cut off, one joins; the bytes are those of one machine.

The machines are network namespaces, and everything on them is real: Ray, PostgreSQL, a server that speaks S3, the
demo's models.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.nodes.machines import Machine, Machines, machines, why_not
from curation.ledger.databases import LEDGER
from curation.ledger.ledger import Ledger
from tests.postgres import PASSWORD, SECRET, new_database, rows, text_of
from tests.runs import CONFIG, VIDEOS, shards

pytestmark = [pytest.mark.prefect, pytest.mark.postgresql, pytest.mark.slow]
BUCKET = "films"
KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-store", "AWS_REGION": "us-east-1"}
CLAIM = 4.0


@pytest.fixture(scope="module")
def nodes(postgresql: sa.URL) -> Iterator[tuple[Machines, dict[str, str], sa.URL]]:
    """Machines with Ray on the head, the environment of every node, and the database."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    database = new_database(postgresql, "nodes")
    with machines() as made:
        (socket,) = rows(postgresql, "SHOW unix_socket_directories")[0]
        head, host = made.head, made.head.address
        started = [
            made.start(head, "-m", "benchmarks.nodes.forward", f"{host}:5432", f"{socket}/.s.PGSQL.{postgresql.port}"),
            made.start(head, "-m", "moto.server", "-H", host, "-p", 5000),
        ]
        environment = {
            LEDGER: text_of(database.set(host=host, port=5432)),
            "AWS_ENDPOINT_URL": f"http://{host}:5000",
            **KEYS,
        }
        make_bucket(head, made, environment)
        made.start_ray(environment, head)
        yield made, environment, database
        for process in started:
            process.kill()
            process.wait()


def make_bucket(head: Machine, made: Machines, environment: dict[str, str]) -> None:
    code = (
        "import boto3, time\n"
        "for _ in range(100):\n"
        "    try:\n"
        f"        boto3.client('s3').create_bucket(Bucket={BUCKET!r}); break\n"
        "    except Exception: time.sleep(0.2)\n"
        "else: raise SystemExit(1)\n"
    )
    assert made.start(head, "-c", code, environment=environment).wait(timeout=120) == 0


def holds_a_shard(ledger: Ledger, machine: Machine) -> bool:
    """Whether a process of a machine holds the claim of a shard."""
    owners = {held.owner.split("/")[1] for held in ledger.claims() if held.current and held.key.startswith("shard:")}
    return bool(owners & {str(process) for process in machine.processes()})


def wait_for(what: Callable[[], bool], driver: subprocess.Popen[str], seconds: float = 240) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert driver.poll() is None, driver.communicate()[0][-4000:]
        assert time.monotonic() < until, "it never came"
        time.sleep(0.05)


def test_nodes_fail_and_join_and_the_bytes_are_those_of_one_machine(
    nodes: tuple[Machines, dict[str, str], sa.URL], films: Path, undisturbed: Path, tmp_path: Path
) -> None:
    made, environment, database = nodes
    killed, cut = made.start_ray(environment), made.start_ray(environment)
    made.start_ray({name: value for name, value in environment.items() if name != LEDGER})  # it knows no ledger
    settings = {
        "run.engine": "ray",
        "run.ray_address": made.address,
        "run.claim_seconds": CLAIM,
        "run.shard_size": 1,
        "run.shards_in_flight": 1,
        "store.address": f"s3://{BUCKET}/mine",
    }
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    workspace = tmp_path / "workspace"
    driver = made.start(
        made.head, "-m", "flows.cli", "curate", CONFIG, "--source", films, "--workspace", workspace, *words,
        environment=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        note = workspace / "ledger.postgresql"
        wait_for(note.exists, driver)
        schema = note.read_text().strip()
        with closing(Ledger(database, schema)) as ledger:
            wait_for(lambda: holds_a_shard(ledger, killed), driver)
            killed.power_off()
            wait_for(lambda: holds_a_shard(ledger, cut), driver)
            cut.link(up=False)
            joined = made.start_ray(environment)
            said, _ = driver.communicate(timeout=600)
            assert driver.returncode == 0, said[-6000:]
            finished = results(database, schema)
            cut.link(up=True)  # its worker comes back, and finds that its claim is gone
            time.sleep(2 * CLAIM)
            assert results(database, schema) == finished
            assert [held.key for held in ledger.claims() if held.current] == []
    finally:
        if driver.poll() is None:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
    assert f"{LEDGER} is not set" in said and said.count("left the run") >= 3, said[-3000:]
    assert shards(workspace) == shards(undisturbed)
    assert len(finished) == len(set(finished)) and sum(row[1] == "refine" for row in finished) >= VIDEOS
    for secret in (PASSWORD, SECRET, KEYS["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in said
        places = [workspace, made.folder / "ray"]
        command = ["grep", "-rIlF", "--", secret, *places]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert found.stdout == "", "a file has a secret"
    assert joined.processes()


def results(database: sa.URL, schema: str) -> list[Any]:
    """All results, as they were committed."""
    query = f"SELECT video_id, stage, fingerprint, digest, made_at FROM {schema}.results WHERE current ORDER BY 1, 2, 3"
    return rows(database, query)
