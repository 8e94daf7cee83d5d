"""Prometheus metrics: a real scrape says what the meter and the counts hold."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from curation.pipeline.counts import Counts
from flows.prometheus import serve_metrics
from models.meter import Meter
from schemas.errors import ConfigError
from schemas.kit.local_process import free_port


def scrape(url: str) -> dict[tuple[str, tuple[str, ...]], float]:
    with urllib.request.urlopen(url, timeout=30) as answer:
        text = answer.read().decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.name.startswith("v2xum_") and family.documentation for family in families)
    return {
        (s.name, tuple(s.labels[key] for key in sorted(s.labels))): s.value
        for family in families
        for s in family.samples
    }


def test_a_scrape_says_what_the_meter_says() -> None:
    meter, counts = Meter(), Counts()
    with serve_metrics(free_port(), meter, counts) as url:
        assert url is not None
        before = scrape(url)
        assert before["v2xum_tokens_in_total", ()] == 0
        meter.reply(120, 30)
        meter.cached(4)
        meter.frame()
        meter.change("in_flight", 3)
        meter.change("queued", 7)
        meter.retry("timeout")
        meter.retry("timeout")
        meter.failure('odd "kind"\n\\')
        meter.limit("http://127.0.0.1:8000/v1", 16)
        meter.pause("no server answers")
        with meter.waiting("decode"):
            pass
        counts.advance("caption", "made")
        counts.transferred(2_500_000)
        found = scrape(url)
    assert found["v2xum_tokens_in_total", ()] == 120
    assert found["v2xum_tokens_out_total", ()] == 30
    assert found["v2xum_replies_total", ()] == 1
    assert found["v2xum_cached_replies_total", ()] == 4
    assert found["v2xum_frames_total", ()] == 1
    assert found["v2xum_requests_in_flight", ()] == 3
    assert found["v2xum_requests_queued", ()] == 7
    assert found["v2xum_retries_total", ("timeout",)] == 2
    assert found["v2xum_failures_total", ('odd "kind"\n\\',)] == 1
    assert found["v2xum_request_limit", ("http://127.0.0.1:8000/v1",)] == 16
    assert found["v2xum_wait_seconds_total", ("decode",)] >= 0
    assert found["v2xum_stage_videos_total", ("made", "caption")] == 1
    assert found["v2xum_downloaded_bytes_total", ()] == 2_500_000
    assert found["v2xum_paused", ()] == 1


@pytest.mark.slow
def test_it_ends_with_the_run_and_frees_its_port() -> None:
    port, before = free_port(), threading.active_count()
    for _ in range(2):
        with serve_metrics(port, Meter(), Counts()) as url:
            assert scrape(str(url))
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5)
    assert threading.active_count() <= before


def test_no_port_is_no_server() -> None:
    with serve_metrics(None, Meter(), Counts()) as url:
        assert url is None


def test_a_taken_port_is_a_matter_of_configuration() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(ConfigError, match=r"run\.metrics_port"),
            serve_metrics(taken.getsockname()[1], Meter(), Counts()),
        ):
            pass
