"""`planexe-dag tickets` against a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from planexe_dag_factory.cli import app

if TYPE_CHECKING:
    from tests.ui.conftest import Site

pytestmark = pytest.mark.airflow


def invoke(site: Site, *words: str, user: str = "ann") -> Result:
    environment = {"PLANEXE_DAG_URL": site.url, "PLANEXE_DAG_USER": user, "PLANEXE_DAG_PASSWORD": user}
    return CliRunner().invoke(app, ["tickets", *words], env=environment)


def test_the_list_shows_whom_each_ticket_waits_for(site: Site) -> None:
    shown = invoke(site, "list", "--dag", "harbour")
    assert shown.exit_code == 0
    assert {"dredge.gate", "estimate.human", "inspect.human"} <= set(shown.stdout.split())
    page = json.loads(invoke(site, "list", "--dag", "harbour", "--kind", "approval", "--json").stdout)
    assert [row["task_id"] for row in page["tickets"]] == ["dredge.gate"]


def test_a_ticket_is_shown_taken_talked_about_and_answered(site: Site) -> None:
    rows = json.loads(invoke(site, "list", "--dag", "crowd", "--json").stdout)["tickets"]
    free = next(row["task_id"] for row in rows if row["claimed_by"] is None)
    shown = invoke(site, "show", f"crowd/{free}")
    assert "Please look and decide." in shown.stdout
    assert "Done: It is done (needs comment)" in shown.stdout
    assert invoke(site, "claim", free).exit_code == 0
    refused = invoke(site, "claim", free, user="boss")
    assert (refused.exit_code, "ann has claimed" in refused.stderr.lower()) == (1, True)
    assert invoke(site, "comment", free, "On it.").exit_code == 0
    assert "On it." in invoke(site, "show", free).stdout
    incomplete = invoke(site, "answer", free, "Done")
    assert (incomplete.exit_code, incomplete.stderr) == (1, "comment: needed to answer 'Done'\n")
    done = invoke(site, "answer", free, "Done", "--comment", "Looked.")
    assert (done.exit_code, done.stderr) == (0, "The step is done, and your note is on record.\n")
    assert invoke(site, "release", free).exit_code == 1


def test_an_answer_to_a_closed_ticket_is_refused(site: Site) -> None:
    task = f"{site.url}/api/v2/dags/crowd/dagRuns/{site.run_id}/taskInstances/ask-033.human"
    site.as_user("boss").patch(task, json={"new_state": "failed"}).raise_for_status()
    refused = invoke(site, "answer", f"crowd/{site.run_id}/ask-033.human", "Done", "--comment", "measured")
    assert (refused.exit_code, "It is closed" in refused.stderr) == (1, True)


def test_others_are_reminded_or_it_is_said_why_not(site: Site) -> None:
    refused = invoke(site, "remind", f"crowd/{site.run_id}/ask-039.human")
    assert (refused.exit_code, "Nobody can be told" in refused.stderr) == (1, True)


def test_text_of_an_agent_cannot_steer_the_terminal(site: Site) -> None:
    shown = invoke(site, "show", "estimate.human").stdout
    assert "\u202e" not in shown
    assert "egnihton evorppa" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "no-such.human"), "no open ticket is called 'no-such.human'"),
        (("show", "one.human"), "open tickets are called 'one.human'; name one of"),
    ],
)
def test_a_name_that_does_not_say_which_is_explained(site: Site, words: tuple[str, ...], said: str) -> None:
    refused = invoke(site, *words)
    assert refused.exit_code == 1
    assert said in refused.stderr


def test_without_an_airflow_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(app, ["tickets", "list"])
    assert refused.exit_code == 3
    assert "planexe-dag up" in refused.stderr
