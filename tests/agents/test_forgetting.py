"""An agent's store does not grow for ever, and nothing that cannot be undone is done twice for it."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import httpx
import pytest
from planexe_agents.protocol import Assignment
from planexe_agents.service import Agent, Completed, Task
from planexe_agents.service.runs import ForgottenError, Runs, run_id_of
from planexe_agents.service.store import DAY_S, SWEPT
from planexe_agents.signing import SigningKey, digest
from pydantic import BaseModel

from tests.agents.serving import Served, assignment

KEY = SigningKey.from_seed(bytes(32))
done: list[str] = []


class Text(BaseModel):
    """What is given."""

    text: str


agent = Agent(id="scribe", type="clerical", name="Scribe", version="1")


@agent.action()
def write(inputs: Text, task: Task) -> Completed[Text]:
    """Write a letter."""
    done.append(inputs.text)
    return Completed(inputs, 0.9, "it was written")


@agent.action(side_effects="irreversible")
def post(inputs: Text, task: Task) -> Completed[Text]:
    """Post a letter."""
    done.append(inputs.text)
    return Completed(inputs, 0.9, "it was posted")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    done.clear()
    return tmp_path / "runs.sqlite"


def ask(runs: Runs, name: str, action: str = "write") -> bytes:
    asked: Assignment = assignment(name, action, "scribe").model_copy(update={"inputs": {"text": name}})
    body = asked.model_dump_json().encode()
    return runs.accept(name, asked, digest(json.loads(body)), body).outcome.result(timeout=20)


def age(store: Path, days: float, *names: str) -> None:
    """Make runs look as if they had been accepted so long ago."""
    with sqlite3.connect(store, timeout=20) as db:
        for name in names:
            db.execute("UPDATE runs SET accepted_at = accepted_at - ? WHERE id = ?", (days * DAY_S, run_id_of(name)))


def kept(store: Path) -> dict[str, int]:
    """The length of each outcome that is kept, by the id of its run."""
    with sqlite3.connect(store, timeout=20) as db:
        return dict(db.execute("SELECT id, length(outcome) FROM runs"))


def test_what_ended_long_ago_is_forgotten_and_what_ended_lately_is_not(store: Path) -> None:
    runs = Runs(agent, KEY, store)
    for name in ("old", "young"):
        ask(runs, name)
    age(store, 91, "old")
    age(store, 89, "young")
    ask(runs, "new")
    assert set(kept(store)) == {run_id_of("young"), run_id_of("new")}
    assert runs.find(run_id_of("old")) is None
    ask(runs, "young")
    assert done == ["old", "young", "new"]


def test_what_has_not_ended_is_kept_however_old_it_is(store: Path) -> None:
    runs = Runs(agent, KEY, store, workers=0)
    asked = assignment("open", "write", "scribe")
    body = asked.model_dump_json().encode()
    runs.accept("open", asked, digest(json.loads(body)), body)
    age(store, 1000, "open")
    runs.accept("next", asked, digest(json.loads(body)), body)
    assert set(kept(store)) == {run_id_of("open"), run_id_of("next")}


def test_what_cannot_be_undone_is_never_done_again_though_its_outcome_is_forgotten(store: Path) -> None:
    runs = Runs(agent, KEY, store)
    ask(runs, "letter", "post")
    age(store, 91, "letter")
    ask(runs, "new")
    assert kept(store)[run_id_of("letter")] == 0
    for again in (runs, Runs(agent, KEY, store)):
        with pytest.raises(ForgottenError):
            ask(again, "letter", "post")
    assert done == ["letter", "new"]


def test_a_full_store_shrinks_by_more_than_it_grows_and_is_read_by_an_index(store: Path) -> None:
    runs = Runs(agent, KEY, store)
    ask(runs, "first")
    with sqlite3.connect(store, timeout=20) as db:
        old = time.time() - 100 * DAY_S
        rows = ((f"{n:032x}", "d", b"{}", b"{}", old + n) for n in range(3 * SWEPT))
        db.executemany("INSERT INTO runs (id, digest, assignment, outcome, accepted_at) VALUES (?, ?, ?, ?, ?)", rows)
        query = "SELECT id FROM runs WHERE outcome <> x'' AND accepted_at < 1 ORDER BY accepted_at LIMIT 8"
        [plan] = db.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()
    assert "USING INDEX finished" in plan[3]
    for left in (2 * SWEPT, SWEPT, 0):
        ask(runs, f"new-{left}")
        assert sum(1 for length in kept(store).values() if length == 2) == left


def test_with_nothing_to_forget_all_is_kept(store: Path) -> None:
    runs = Runs(agent, KEY, store, keep_days=0)
    ask(runs, "old")
    age(store, 4000, "old")
    ask(runs, "new")
    assert len(kept(store)) == 2


def test_over_http_it_is_gone_and_says_so(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    asked = assignment("letter", "post", diary=str(diary))
    with Served(tmp_path / "state", "--keep", "30") as served:
        assert served.post(asked).json()["status"] == "completed"
        age(tmp_path / "state" / "clerk" / "runs.sqlite", 31, "letter")
        served.post(assignment("new"))
        told = "it was carried out, and its outcome is not kept any more"
        url = f"{served.url}/runs/{run_id_of('letter')}"
        for answer in (served.post(asked), httpx.get(url), httpx.delete(url)):
            assert (answer.status_code, answer.json()["error"]) == (410, told)
    assert len(diary.read_text().splitlines()) == 1


@pytest.mark.parametrize("days", ["-1", "inf", "nan", "many"])
def test_a_number_of_days_that_is_none_is_refused(tmp_path: Path, days: str) -> None:
    with pytest.raises(AssertionError, match="the agent did not start: exit 2"):
        Served(tmp_path, "--keep", days)
