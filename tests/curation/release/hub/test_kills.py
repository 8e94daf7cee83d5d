"""A publication that is killed: `main` shows the old release or the new one, and the next call goes on."""

import random
from pathlib import Path

import pytest

from benchmarks.publishing.kills import Campaign
from curation.workspace import Workspace

pytestmark = pytest.mark.slow
KILLS = 6  # `python -m benchmarks publish_kills` does 20 at random moments, and one at every request


def test_main_is_whole_after_every_kill(two_releases: Workspace, tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, two_releases.root, seed=1)
    campaign.measure()
    requests = random.Random(1).sample(range(3, campaign.requests), KILLS // 2)
    for number in requests:
        campaign.kill_at_request(number)
    for _ in range(KILLS - KILLS // 2):
        campaign.kill_at_random()
    found = campaign.findings
    assert found["kills"] == KILLS and found["mixtures"] == [] and found["not_resumed"] == []
