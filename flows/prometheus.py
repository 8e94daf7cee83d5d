"""Serves a run's meter and counts to Prometheus, on the loopback address only.

v2xum_tokens_in_total, v2xum_tokens_out_total, v2xum_replies_total, v2xum_cached_replies_total, v2xum_frames_total
v2xum_requests_in_flight, v2xum_requests_queued, v2xum_request_limit{server}
v2xum_retries_total{kind}, v2xum_failures_total{kind}, v2xum_wait_seconds_total{kind}, v2xum_busy_seconds_total
v2xum_stage_videos_total{stage,outcome}, v2xum_downloaded_bytes_total, v2xum_run_seconds, v2xum_paused
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from curation.pipeline.counts import Counts
from models.meter import Meter
from schemas.errors import ConfigError

ADDRESS = "127.0.0.1"


class RunCollector(Collector):
    """Turns the state of a run into metrics, again at every scrape."""

    def __init__(self, meter: Meter, counts: Counts) -> None:
        """Collect from this meter and these counts."""
        self._meter = meter
        self._counts = counts

    def describe(self) -> list[Metric]:
        """Describe no metric in advance, so that registering does not read the meter."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics as they are now."""
        now = self._meter.read()
        yield _counter("tokens_in", "Tokens that models read and that were paid for.", now.tokens_in)
        yield _counter("tokens_out", "Tokens that models wrote.", now.tokens_out)
        yield _counter("replies", "Replies that models gave.", now.replies)
        yield _counter("cached_replies", "Replies that were in the ledger already.", now.cached)
        yield _counter("frames", "Frames that were given to the captioner.", now.frames)
        yield _counter("busy_seconds", "Wall time during which a server had at least one request.", now.busy_seconds)
        yield _gauge("requests_in_flight", "Requests at servers.", now.in_flight)
        yield _gauge("requests_queued", "Requests that wait to be sent.", now.queued)
        yield _gauge("paused", "1 while no request is sent because no server answers.", int(now.paused is not None))
        yield _gauge("run_seconds", "Wall time since the run's services were opened.", now.seconds)
        retries: dict[str, float] = {**now.retries}
        failures: dict[str, float] = {**now.failures}
        yield _counters("retries", "Requests that were sent again, by reason.", "kind", retries)
        yield _counters(
            "failures", "Requests that were given up and replies that were unusable, by reason.", "kind", failures
        )
        yield _counters("wait_seconds", "Time that threads waited, by what they waited for.", "kind", now.waits)
        limits = GaugeMetricFamily("v2xum_request_limit", "Requests that a server may have at once.", labels=["server"])
        for server, limit in sorted(now.limits.items()):
            limits.add_metric([server], limit)
        yield limits
        videos = CounterMetricFamily("v2xum_stage_videos", "Videos by stage and outcome.", labels=["stage", "outcome"])
        for stage, row in self._counts.rows().items():
            for outcome, count in row.items():
                videos.add_metric([stage, outcome], count)
        yield videos
        yield _counter("downloaded_bytes", "Bytes that were downloaded.", round(self._counts.megabytes * 1e6))


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(f"v2xum_{name}", text, value=value)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"v2xum_{name}", text, value=value)


def _counters(name: str, text: str, label: str, values: dict[str, float]) -> Metric:
    family = CounterMetricFamily(f"v2xum_{name}", text, labels=[label])
    for key, value in sorted(values.items()):
        family.add_metric([key], value)
    return family


def require_port(port: int | None) -> None:
    """Raise ConfigError when a run could not serve its metrics on this port: before it works, not in the middle."""
    if port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # like the server of the metrics
        try:
            probe.bind((ADDRESS, port))
            probe.listen(1)
        except OSError as error:
            raise _taken(port, error) from error


def _taken(port: int, error: OSError) -> ConfigError:
    return ConfigError(
        f"run.metrics_port: {ADDRESS}:{port} cannot be listened on ({error.strerror}); set it to a free port"
    )


@contextmanager
def serve_metrics(port: int | None, meter: Meter, counts: Counts) -> Iterator[str | None]:
    """Serve a run's metrics until the block ends; yields their URL, or None when `port` is None.

    Raises ConfigError when the port is taken.
    """
    if port is None:
        yield None
        return
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RunCollector(meter, counts))
    try:
        server, thread = start_http_server(port, addr=ADDRESS, registry=registry)
    except OSError as error:
        raise _taken(port, error) from error
    try:
        yield f"http://{ADDRESS}:{port}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
