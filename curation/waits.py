"""What a run waited for, in a sentence: were the models kept busy, or held up by decoding or downloads?"""

from __future__ import annotations

from schemas.run_summary import Totals

_BUSY = 0.9
_LATE = 0.2
_LANES = {"decode": ("decoding", "run.decode_workers"), "download": ("downloads", "run.download_workers")}


def verdict(totals: Totals, first: float | None = None) -> str:
    """Plain sentences about the figures of a run; `first` is when the first tokens came, s after its start."""
    if not totals.replies:
        return "No model was asked: the ledger had every reply." if totals.cached else "No model was asked."
    lane = max(_LANES, key=lambda name: totals.waits.get(name, 0.0))
    word, key = _LANES[lane]
    waited = totals.waits.get(lane, 0.0)
    late = f" The first tokens came after {_seconds(first)}." if first and first > _LATE * totals.seconds else ""
    if totals.busy_seconds > 0 and totals.seconds > 0:
        busy = min(totals.busy_seconds / totals.seconds, 1.0)
        share = f"The model servers had requests in flight for {busy:.0%} of the run"
        if busy >= _BUSY:
            return f"{share}: they set the pace."
        if waited < (1 - busy) * totals.seconds / 2:
            return f"{share}, and neither decoding nor downloads explain the rest.{late}"
        return f"{share}; meanwhile {word} took {_seconds(waited)}. More of {key} would feed them better.{late}"
    model = totals.waits.get("model", 0.0)
    told = f"Threads, taken together, waited {_seconds(model)} for models and {_seconds(waited)} for {word}"
    return f"{told}: the models set the pace.{late}" if model >= waited else f"{told}; more of {key} may help.{late}"


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 10 else f"{value:.1f} s"
