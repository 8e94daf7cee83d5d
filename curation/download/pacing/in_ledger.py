"""The states of hosts in a ledger in PostgreSQL: all machines of a run share them, by the database's clock.

Each method is one statement that commits by itself. So a row is locked for as long as the server takes, never while a
client thinks: a process that is stopped or cut off holds nothing that others, or a heartbeat, wait for. It needs no
fence either: the rows are politeness, and no result depends on them. docs/decisions/0073-what-nodes-share.md.
"""

from __future__ import annotations

import functools
from typing import Any

from curation.download.pacing.states import Closed, Pause, Paused, Turn
from curation.ledger import tables as t
from curation.ledger.ledger import Ledger

TRIAL = 300.0  # seconds for which a visit alone may try a host: who takes longer may have died, and another one tries
_NONE = -1  # the number of no trial


class InLedger:
    """The states that all processes of a run share. As HostStates; raises OperationalError without the database."""

    def __init__(self, ledger: Ledger) -> None:
        """Use the connections of a ledger in PostgreSQL."""
        self._engine = ledger.engine.execution_options(isolation_level="AUTOCOMMIT")
        schema = (ledger.engine.get_execution_options().get("schema_translate_map") or {}).get(None)
        quote = ledger.engine.dialect.identifier_preparer.quote
        self._table = f"{quote(schema)}.{t.hosts.name}" if schema else t.hosts.name

    def forget(self) -> None:
        """Forget all hosts: a run begins, and as on one machine the user may have found a way out of a pause."""
        self._ask("DELETE FROM HOSTS RETURNING host")

    def take(self, host: str, pace: float) -> Turn | Closed:
        """As HostStates. A turn that was given to a process that died passes unused."""
        row = self._first(_TAKE, host=host, pace=pace, trial=TRIAL)
        if row is None:
            return self._closed(host)
        wait, refusals, trials = row
        is_trial = wait <= 0 and refusals > 0
        return Turn(max(0.0, float(wait)), trials if is_trial else None)

    def begin(self, host: str) -> Turn | Closed:
        """As HostStates."""
        row = self._first(_BEGIN, host=host, trial=TRIAL)
        if row is None:
            return self._closed(host)
        refusals, trials = row
        return Turn(0.0, trials if refusals > 0 else None)

    def forbidden(self, host: str) -> tuple[int, bool]:
        """As HostStates."""
        row = self._first(_FORBIDDEN, host=host)
        return (1, False) if row is None else (row[0], row[1] > 0)

    def answered(self, host: str, trial: int | None) -> None:
        """As HostStates. Where nothing changes, no row is written."""
        self._ask(_ANSWERED, host=host, mine=_NONE if trial is None else trial)

    def refused(self, host: str, trial: int | None, reason: str, pause: Pause) -> None:
        """As HostStates."""
        self._ask(_REFUSED, host=host, mine=_NONE if trial is None else trial, reason=reason, **pause._asdict())

    def silent(self, host: str, trial: int | None) -> None:
        """As HostStates; without a trial nothing is asked."""
        if trial is not None:
            self._ask(_SILENT, host=host, mine=trial)

    def delay(self, host: str, seconds: float) -> None:
        """As HostStates."""
        self._ask(_DELAY, host=host, seconds=seconds)

    def paused(self) -> list[Paused]:
        """As HostStates."""
        return [Paused(*row) for row in self._ask(_PAUSED)]

    def _closed(self, host: str) -> Closed:
        """Why there was no turn a moment ago. Where that is over now, the next download finds out."""
        row = self._first(_WHY, host=host)
        return Closed("", 0.0) if row is None else Closed(row[0], float(row[1]))

    def _first(self, statement: str, **values: Any) -> tuple[Any, ...] | None:
        rows = self._ask(statement, **values)
        return rows[0] if rows else None

    def _ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self._engine.connect() as connection:
            found = connection.exec_driver_sql(_named(statement, self._table), values)
            return [tuple(row) for row in found]


@functools.lru_cache(maxsize=64)
def _named(statement: str, table: str) -> str:
    """The statement about this table, with its words in capitals replaced."""
    for word, meaning in {**_WORDS, "HOSTS": table}.items():
        statement = statement.replace(word, meaning)
    return statement


_WORDS = {
    "STEP": "CASE WHEN IS_MINE OR h.refusals = 0 THEN 1 ELSE 0 END",
    "IS_MINE": "(h.trials = %(mine)s AND h.refusals > 0)",
    # Both times may be null, which `greatest` passes over; one of a host that has refused is not.
    "IS_CLOSED": "h.refusals > 0 AND greatest(h.closed_until, h.trying_until) > NOW",
    "NOW": "statement_timestamp()",  # when the server got the statement: the same everywhere in it
    "SECOND": "interval '1 second'",
}
# A turn that begins at once is a trial, where the host has refused; one that is waited for becomes it in _BEGIN.
_TAKE = """
INSERT INTO HOSTS AS h (host, next_turn, reason, forbidden, refusals, trials)
VALUES (%(host)s, NOW + %(pace)s * SECOND, '', 0, 0, 0)
ON CONFLICT (host) DO UPDATE SET
  next_turn = greatest(h.next_turn, NOW) + %(pace)s * SECOND,
  trying_until = CASE WHEN h.refusals > 0 AND h.next_turn <= NOW THEN NOW + %(trial)s * SECOND END,
  trials = h.trials + CASE WHEN h.refusals > 0 AND h.next_turn <= NOW THEN 1 ELSE 0 END
WHERE NOT (IS_CLOSED)
RETURNING extract(epoch FROM h.next_turn - %(pace)s * SECOND - NOW)::float8, h.refusals, h.trials
"""
_BEGIN = """
UPDATE HOSTS AS h SET
  trying_until = CASE WHEN h.refusals > 0 THEN NOW + %(trial)s * SECOND END,
  trials = h.trials + CASE WHEN h.refusals > 0 THEN 1 ELSE 0 END
WHERE h.host = %(host)s AND NOT (IS_CLOSED)
RETURNING h.refusals, h.trials
"""
_WHY = """
SELECT h.reason, greatest(extract(epoch FROM h.closed_until - NOW)::float8, 0) FROM HOSTS AS h WHERE h.host = %(host)s
"""
_FORBIDDEN = """
UPDATE HOSTS AS h SET forbidden = h.forbidden + 1 WHERE h.host = %(host)s RETURNING h.forbidden, h.refusals
"""
_ANSWERED = """
UPDATE HOSTS AS h SET
  forbidden = 0,
  refusals = CASE WHEN IS_MINE THEN 0 ELSE h.refusals END,
  trying_until = CASE WHEN IS_MINE THEN NULL ELSE h.trying_until END
WHERE h.host = %(host)s AND (h.forbidden > 0 OR IS_MINE)
RETURNING h.host
"""
_REFUSED = """
UPDATE HOSTS AS h SET
  refusals = h.refusals + STEP,
  closed_until = greatest(h.closed_until, NOW + SECOND * greatest(
    least(%(first)s * power(2::float8, least(h.refusals + STEP - 1, 60)), %(longest)s), %(asked)s)),
  reason = %(reason)s,
  trying_until = CASE WHEN IS_MINE THEN NULL ELSE h.trying_until END
WHERE h.host = %(host)s
RETURNING h.host
"""
_SILENT = """
UPDATE HOSTS AS h SET trying_until = NULL WHERE h.host = %(host)s AND IS_MINE RETURNING h.host
"""
_DELAY = """
INSERT INTO HOSTS AS h (host, next_turn, reason, forbidden, refusals, trials)
VALUES (%(host)s, NOW + %(seconds)s * SECOND, '', 0, 0, 0)
ON CONFLICT (host) DO UPDATE SET next_turn = greatest(h.next_turn, NOW + %(seconds)s * SECOND)
RETURNING h.host
"""
_PAUSED = """
SELECT h.host, extract(epoch FROM h.closed_until - NOW)::float8, h.reason FROM HOSTS AS h
WHERE h.refusals > 0 AND h.closed_until > NOW ORDER BY h.host
"""
