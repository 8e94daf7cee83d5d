"""All errors that the project raises on purpose, as one tree.

    V2XumError
    |-- ConfigError            the configuration or the command line is wrong        (exit code 2)
    |-- GrammarError           a temporal text does not parse; the error names the line
    |-- PromptError            a prompt file is missing, or its variables do not match
    |-- RunStopped             the run cannot go on; no work is lost                 (exit code 1)
    |   |-- WorkspaceBusy      another run holds the workspace
    |   |-- ClaimLost          another process may do this work now: this one writes no more
    |   |-- StorageFull        no space is left on the device
    |   |-- LedgerDamaged      the ledger is not what was stored; `v2xum repair` is the way out
    |   |-- Interrupted        the user asked it to stop                             (exit code 130)
    |   |   `-- Terminated     the system asked it to stop, by SIGTERM               (exit code 143)
    |   |-- ServerGone         no model server came back within the configured patience
    |   |-- MachineTrouble     memory, threads, files, the database or a model failed, and no video's fault
    |   |-- AllAlike           every video failed in the same way
    |   |-- FewerSamples       the export would lose samples without a reason
    |   |-- BindingBroken      captions no longer belong to their frames, or summaries repeat over unlike videos
    |   |-- TrainingDiverged   a loss is no number
    |   |-- FilesGone          the store lost what the export needs, and nobody can give it back
    |   `-- BudgetReached      tokens, hours or money are used up                    (exit code 4)
    `-- StageError             one video failed at one stage: it becomes a Rejection
        |-- TransientError     network, rate limit, timeout: tried again, then left retryable
        |   |-- HostBlocked    a whole host turns requests away: bot check, rate limit, repeated 403
        |   `-- NotStored      a file of the store is gone, or it is not what its name says
        |-- PermanentError     private, removed, no video stream: another try fails in the same way
        |-- PoisonError        crashed or hung a decoder in its child process
        `-- RefusedError       policy: a filter, a block list, a forbidden address

Errors of other libraries are mapped to this tree where these libraries are called.
"""

from __future__ import annotations

import errno
from typing import ClassVar, Literal

from schemas.kit.utf8 import storable_text

ErrorClass = Literal["transient", "permanent", "poison", "refused"]


class V2XumError(Exception):
    """Root of every error that the project raises on purpose."""


class ConfigError(V2XumError):
    """The configuration or the command line is wrong; the message names the key and the fix."""


class GrammarError(V2XumError, ValueError):
    """A temporal text is malformed; `line` is 1-based within the text that was parsed."""

    def __init__(self, message: str, line: int = 1) -> None:
        """Keep the line number beside the message."""
        super().__init__(f"line {line}: {message}")
        self.line = line


class PromptError(V2XumError):
    """A prompt file is missing, or the given variables are not those that it declares."""


class RunStopped(V2XumError):
    """The run cannot go on; finished work is kept, and the same command resumes the run."""


class WorkspaceBusy(RunStopped):
    """Another run holds the workspace's lock."""


class ClaimLost(RunStopped):
    """This process's claim on a shared ledger is no longer current: nothing more of it is written."""


class StorageFull(RunStopped):
    """The device that holds the workspace has no space left."""


class LedgerDamaged(RunStopped):
    """The ledger is not what was stored: damaged, older, empty, or another's. The message names the way out."""


class Interrupted(RunStopped):
    """The user asked the run to stop."""


class Terminated(Interrupted):
    """SIGTERM asked the run to stop: Slurm, Kubernetes, systemd and `timeout` send it."""


class ServerGone(RunStopped):
    """No model server answered for longer than the configured patience."""


class MachineTrouble(RunStopped):
    """Memory, threads, files, imports, the database or a model failed: no video is to blame."""


class AllAlike(RunStopped):
    """Every video failed at `stage` in the same way, so the cause is probably none of them."""

    def __init__(self, message: str, stage: str) -> None:
        """Keep the stage, whose failures are to be taken back."""
        super().__init__(message)
        self.stage = stage

    def __reduce__(self) -> tuple[type[AllAlike], tuple[str, str]]:
        """Survive pickling, since nodes raise it for their driver."""
        return type(self), (str(self), self.stage)


class FewerSamples(RunStopped):
    """The export would lose samples of the last one without a reason; the last one stays as it is."""


class BindingBroken(RunStopped):
    """The binding audit found captions that do not belong to their frames, or summaries that repeat over unlike videos.

    The message names the evidence.
    """


class FilesGone(RunStopped):
    """The store lost files that the export needs, and their sources cannot give them back; the old export stays."""


class TrainingDiverged(RunStopped):
    """A loss is NaN or infinite: the weights are lost, and the last checkpoint is from before."""


class ReleaseRefused(RunStopped):
    """A release is not made: too few rows are checked, too many labels are wrong, or a sample cannot be written."""


class NotPublished(RunStopped):
    """A publication did not come to its end; readers see the last release, and the same command goes on."""


class BudgetReached(RunStopped):
    """The budget of the command line is used up."""


class StageError(V2XumError):
    """One video failed at one stage.

    `reason` is a short slug that statistics group by (`private`, `too_short`, `no_video_stream`),
    `evidence` is a message of a tool or a measured value, kept for `v2xum explain`.
    """

    error_class: ClassVar[ErrorClass]

    def __init__(self, reason: str, evidence: str = "") -> None:
        """Keep slug and evidence apart; the evidence may hold anything, and must be storable."""
        evidence = storable_text(evidence)
        super().__init__(f"{reason}: {evidence}" if evidence else reason)
        self.reason = reason
        self.evidence = evidence

    def __reduce__(self) -> tuple[type[StageError], tuple[str, str]]:
        """Survive pickling, since decoders raise these in child processes."""
        return type(self), (self.reason, self.evidence)


class TransientError(StageError):
    """Another try may succeed later: network, rate limit, timeout, server error."""

    error_class = "transient"


class HostBlocked(TransientError):
    """A whole host turns requests away (bot check, rate limit, repeated 403): it must get no request for a while.

    `host` is its name; `seconds` is how long to wait, 0 when the host did not say.
    """

    def __init__(self, reason: str, evidence: str = "", host: str = "", seconds: float = 0.0) -> None:
        """Keep host and waiting time beside slug and evidence."""
        super().__init__(reason, evidence)
        self.host = host
        self.seconds = seconds

    def __reduce__(self) -> tuple[type[HostBlocked], tuple[str, str, str, float]]:  # type: ignore[override]
        """Survive pickling with all four parts."""
        return type(self), (self.reason, self.evidence, self.host, self.seconds)


class NotStored(TransientError):
    """A file of the store is gone or damaged: `file_missing`, `file_damaged`.

    Nothing is wrong with the video: its file is fetched again, and what its stages made is kept.
    """


class PermanentError(StageError):
    """Another try would fail in the same way."""

    error_class = "permanent"


class PoisonError(StageError):
    """The video crashed its child process, hung it, or used more memory than allowed."""

    error_class = "poison"


class RefusedError(StageError):
    """A policy refused the video: a filter, a block list, an address that is not allowed."""

    error_class = "refused"


def is_storage_full(error: BaseException) -> bool:
    """Whether an error, or an error that caused it, says that the device or the quota is full."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        if isinstance(current, OSError) and current.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "database or disk is full" in str(current) or "No space left on device" in str(current):
            return True
        current = current.__cause__ or current.__context__
    return False
