"""All consumers that a release is read with before it is published. The oracle stands apart: others are measured by it.

A consumer is named by its module, since it runs in a process of its own: the reader of evaluations stands above this
package and is not imported here.
"""

from __future__ import annotations

from curation.release.consumers.run import Consumer

_HERE = "curation.release.consumers.readers"

ORACLE = Consumer("pyarrow", f"{_HERE}.arrow", "pyarrow", "pyarrow")
CONSUMERS: tuple[Consumer, ...] = (
    Consumer("datasets", f"{_HERE}.hub_table", "datasets", "datasets"),
    Consumer("datasets (streaming)", f"{_HERE}.hub_stream", "datasets", "datasets"),
    Consumer("pandas", f"{_HERE}.pandas_frames", "pandas", "pandas"),
    Consumer("polars", f"{_HERE}.polars_frames", "polars", "polars"),
    Consumer("duckdb", f"{_HERE}.duckdb_tables", "duckdb", "duckdb"),
    Consumer("formats of trainers", f"{_HERE}.trainer_formats", "v2xum-curator", "curation", ()),
    Consumer("v2xum evaluate", "evaluation.release_consumer", "v2xum-curator", "evaluation", ("full",)),
)
