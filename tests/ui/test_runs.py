"""What the pages of a plan and a run ask for: lateness, picture, record, other runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow


def test_a_step_is_late_once_its_planned_end_has_passed(site: Site) -> None:
    timeline = site.as_user("ann").get(site.place("runs", "harbour", "RUN", "timeline")).json()
    late = {step["title"]: step for step in timeline["late"]}
    assert timeline["estimated"]
    assert late["Inspect the quay"]["due"] == "2026-03-04T09:00:00Z"
    assert late["Inspect the quay"]["late_s"] > 0
    assert "Paint the bollards" not in late, "refused: nobody is waited for"


def test_nothing_is_late_where_nothing_is_estimated(site: Site) -> None:
    timeline = site.as_user("ann").get(site.place("runs", "crowd", "RUN", "timeline")).json()
    assert not timeline["estimated"]
    assert timeline["late"] == []
    assert [phase["due"] for phase in timeline["phases"]] == [None]


@pytest.mark.parametrize(("phase", "rows"), [(None, 2), ("build", 7)])
def test_the_picture_is_an_svg_of_all_phases_or_of_one(site: Site, phase: str | None, rows: int) -> None:
    query = {"phase": phase} if phase else {}
    answer = site.as_user("ann").get(site.place("runs", "harbour", "RUN", "gantt.svg"), params=query)
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.text.startswith("<svg ")
    assert answer.text.count('class="row-title') == rows


def test_a_phase_that_the_plan_lacks_has_no_picture(site: Site) -> None:
    answer = site.as_user("ann").get(site.place("runs", "harbour", "RUN", "gantt.svg"), params={"phase": "../x"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("milestone", "picture", "status"),
    [
        ("milestone-plan", "finish", 200),
        ("milestone-plan", "cost", 404),
        ("milestone-build", "finish", 404),
        ("../x", "finish", 404),
        ("no such milestone", "finish", 404),
        ("milestone-plan", "other", 422),
    ],
)
def test_a_risk_picture_is_drawn_from_the_figures_that_there_are(
    site: Site, milestone: str, picture: str, status: int
) -> None:
    path = site.place("runs", "harbour", "RUN", "risk", milestone, f"{picture}.svg")
    assert site.as_user("ann").get(path).status_code == status


def test_the_record_is_paged_and_the_newest_comes_first(site: Site) -> None:
    path = site.place("runs", "clinic", "RUN", "events")
    first = site.as_user("vera").get(path, params={"limit": 2}).json()
    rest = site.as_user("vera").get(path, params={"limit": 2, "offset": 2}).json()
    assert [event["action"] for event in first["events"]] == ["ticket-answered", "ticket-opened"]
    assert [event["action"] for event in rest["events"]] == ["run-started"]
    assert first["total"] == rest["total"] == 3
    assert first["events"][0]["actor"]["id"] == "eve"


def test_the_record_is_verified_for_whoever_may_see_the_run(site: Site) -> None:
    """What the seed wrote past the record is named, and who may not see the plan is told nothing."""
    path = site.place("runs", "clinic", "RUN", "record")
    found = site.as_user("vera").get(path).json()
    assert (found["ok"], found["state"]) == (False, "open")
    assert {problem["code"] for problem in found["problems"]} >= {"added"}
    assert [event["action"] for event in found["events"]] == ["run-started", "ticket-opened", "ticket-answered"]
    assert {key["origin"] for key in found["keys"]} == {"given"}
    assert httpx.get(f"{site.url}/planexe/api/v1{path}").status_code == 401


def test_the_runs_of_a_plan_are_listed(site: Site) -> None:
    client = site.as_user("ann")
    assert [run["state"] for run in client.get("/plans/clinic/runs").json()] == ["success"]
    assert client.get("/plans/fresh/runs").json() == []
    assert client.get("/plans/plain/runs").status_code == 404


def test_who_may_not_start_runs_is_told_so_beside_the_snapshots(site: Site) -> None:
    path = site.place("runs", "harbour", "RUN", "snapshots")
    seen = {user: site.as_user(user).get(path).json() for user in ("vera", "boss")}
    assert not seen["vera"]["may_go_back"]
    assert seen["vera"]["why_not"] == "You may not start runs of this plan."
    assert seen["boss"]["why_not"] == (
        "This run is still under way. Stop it in Airflow first, or two runs would do the same work."
    )
    assert seen["boss"]["snapshots"] == []
