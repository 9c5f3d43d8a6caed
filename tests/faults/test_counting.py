"""That a campaign sees what must not be: an event that went, and what was never tried."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from planexe_dag_factory.record.keys import make_ring
from tests.faults.campaign import AT_NAMED, Campaign, Row
from tests.faults.counting import calls, describe_calls, losses
from tests.faults.mill import calls_beside
from tests.faults.moments import AFTER, RANDOM, Watch
from tests.faults.sites import KINDS
from tests.record.runs import finished_run, record_of


def site(folder: Path) -> Any:
    if not (folder / "keys").exists():
        make_ring(folder / "keys")
    return SimpleNamespace(keys=folder / "keys", journal=folder / "journal", phases=("one", "two"), kinds=KINDS)


def test_an_event_that_was_seen_and_is_gone_is_a_loss(tmp_path: Path) -> None:
    run = record_of(finished_run(tmp_path))
    folder = Path(str(run.root))
    watch = Watch(folder, tmp_path / "journal", lambda: 0)
    assert len(watch.events) > 10
    assert not [said for said in losses(run, site(tmp_path), (), watch.events) if "was there, and is lost" in said]
    about, name = min(watch.events)
    (folder / "audit" / about / name).unlink()
    assert f"the event {about}/{name} was there, and is lost" in losses(run, site(tmp_path), (), watch.events)


def test_calls_under_the_same_key_are_counted_and_must_be_the_same(tmp_path: Path) -> None:
    lines = [{"run": "run", "step": "s", "key": key, "digest": d} for key, d in (("a", "1"), ("a", "1"), ("b", "2"))]
    path = calls_beside(tmp_path / "journal")
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = "the mill was asked 3 times for 2 assignments: 1 times again under the same key"
    assert describe_calls(calls("run", site(tmp_path))) == said
    path.write_text(path.read_text() + json.dumps({**lines[0], "run": "run", "digest": "other"}) + "\n")
    run = record_of(finished_run(tmp_path))
    assert "the key a came with 2 assignments" in losses(run, site(tmp_path), (), ())


def test_a_complete_campaign_has_killed_at_every_moment_and_every_kind(tmp_path: Path) -> None:
    campaign = Campaign(site(tmp_path), kills=1, seed=1, complete=True)
    assert {f"nothing was killed at the moment {moment}" for moment in AFTER} <= set(campaign.faults)
    campaign.rows = [Row(kind, kind, moment, "", 1.0) for moment, kind in AT_NAMED if kind in KINDS]
    campaign.rows += [Row(kind, kind, RANDOM, "", 1.0) for kind in KINDS if kind != "worker"]
    assert campaign.faults == []
    campaign.rows = [row for row in campaign.rows if row.component != "worker"]
    assert "no worker was killed" in campaign.faults
    campaign.kills = 1000
    assert any(said.endswith("of 1000 kills in time") for said in campaign.faults)
