"""Approvals that are handed on through the API: never to whom the asker chooses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = [pytest.mark.airflow, pytest.mark.usefixtures("treasury")]


@pytest.fixture(scope="module")
def treasury(site: Site) -> Iterator[None]:
    """A people file: Finance is ann, dora is asked next, the boss owns the plan, and carl has nothing to do with it."""
    path = Path(site.environment["AIRFLOW_HOME"]) / "people.json"
    roles = {"Finance": {"users": ["ann"]}, "Deputy treasurer": {"users": ["dora"]}}
    path.write_text(json.dumps({"owner": {"users": ["boss"]}, "groups": {"office": ["carl"]}, "roles": roles}))
    yield
    path.unlink()


def hand(site: Site, who: str, number: int, to: str, **more: Any) -> tuple[int, str]:
    action = "delegate" if more else "reassign"
    path = site.place("tickets", "vault", "RUN", f"buy-{number:02}.gate", action)
    answer = site.as_user(who).post(path, json={"to": {"user": to}, "reason": "x", **more})
    return answer.status_code, answer.json()["detail"] if answer.content else ""


def test_who_started_the_run_hands_its_approvals_to_nobody(site: Site) -> None:
    """Else the owner starts a run, may not approve, and has a friend do it."""
    assert hand(site, "boss", 1, "carl") == (
        403,
        "Whoever started the run cannot approve its steps: somebody else must, whom others choose.",
    )
    approve = {"option": "Approve", "fields": {"amount": 250_000}}
    path = site.place("tickets", "vault", "RUN", "buy-01.gate", "answer")
    assert site.as_user("carl").post(path, json=approve).status_code == 403


def test_an_approval_goes_only_to_those_who_may_decide_it(site: Site) -> None:
    status, why = hand(site, "ann", 2, "carl")
    assert (status, why.split(":")[0]) == (403, "Carl may not decide this")
    status, why = hand(site, "ann", 2, "boss")
    assert (status, why.split(":")[0]) == (403, "Boss cannot be asked")
    assert hand(site, "ann", 2, "dora") == (204, "")
    ticket = site.as_user("dora").get(site.place("tickets", "vault", "RUN", "buy-02.gate")).json()
    assert (ticket["assigned"]["users"], ticket["may_answer"]) == (["dora"], True)


def test_a_delegate_does_not_take_the_ticket_away(site: Site) -> None:
    until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert hand(site, "ann", 3, "dora", until=until) == (204, "")
    refusal = "You are asked only for a while, and cannot hand on what was lent to you."
    assert hand(site, "dora", 3, "dora") == (403, refusal)
    assert hand(site, "dora", 3, "dora", until=until) == (403, refusal)


def test_what_somebody_cannot_decide_is_not_listed_for_them(site: Site) -> None:
    """The boss has started the run: approvals that ask the boss too are for ann alone."""
    path = Path(site.environment["AIRFLOW_HOME"]) / "people.json"
    before = path.read_text()
    path.write_text(json.dumps(json.loads(before) | {"roles": {"Finance": {"users": ["ann", "boss"]}}}))
    try:
        for scope, found in (("me", False), ("mine", False), ("groups", False), ("all", True)):
            page = site.as_user("boss").get("/tickets", params={"dag_id": "vault", "scope": scope}).json()
            assert bool(page["total"]) is bool(page["counts"][scope]) is found
        assert site.as_user("ann").get("/tickets", params={"dag_id": "vault", "scope": "me"}).json()["total"] > 0
    finally:
        path.write_text(before)
