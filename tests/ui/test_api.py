"""What the plugin's API says about runs and tickets, and what an answer does in Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow

STARTED = "2026-03-02T09:00:00Z"


def _plan(site: Site, dag_id: str) -> dict[str, Any]:
    [found] = site.as_user("ann").get("/plans", params={"dag_id": dag_id}).json()
    return dict(found)


def _crowd(site: Site, number: int, *more: str) -> str:
    return site.place("tickets", "crowd", "RUN", f"ask-{number:03}.human", *more)


def _in_airflow(site: Site, dag_id: str, task_id: str, suffix: str = "") -> str:
    return site.url + "/api/v2" + site.place("dags", dag_id, "dagRuns", "RUN", "taskInstances", task_id) + suffix


def test_a_plan_that_has_not_run_says_so(site: Site) -> None:
    assert _plan(site, "fresh") == {
        "dag_id": "fresh",
        "title": "Fresh",
        "paused": False,
        "lost": False,
        "last_run": None,
    }


def test_a_plan_whose_file_is_lost_is_shown_while_it_runs(site: Site) -> None:
    assert _plan(site, "broken")["lost"] is True
    assert site.as_user("boss").get("/plans", params={"dag_id": "gone"}).json() == []


def test_a_plan_shows_its_latest_run(site: Site) -> None:
    assert _plan(site, "harbour")["last_run"] == {
        "run_id": "manual__2026-03-02T09:00:00+00:00",
        "state": "running",
        "started_at": STARTED,
        "ended_at": None,
        "counts": {"done": 2, "running": 1, "waiting": 3, "refused": 1, "pending": 1},
        "phases": [
            {"title": "Planning", "state": "done", "counts": {"done": 2}},
            {
                "title": "Building",
                "state": "waiting",
                "counts": {"running": 1, "waiting": 3, "refused": 1, "pending": 1},
            },
        ],
        "waiting": [{"who": "Site manager", "steps": 2}, {"who": "Finance", "steps": 1}],
        "open_tickets": 3,
    }


def test_progress_names_every_step_and_its_state(site: Site) -> None:
    found = site.as_user("vera").get(site.place("runs", "harbour", "RUN")).json()
    phases = found.pop("phases")
    assert found.pop("run_dir").rpartition("/")[2].startswith("20260302T090000Z-harbour-")
    assert found == {
        "dag_id": "harbour",
        "run_id": "manual__2026-03-02T09:00:00+00:00",
        "title": "Harbour renewal",
        "state": "running",
        "started_at": STARTED,
        "ended_at": None,
        "recorded": True,
        "report": False,
        "counts": {"done": 2, "running": 1, "waiting": 3, "refused": 1, "pending": 1},
        "open_tickets": 3,
    }
    assert [(phase["title"], phase["state"], phase["milestone"]["report"]) for phase in phases] == [
        ("Planning", "done", True),
        ("Building", "waiting", False),
    ]
    assert {step["id"]: step["state"] for phase in phases for step in phase["steps"]} == {
        "survey": "done",
        "permit": "done",
        "dredge": "waiting",
        "estimate": "waiting",
        "inspect": "waiting",
        "crane": "running",
        "paint": "refused",
        "report": "pending",
    }
    assert phases[1]["steps"][0] == {
        "id": "dredge",
        "title": "Order the dredger",
        "package": "Building: package",
        "executor": "analysis",
        "gate": "budget",
        "state": "waiting",
        "task_id": "dredge.gate",
        "since": STARTED,
        "waits_on": "Finance",
    }


def test_a_run_that_has_written_nothing_yet_has_no_steps(site: Site) -> None:
    found = site.as_user("ann").get(site.place("runs", "starting", "RUN")).json()
    assert (found["recorded"], found["phases"], found["counts"]) == (False, [], {})


def test_the_inbox_pages_through_every_ticket_once(site: Site) -> None:
    ann = site.as_user("ann")
    total = ann.get("/tickets", params={"dag_id": "crowd", "limit": 1}).json()["total"]
    pages = [ann.get("/tickets", params={"dag_id": "crowd", "offset": at}).json() for at in range(0, total, 25)]
    rows = [row["task_id"] for page in pages for row in page["tickets"]]
    assert [page["total"] for page in pages] == [total] * len(pages)
    assert max(len(page["tickets"]) for page in pages) == 25
    assert len(rows) == len(set(rows)) == total


@pytest.mark.parametrize(
    ("kind", "tasks"),
    [
        ("approval", {"dredge.gate"}),
        ("review", {"estimate.human"}),
        ("work", {"inspect.human"}),
        ("senior_review", set()),
    ],
)
def test_the_inbox_is_filtered_by_kind(site: Site, kind: str, tasks: set[str]) -> None:
    found = site.as_user("ann").get("/tickets", params={"dag_id": "harbour", "kind": kind}).json()
    assert {row["task_id"] for row in found["tickets"]} == tasks
    assert found["total"] == len(tasks)


def test_a_row_of_the_inbox_says_what_is_asked_of_whom(site: Site) -> None:
    [row] = site.as_user("ann").get("/tickets", params={"kind": "approval", "dag_id": "harbour"}).json()["tickets"]
    assert row == {
        "dag_id": "harbour",
        "run_id": "manual__2026-03-02T09:00:00+00:00",
        "task_id": "dredge.gate",
        "n": 1,
        "kind": "approval",
        "state": "open",
        "plan": "Harbour renewal",
        "phase": "p",
        "title": "Order the dredger",
        "ask": "Please look and decide.",
        "assignee": "Finance",
        "users": [],
        "groups": [],
        "answers_for": None,
        "information_from": [],
        "claimed_by": None,
        "opened_at": "2026-03-02T09:01:00Z",
        "due_at": "2026-03-01T09:00:00Z",
        "priority": "normal",
        "put_off_until": None,
        "amount": 250000,
        "currency": None,
        "approvals": {"needed": 1, "given": 0},
        "comments": 0,
        "answered_by": None,
        "answered_with": None,
        "answered_at": None,
    }


def test_a_request_whose_ticket_is_lost_is_still_listed(site: Site) -> None:
    [row] = site.as_user("ann").get("/tickets", params={"dag_id": "starting"}).json()["tickets"]
    assert (row["kind"], row["title"], row["ask"]) == ("work", "one.human", "Please look and decide.")


def test_a_ticket_is_the_recorded_one_and_its_state(site: Site) -> None:
    found = site.as_user("ann").get(site.place("tickets", "harbour", "RUN", "estimate.human")).json()
    assert (found["plan"], found["state"], found["may_answer"]) == ("Harbour renewal", "open", True)
    assert found["agent_says"]["evidence"][0]["url"] == "javascript:alert(1)"
    assert [option["id"] for option in found["options"]] == ["Accept", "Correct", "Redo", "Refuse"]


def test_an_answer_resumes_the_task_and_is_airflows_own(site: Site) -> None:
    ann = site.as_user("ann")
    answer = {"option": "Done", "fields": {"comment": "measured twice"}, "via": "demo", "n": 1}
    taken = ann.post(_crowd(site, 1, "answer"), json=answer)
    assert taken.status_code == 200
    assert (taken.json()["option"], taken.json()["by"]) == ("Done", "ann")
    stored = ann.get(_in_airflow(site, "crowd", "ask-001.human", "/-1/hitlDetails")).json()
    assert stored["chosen_options"] == ["Done"]
    assert stored["params_input"] == {"comment": "measured twice", "result": None, "via": "demo"}
    assert stored["responded_by_user"] == {"id": "ann", "name": "ann"}
    assert stored["task_instance"]["state"] == "scheduled"
    after = ann.get(_crowd(site, 1)).json()
    assert (after["state"], after["may_answer"]) == ("answered", False)


def test_an_answer_is_in_airflows_audit_log(site: Site) -> None:
    ann = site.as_user("boss")
    ann.post(_crowd(site, 2, "answer"), json={"option": "Done", "fields": {"comment": "ok"}})
    logs = ann.get(f"{site.url}/api/v2/eventLogs", params={"dag_id": "crowd", "task_id": "ask-002.human"}).json()
    assert [(log["event"], log["owner"]) for log in logs["event_logs"]] == [("update_hitl_detail", "boss")]


def test_the_second_answer_is_too_late(site: Site) -> None:
    ann, answer = site.as_user("ann"), {"option": "Done", "fields": {"comment": "first"}}
    assert ann.post(_crowd(site, 3, "answer"), json=answer).status_code == 200
    assert site.as_user("boss").post(_crowd(site, 3, "answer"), json=answer).status_code == 409


def test_an_answer_given_on_airflows_page_closes_the_ticket_here(site: Site) -> None:
    ann = site.as_user("ann")
    there = _in_airflow(site, "crowd", "ask-004.human", "/-1/hitlDetails")
    answer = {"chosen_options": ["Done"], "params_input": {"comment": "x"}}
    assert ann.patch(there, json=answer).status_code == 200
    assert ann.get(_crowd(site, 4)).json()["state"] == "answered"
    assert ann.post(_crowd(site, 4, "answer"), json={"option": "Done", "fields": {"comment": "y"}}).status_code == 409


def test_an_answer_to_a_ticket_that_was_opened_anew_is_refused(site: Site) -> None:
    answer = {"option": "Done", "fields": {"comment": "late"}, "n": 7}
    assert site.as_user("ann").post(_crowd(site, 5, "answer"), json=answer).status_code == 409
    assert site.as_user("ann").get(_crowd(site, 5)).json()["state"] == "open"


@pytest.mark.parametrize(
    ("task", "answer", "fields_at_fault"),
    [
        ("dredge.gate", {"option": "Approve", "fields": {"colour": "red"}}, ["amount", "colour"]),
        ("dredge.gate", {"option": "Approve", "fields": {"amount": 250}}, ["amount"]),
        ("dredge.gate", {"option": "Reject"}, ["comment"]),
        ("dredge.gate", {"option": "Accept"}, ["option"]),
        ("estimate.human", {"option": "Correct", "fields": {"result": "{"}}, ["result"]),
        ("estimate.human", {"option": "Correct", "fields": {"result": '{"days": "many"}'}}, ["result"]),
        ("inspect.human", {"option": "Done", "fields": {"comment": 5, "result": "[]"}}, ["comment", "result"]),
    ],
)
def test_a_wrong_answer_is_told_all_its_problems(
    site: Site, task: str, answer: dict[str, Any], fields_at_fault: list[str]
) -> None:
    ann = site.as_user("ann")
    refused = ann.post(site.place("tickets", "harbour", "RUN", task, "answer"), json=answer)
    assert refused.status_code == 422
    problems = refused.json()["detail"]
    assert all(any(field in problem for problem in problems) for field in fields_at_fault), problems
    assert len(problems) == len(fields_at_fault)
    assert ann.get(site.place("tickets", "harbour", "RUN", task)).json()["state"] == "open"


@pytest.mark.parametrize(
    "body", [{}, {"option": 5}, {"option": "Done", "as": "boss"}, {"option": "Done", "via": "<b>"}]
)
def test_an_answer_of_the_wrong_shape_is_refused(site: Site, body: dict[str, Any]) -> None:
    assert site.as_user("ann").post(_crowd(site, 6, "answer"), json=body).status_code == 422


def test_a_report_is_served_where_it_can_do_nothing(site: Site) -> None:
    answer = site.as_user("vera").get(site.place("runs", "harbour", "RUN", "report", "milestone-plan"))
    assert answer.text.startswith("<h1>Planning</h1><script>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
    )


def test_a_report_can_be_kept_as_a_file(site: Site) -> None:
    place = site.place("runs", "harbour", "RUN", "report", "milestone-plan")
    paper = site.as_user("vera").get(place, params={"form": "pdf"})
    assert paper.content.startswith(b"%PDF-1.7 <h1>Planning</h1>")
    assert paper.headers["content-type"] == "application/pdf"
    assert paper.headers["content-disposition"] == 'attachment; filename="report.pdf"'
    assert site.as_user("vera").get(place, params={"form": "json"}).status_code == 404
    assert site.as_user("vera").get(place, params={"form": "../run.json"}).status_code == 422


@pytest.mark.parametrize("name", ["milestone-build", "../../run.json", "final"])
def test_a_report_that_is_not_there_is_not_found(site: Site, name: str) -> None:
    assert site.as_user("boss").get(site.place("runs", "harbour", "RUN", "report", name)).status_code == 404


def test_the_final_report_is_found_once_it_is_written(site: Site) -> None:
    assert site.as_user("ann").get(site.place("runs", "clinic", "RUN")).json()["report"] is True
    report = site.as_user("ann").get(site.place("runs", "clinic", "RUN", "report", "final"))
    assert report.text == "<h1>All done</h1>"


def test_the_api_describes_itself(site: Site) -> None:
    paths = site.as_user("vera").get("/openapi.json").json()["paths"]
    one = "/api/v1/tickets/{dag_id}/{run_id}/{task_id}"
    assert {path: sorted(methods) for path, methods in paths.items()} == {
        "/api/v1/absences": ["get"],
        "/api/v1/health": ["get"],
        "/api/v1/me/absence": ["delete", "get", "put"],
        "/api/v1/me/filters": ["get"],
        "/api/v1/me/filters/{name}": ["delete", "put"],
        "/api/v1/people": ["get"],
        "/api/v1/people/{name}/absence": ["delete", "put"],
        "/api/v1/plans": ["get"],
        "/api/v1/plans/{dag_id}/runs": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/events": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/record": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/snapshots": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/gantt.svg": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/risk/{milestone}/{picture}.svg": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/timeline": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/planexe/{milestone}": ["get"],
        "/api/v1/runs/{dag_id}/{run_id}/report/{milestone}": ["get"],
        "/api/v1/tickets": ["get"],
        "/api/v1/tickets/claim": ["post"],
        "/api/v1/tickets/reassign": ["post"],
        "/api/v1/tickets/release": ["post"],
        f"{one}": ["get"],
        f"{one}/answer": ["post"],
        f"{one}/approvers": ["post"],
        f"{one}/approvers/{{number}}": ["delete"],
        f"{one}/attachments": ["post"],
        f"{one}/attachments/{{number}}": ["get"],
        f"{one}/comments": ["post"],
        f"{one}/delegate": ["post"],
        f"{one}/links": ["post"],
        f"{one}/priority": ["put"],
        f"{one}/put-off": ["put"],
        f"{one}/questions": ["post"],
        f"{one}/questions/{{number}}": ["delete"],
        f"{one}/reassign": ["post"],
        f"{one}/remind": ["post"],
    }


def test_airflow_knows_the_plugin_once_and_without_errors(site: Site) -> None:
    boss = site.as_user("boss")
    plugins = boss.get(f"{site.url}/api/v2/plugins").json()["plugins"]
    [ours] = [plugin for plugin in plugins if plugin["name"] == "planexe"]
    assert [(view["destination"], view["href"]) for view in ours["external_views"]] == [
        ("nav", "planexe/plans"),
        ("nav", "planexe/inbox"),
        ("dag", "planexe/plans/{DAG_ID}"),
        ("dag_run", "planexe/runs/{DAG_ID}/{RUN_ID}"),
        ("task_instance", "planexe/tickets/{DAG_ID}/{RUN_ID}/{TASK_ID}"),
    ]
    assert boss.get(f"{site.url}/api/v2/plugins/importErrors").json()["import_errors"] == []
