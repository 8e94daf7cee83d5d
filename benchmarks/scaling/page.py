"""The page docs/results/scale.md: what was measured, and what a simulation makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.scaling.growth import EXPONENTS
from benchmarks.scaling.loglog import loglog
from benchmarks.scaling.sites import GPUS, VIDEOS, Costs, Site, answer, calibrated, rate

_ROLES = ("run", "decoders", "server")
_PACE = 12.0  # seconds: about 300 videos an hour are tolerated from one address
_WORKERS = 8


def page(rows: Sequence[dict[str, Any]]) -> str:
    """The page in Markdown; `rows` are at least two sizes in order."""
    costs = calibrated(rows)
    return "\n".join([*_measured(rows), "", *_calibration(costs), "", *_simulated(costs), ""])


def plots(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The SVG files of the page by name."""
    costs = calibrated(rows)
    growth = {
        "wall time (s)": [(row["videos"], row["seconds"]) for row in rows],
        "CPU time (s)": [(row["videos"], row["cpu_seconds"]) for row in rows],
        "ledger (MB)": [(row["videos"], row["ledger_mb"]) for row in rows],
        "memory of the run (MB)": [(row["videos"], row["memory_mb"]["run"]) for row in rows],
    }
    gained = {name: [(gpus, 3600 * rate(site(gpus), costs).rate) for gpus in GPUS] for name, site in _SITES.items()}
    return {
        "scale-growth.svg": loglog("Growth with the videos", "videos", "", growth),
        "scale-gpus.svg": loglog("Videos an hour over GPUs, simulated", "GPUs", "videos an hour", gained),
    }


def _one_worker(gpus: int) -> Site:
    return Site(gpus)


def _many_workers(gpus: int) -> Site:
    return Site(gpus, workers_a_node=min(gpus, _WORKERS))


def _paced(gpus: int) -> Site:
    return Site(gpus, workers_a_node=min(gpus, _WORKERS), pace=_PACE)


_SITES = {
    "one worker a node": _one_worker,
    "a worker for each GPU": _many_workers,
    "from one publisher": _paced,
}


def _measured(rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    last = rows[-1]
    yield from (
        "# How a run grows",
        "",
        "`python -m benchmarks scale --out docs/results` writes this page (`make scale`). Films of 183 frames "
        "(64 x 48) go through the real pipeline: decoders, store, ledger, reply cache, audits, export, Prefect's "
        "server. Only the models answer at once.",
        "",
        "## Measured",
        "",
        f"On {last['cores']} cores. The exponent is the slope in a log-log plot since the row above: 1 is linear.",
        "",
        "| videos | wall s | exponent | CPU s | exponent | references | exponent | export s | ledger MB "
        "| of it replies | store MB | export MB | run MB | one decoder MB | server MB |",
        "|" + "---:|" * 15,
    )
    for row in rows:
        figures = [row["videos"]]
        figures += [row[name] for pair in zip(EXPONENTS.values(), EXPONENTS, strict=True) for name in pair]
        figures += [row[name] for name in ("export_seconds", "ledger_mb", "replies_mb", "store_mb", "export_mb")]
        figures += [row["memory_mb"].get(role) for role in _ROLES]
        yield "| " + " | ".join("" if figure is None else f"{figure:,}" for figure in figures) + " |"
    yield from (
        "",
        "The last three columns are the most memory of one process: the run (its peak is the export), a decoder, "
        "Prefect's server.",
        "",
        "A reference is a fixed piece of work (an interpreter that imports pandas and SQLAlchemy), timed every 30 "
        "seconds beside the run. The CPU time in references is what tells growth from hours in which the machine was "
        f"slow: {'; '.join(map(_paces, rows))}.",
        "",
        "![Time, ledger and memory over the number of videos](scale-growth.svg)",
    )


def _paces(row: dict[str, Any]) -> str:
    low, middle, high = (f"{value:.0f}" for value in row["reference_ms"])
    sittings = f", in {row['sittings']} sittings" if row["sittings"] > 1 else ""
    return f"at {row['videos']:,} videos it took {low} to {high} ms, mostly {middle}{sittings}"


def _calibration(costs: Costs) -> Iterable[str]:
    yield from (
        "## What one video more costs",
        "",
        "| | | from |",
        "|---|---:|---|",
        f"| worker process | {1000 * costs.client:.0f} ms of one core | this page, smallest to largest size |",
        f"| export | {1000 * costs.export:.0f} ms, {costs.export_kb:.1f} kB of memory | this page |",
        f"| ledger | {costs.ledger_kb:.0f} kB | this page |",
        f"| ledger's database | {1000 * costs.ledger:.1f} ms | 64 workers, [0069](../decisions/0069-claims.md) |",
        f"| decoding, 360p | {costs.decode:.1f} s of one core | `python -m benchmarks frames` |",
        f"| GPU | {costs.gpu:.2f} s | **an estimate** from published rates: 35 captions, two texts |",
    )


def _simulated(costs: Costs) -> Iterable[str]:
    yield from (
        "## Simulated: 1 to 64 GPUs, 100,000 to 10,000,000 videos",
        "",
        "No such machines were at hand. A queueing simulation (benchmarks/scaling/simulate.py) lets 10,000 videos pass "
        "through stations in a row with these costs, log-normal times and a bound of videos in flight; more videos "
        "have the same rate. Nodes have 8 GPUs and 64 cores. The bottleneck is the busiest station, or the export "
        "where that takes longer than all stages. One publisher tolerates about 300 videos an hour from one address; "
        "here each node has one of its own, and `download.pace` is divided by the nodes. A worker is one process, "
        "which uses one core; `run.workers_per_node` says how many a node has.",
        "",
        "![Videos an hour over GPUs](scale-gpus.svg)",
    )
    for name, site in _SITES.items():
        yield from ("", f"**{name[0].upper()}{name[1:]}**", "")
        yield "| GPUs | videos/h | " + " | ".join(f"{videos:,} videos" for videos in VIDEOS) + " |"
        yield "|---:|---:|" + "---|" * len(VIDEOS)
        for gpus in GPUS:
            cells = []
            for videos in VIDEOS:
                found = answer(site(gpus), costs, videos)
                hours = found.stages_hours + found.export_hours
                cells.append(f"{_time(hours)}, {found.bottleneck}")
            yield f"| {gpus} | {3600 * rate(site(gpus), costs).rate:,.0f} | " + " | ".join(cells) + " |"
    yield ""
    for videos in VIDEOS:
        found = answer(Site(1), costs, videos)
        yield (
            f"- {videos:,} videos: the export takes {_time(found.export_hours)} and {found.export_gb:,.1f} GB of "
            f"memory, the ledger {found.ledger_gb:,.0f} GB."
        )


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} d"
