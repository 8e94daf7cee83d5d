"""What a run shows: bars with a line of the models' figures on a terminal, else lines to read, or JSON if asked."""

from __future__ import annotations

import io
import json

import pytest

from curation.ledger.stages import STAGES
from curation.pipeline.counts import Counts
from curation.pipeline.throughput import Rates
from flows.local import progress as terminal
from flows.local.progress import Display, meter_line
from models.meter import Meter


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def busy() -> Meter:
    meter = Meter()
    meter.reply(5000, 400)
    meter.cached(12)
    meter.change("in_flight", 8)
    meter.change("queued", 90)
    meter.limit("http://a/v1", 16)
    meter.limit("http://b/v1", 16)
    meter.retry("rate_limited")
    meter.failure("timeout")
    return meter


RATES = Rates(12_345.6, 789.0, 45.67)


def test_the_line_says_rates_load_and_trouble() -> None:
    line = meter_line(busy().read(), RATES).plain
    for words in ("12,346 tok/s in", "789 tok/s out", "45.7 frames/s", "8 of 32 in flight", "90 queued"):
        assert words in line
    assert "1 retried" in line and "1 failed" in line and "12 cached" in line and "paused" not in line


def test_a_pause_is_said_in_red_and_cannot_colour_the_terminal() -> None:
    meter = busy()
    meter.pause("http://a/v1 is gone\x1b[2J\nsince 10:00")
    line = meter_line(meter.read(), RATES)
    assert "paused: http://a/v1 is gone[2J since 10:00" in line.plain
    assert any("red" in str(span.style) for span in line.spans)


def test_json_lines_keep_their_keys_and_tell_the_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_EVERY_SECONDS", 0.0)
    stream, counts = io.StringIO(), Counts()
    with Display(stream, as_json=True) as display:
        display.meter(busy().read(), RATES)
        counts.advance("caption", "made")
        display.show("caption", counts)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert lines
    for line in lines:
        assert line["event"] == "progress" and set(line["stages"]) == set(STAGES.names) and "downloaded_mb" in line
        assert (line["tokens_in"], line["in_flight"], line["queued"], line["limit"]) == (5000, 8, 90, 32)
        assert line["tokens_in_per_second"] == 12345.6 and line["paused"] is None
        assert line["retries"] == {"rate_limited": 1} and line["failures"] == {"timeout": 1}


def test_a_stalled_run_is_heard_of_without_any_video_moving(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, counts, meter = io.StringIO(), Counts(), busy()
    display = Display(stream, as_json=True)
    monkeypatch.setattr(display, "_every", 3600.0)
    display.show("caption", counts)
    said = len(stream.getvalue().splitlines())
    display.meter(meter.read(), RATES)
    assert len(stream.getvalue().splitlines()) == said  # not yet: more time must pass
    monkeypatch.setattr(display, "_every", 0.0)
    meter.pause("no server answers")
    display.meter(meter.read(), RATES)
    assert json.loads(stream.getvalue().splitlines()[-1])["paused"] == "no server answers"
    said = len(stream.getvalue().splitlines())
    display.meter(meter.read(), RATES)
    assert len(stream.getvalue().splitlines()) == said  # nothing new


def test_a_run_in_which_nothing_was_counted_yet_is_heard_of(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    display = Display(stream, as_json=True)
    display.meter(busy().read(), RATES)
    assert not stream.getvalue()  # not yet
    monkeypatch.setattr(terminal, "_QUIET_SECONDS", 0.0)
    display.meter(busy().read(), RATES)
    line = json.loads(stream.getvalue())
    assert set(line["stages"]) == set(STAGES.names) and line["in_flight"] == 8


def test_without_a_terminal_there_are_lines_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "_READ_SECONDS", 0.0)
    stream, counts = io.StringIO(), Counts()
    with Display(stream) as display:
        counts.advance("download", "made")
        display.show("download", counts)
        display.total(1)
        counts.advance("download", "rejected")
        counts.transferred(3_200_000)
        display.meter(busy().read(), RATES)
        display.show("download", counts)
    first, *_, last = stream.getvalue().splitlines()
    assert first == "progress: download 1"
    assert last.startswith("progress: 1 video: download 1 (1 rejected, 3.2 MB); 12,346 tok/s in")


def test_bytes_are_summed() -> None:
    counts = Counts()
    for more in (10, 5, 2):
        counts.transferred(more)
    assert counts.megabytes == 17 / 1e6


def test_bars_stay_and_the_line_stands_below_them() -> None:
    stream = Terminal()
    with Display(stream) as display:
        display.total(3)
        counts = Counts()
        counts.advance("download", "made")
        display.show("download", counts)
        display.meter(busy().read(), RATES)
    shown = stream.getvalue()
    assert all(name in shown for name in STAGES.names) and "tok/s in" in shown
    assert shown.rindex("tok/s in") > shown.rindex(STAGES.names[-1])
