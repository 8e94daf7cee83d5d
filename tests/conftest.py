"""What holds for every test: no property fails because the machine is busy; and the servers that many tests share."""

import os

from hypothesis import settings

from curation.ledger.databases import LEDGER
from tests.postgres import postgresql as postgresql

settings.register_profile("v2xum", deadline=None)
settings.load_profile("v2xum")
os.environ.pop(LEDGER, None)  # nobody's own database is written to
