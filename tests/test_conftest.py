"""Tests of what holds for every test."""

from __future__ import annotations

import logging
import sys
import weakref

import pytest
from absl.logging import get_absl_handler


def test_logging_that_is_set_up_again_leaves_the_stream_of_pytest_open(request: pytest.FixtureRequest) -> None:
    collecting = sys.stderr
    request.getfixturevalue("capsys")
    assert sys.stderr is not collecting
    logging.shutdown([weakref.ref(get_absl_handler().python_handler)])  # Prefect does it with every handler
    assert not collecting.closed
