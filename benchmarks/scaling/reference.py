"""A fixed piece of work that is timed beside a long measurement, since no shared machine is equally fast all day.

What a run took in units of this work, timed in the same minute, can be compared with what another run took hours later.
A fresh interpreter that imports pandas and SQLAlchemy needs much code and fresh memory, as the run does. A loop in the
first cache does not notice when a neighbour takes the memory's bandwidth.
"""

from __future__ import annotations

import resource
import subprocess
import sys

_WORK = "import pandas, sqlalchemy.orm, json, sqlite3"


def reference_seconds() -> float:
    """The processor time (seconds) of the work, about one. No other child may end meanwhile in this process."""
    before = _of_children()
    subprocess.run([sys.executable, "-I", "-c", _WORK], check=True, stdin=subprocess.DEVNULL)
    return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
