"""What holds for every test: its work group, the servers that are shared, and how many examples a property draws."""

from __future__ import annotations

import os
import sys

import pytest
from absl.logging import get_absl_handler
from hypothesis import settings

from curation.ledger.databases import LEDGER
from tests.classifier import tiny_classifier as tiny_classifier
from tests.faces import deface as deface
from tests.groups import in_order
from tests.label_studio import access as access
from tests.label_studio import label_studio as label_studio
from tests.label_studio import prepare_review as prepare_review
from tests.label_studio import server_root as server_root
from tests.label_studio import title as title
from tests.label_studio import workspace as workspace
from tests.ocr import rapidocr as rapidocr
from tests.postgres import postgresql as postgresql
from tests.runs import films as films
from tests.runs import server as server
from tests.runs import undisturbed as undisturbed
from tests.runs import v2xum as v2xum
from tests.s3 import s3 as s3
from tests.s3 import s3_server as s3_server

# No property fails because the machine is busy. `make test-core` draws fewer examples: --hypothesis-profile quick.
settings.register_profile("v2xum", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.load_profile("v2xum")
os.environ.pop(LEDGER, None)  # nobody's own database is written to
# Prefect closes every log handler when it sets logging up. absl's closes its stream too, unless that is sys.stderr of
# this moment or of the interpreter's start: the one in which pytest collects what tests say must not be its stream.
get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test its group, and put the long groups first: workers take them in this order."""
    items[:] = in_order(items)
