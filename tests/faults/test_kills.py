"""A few kills in one real run; `python -m tests.faults --kills 50` makes as many as one likes."""

from pathlib import Path

import pytest

from tests.faults.campaign import Campaign
from tests.faults.plan import PHASES
from tests.faults.sites import embedded

pytestmark = pytest.mark.airflow


def test_a_run_goes_on_to_its_end_whatever_is_killed(tmp_path: Path) -> None:
    with embedded(tmp_path, PHASES[:1]) as site:
        campaign = Campaign(site, kills=2, seed=3, moments=("outcome-received", "answered"))
        campaign.carry_out()
    assert [row for row in campaign.rows if row.seconds is None] == []
    assert len(campaign.rows) == 2
    assert campaign.faults == []
