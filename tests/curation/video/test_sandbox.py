"""The sandbox with children that really hang, crash, use too much memory, raise, and are killed from outside."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.video.sandbox import Limits, Sandbox
from schemas.errors import Interrupted, MachineTrouble, PermanentError, PoisonError, RefusedError, TransientError
from schemas.repository import ROOT
from tests.curation import hostile

LIMITS = Limits(wall_seconds=60, memory_megabytes=4000)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=2) as made:
        yield made


def test_results_and_arguments_come_through_from_another_process(sandbox):
    assert sandbox.run(divmod, 17, 5, limits=LIMITS) == (3, 2)
    assert sandbox.run(os.getpid, limits=LIMITS) != os.getpid()


def test_children_persist(sandbox):
    assert len({sandbox.run(os.getpid, limits=LIMITS) for _ in range(8)}) <= 2


def test_many_threads_at_once(sandbox):
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: sandbox.run(pow, n, 2, limits=LIMITS), range(40)))
    assert answers == [n * n for n in range(40)]


@pytest.mark.parametrize(
    "error", [PermanentError("no_video_stream", "3 audio streams"), RefusedError("policy"), ValueError("x")]
)
def test_errors_come_through_as_themselves(sandbox, error):
    with pytest.raises(type(error)) as caught:
        sandbox.run(hostile.throw, error, limits=LIMITS)
    assert str(caught.value) == str(error)
    assert getattr(caught.value, "reason", None) == getattr(error, "reason", None)


def test_a_timeout_that_the_function_raises_is_not_the_limit(sandbox):
    with pytest.raises(TimeoutError, match="my own"):
        sandbox.run(hostile.throw, TimeoutError("my own"), limits=LIMITS)


def test_a_hanging_child_is_killed_and_reported(sandbox):
    with pytest.raises(PoisonError) as caught:
        sandbox.run(hostile.hang, limits=Limits(wall_seconds=0.3))
    assert caught.value.reason == "timeout"
    assert "0.3 s" in caught.value.evidence
    assert sandbox.run(abs, -2, limits=LIMITS) == 2


def test_a_crashing_child_is_named_by_its_signal(sandbox):
    with pytest.raises(PoisonError) as caught:
        sandbox.run(hostile.crash, limits=LIMITS)
    assert caught.value.reason == "crashed"
    assert "SIGSEGV" in caught.value.evidence
    assert sandbox.run(abs, -2, limits=LIMITS) == 2


def test_too_much_memory_is_refused_by_the_limit_of_the_call(sandbox):
    with pytest.raises(PoisonError) as caught:
        sandbox.run(hostile.hog, 400, limits=Limits(60, 400))
    assert caught.value.reason == "memory"
    assert sandbox.run(hostile.hog, 400, limits=Limits(60, 8000)) == 400


@pytest.mark.slow
def test_a_child_that_ran_out_of_memory_or_kept_it_is_replaced():
    with Sandbox() as own:
        first = own.run(os.getpid, limits=LIMITS)
        with pytest.raises(PoisonError, match="memory: more than 400 MB"):
            own.run(hostile.hog, 400, limits=Limits(60, 400))
        second = own.run(os.getpid, limits=LIMITS)
        own.run(hostile.keep, 300, limits=LIMITS)
        assert own.run(os.getpid, limits=Limits(60, 1000, free_megabytes=200)) == second
        third = own.run(os.getpid, limits=Limits(60, 400, free_megabytes=200))
        assert len({first, second, third}) == 3
        assert own.run(os.getpid, limits=Limits(60, 100, free_megabytes=10_000)) != third, "a new child always begins"


@pytest.mark.slow
def test_too_much_cpu_time_is_the_limit_of_one_call(tmp_path):
    with Sandbox() as own:
        own.run(hostile.burn, 1.2, limits=Limits(60, cpu_seconds=5))
        pid = own.run(os.getpid, limits=Limits(60, cpu_seconds=1))  # the time of the call before is not charged
        with pytest.raises(PoisonError, match="cpu_time: more than 1 s of CPU time"):
            own.run(hostile.busy, tmp_path / "pid", limits=Limits(60, cpu_seconds=1))
        assert int((tmp_path / "pid").read_text()) == pid
        own.run(hostile.burn_unlimited, 2.2, limits=Limits(60, cpu_seconds=1))
        assert own.run(abs, -2, limits=Limits(60)) == 2


def test_work_beside_a_call_goes_on_and_may_end_it(tmp_path):
    calls = []

    def meanwhile():
        calls.append(1)
        if len(calls) >= 3 and (tmp_path / "pid").exists():  # a busy machine starts a child slowly
            raise ValueError("enough")

    with Sandbox() as own:
        with pytest.raises(ValueError, match="enough"):
            own.run(hostile.busy, tmp_path / "pid", limits=LIMITS, meanwhile=meanwhile)
        hostile.wait_until_gone(int((tmp_path / "pid").read_text()))


def test_a_working_child_killed_from_outside_is_no_fault_of_the_video(tmp_path):
    """The system kills so when the machine's memory ends."""
    started = tmp_path / "pid"

    def kill():
        hostile.wait_for(started)
        os.kill(int(started.read_text()), signal.SIGKILL)

    with Sandbox() as own:
        threading.Thread(target=kill).start()
        with pytest.raises(TransientError, match="killed by SIGKILL") as caught:
            own.run(hostile.busy, started, limits=LIMITS)
    assert caught.value.reason == "killed"


def test_a_machine_that_allows_less_memory_than_the_call_is_no_fault_of_the_video():
    code = (
        "from curation.video.sandbox import Limits, Sandbox\nfrom schemas.errors import StageError\n"
        "from tests.curation import hostile\n"
        "if __name__ == '__main__':\n"
        "  import resource; resource.setrlimit(resource.RLIMIT_AS, (900_000_000, 900_000_000))\n"
        "  with Sandbox() as own:\n"
        "    try: own.run(hostile.hog, 2000, limits=Limits(60, 4000))\n"
        "    except StageError as error: print(error.error_class, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.startswith("transient memory_limit: `ulimit -v` allows 900 MB"), done.stderr


@pytest.mark.parametrize("error", [ImportError("no module named av"), OSError(24, "Too many open files")])
def test_a_child_that_cannot_work_stops_the_run(sandbox, error):
    with pytest.raises(MachineTrouble, match="a child process cannot work"):
        sandbox.run(hostile.throw, error, limits=LIMITS)


def test_a_library_that_does_not_fit_below_the_limit_is_a_matter_of_memory(sandbox):
    error = ImportError("av/_core.abi3.so: failed to map segment from shared object")
    with pytest.raises(PoisonError, match="more than 4000 MB"):
        sandbox.run(hostile.throw, error, limits=LIMITS)


def test_an_idle_child_killed_from_outside_is_replaced():
    with Sandbox() as own:
        pid = own.run(os.getpid, limits=LIMITS)
        os.kill(pid, signal.SIGKILL)
        hostile.wait_until_gone(pid)
        assert own.run(os.getpid, limits=LIMITS) != pid


def test_children_outlive_the_thread_that_called_first():
    with Sandbox() as own:
        pids = []
        thread = threading.Thread(target=lambda: pids.append(own.run(os.getpid, limits=LIMITS)))
        thread.start()
        thread.join()
        time.sleep(0.05)
        assert own.run(os.getpid, limits=LIMITS) == pids[0]


def test_closing_stops_the_children_and_a_later_call_starts_new_ones():
    own = Sandbox()
    pid = own.run(os.getpid, limits=LIMITS)
    own.close()
    hostile.wait_until_gone(pid)
    assert own.run(os.getpid, limits=LIMITS) != pid
    own.close()


@pytest.mark.parametrize("work", [hostile.hang, hostile.busy])
def test_a_stop_ends_a_running_call_and_its_child(tmp_path, work):
    stop, started = threading.Event(), tmp_path / "pid"

    def raise_if_stopped():
        if stop.is_set():
            raise Interrupted("stopped")

    with Sandbox(raise_if_stopped=raise_if_stopped) as own:
        threading.Thread(target=lambda: (hostile.wait_for(started), stop.set())).start()
        with pytest.raises(Interrupted):
            own.run(work, started, limits=LIMITS)
    hostile.wait_until_gone(int(started.read_text()))


def test_closing_ends_calls_that_other_threads_wait_for(tmp_path):
    """pebble never answers the calls of a stopped pool: the waiting thread must notice the stop itself."""
    own, caught = Sandbox(workers=2), []

    def call(number):
        try:
            own.run(hostile.hang, tmp_path / f"pid{number}", limits=Limits(600))
        except Interrupted:
            caught.append(number)

    threads = [
        threading.Thread(target=call, args=(number,), daemon=True) for number in range(3)
    ]  # one of them waits in the queue
    for thread in threads:
        thread.start()
    while len(list(tmp_path.glob("pid*"))) < 2:
        time.sleep(0.01)
    own.close()
    for thread in threads:
        thread.join(20)
    assert sorted(caught) == [0, 1, 2]
    for file in tmp_path.iterdir():
        hostile.wait_until_gone(int(file.read_text()))


PARENT = """
import signal
# A shell makes its background jobs ignore Ctrl-C; this test needs the usual behaviour.
signal.signal(signal.SIGINT, signal.default_int_handler)
import os, sys, time
from curation.video.sandbox import Limits, Sandbox
if __name__ == "__main__":
    box = Sandbox()
    print(box.run(os.getpid, limits=Limits()), flush=True)
    box.run(time.sleep, 600, limits=Limits(600))
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_children_die_silently_with_their_parent(tmp_path, sent):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as parent:
        try:
            child = int(parent.stdout.readline())
            if sent == signal.SIGINT:
                os.killpg(parent.pid, sent)  # to the whole group, as a terminal does
            else:
                parent.kill()
            _, errors = parent.communicate(timeout=60)
        finally:
            parent.kill()  # otherwise a failure here would appear as an unclosed process in a later test
    hostile.wait_until_gone(child)
    assert errors.count("Traceback") == (1 if sent == signal.SIGINT else 0)
