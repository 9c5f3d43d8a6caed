"""Agents of others on a real Airflow: written without our SDK, registered by address, and not all of them good.

One plan, whose steps go wrong at their agents in every way there is; what became of each is read from the run folder
and from the tickets that people see.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from planexe_dag_factory.record.events import read_events
from tests.agents import bare_agent
from tests.agents.serving import Served
from tests.airflow.following import Answer, Followed, agreeable, drop, start
from tests.conftest import RunningStack
from tests.delegation.scenes import age

pytestmark = pytest.mark.airflow

TITLES = {
    "tune_foghorn": "Tune the foghorn of the north pier",
    "ring_gong": "Ring the gong at the breakwater",
    "paint_buoy": "Repaint the fairway buoys",
    "grind_lens": "Grind the spare lens of the lamp",
    "guide_ship": "Guide the ferry past the shoal",
    "watch_sea": "Watch the sea for wreckage",
    "sound_horn": "Sound the horn on the hour",
    "light_lamp": "Light the lamp at the mole",
    "ring_bell": "Ring the bell of the chapel",
    "fly_flag": "Fly the storm flag",
}
FAULTY = ("watch_sea", "sound_horn", "light_lamp")
ACTIONS = {
    "buoy": ("tune_foghorn", "ring_gong", "paint_buoy", "grind_lens"),
    "pilot": ("guide_ship",),
    "lighthouse": (*FAULTY, "ring_bell", "fly_flag"),
    "beacon": tuple(TITLES.keys() - {"paint_buoy", "grind_lens", "guide_ship"}),
}
"""In the order of preference. The beacon can do what others can, and is liked less: it publishes no titles."""
BEHAVIOUR = {
    "buoy": {"matched": "slow", "decline": "reject", "nobody": "reject", "nonsense": "wrong"},
    "lighthouse": dict.fromkeys(FAULTY, "fail"),
    "beacon": {"nobody": "reject"},
}


def step(name: str, action: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "title": TITLES[action], "package": f"for-{name}", "action": action, **more}


PLAN: dict[str, Any] = {
    "id": "live-foreign",
    "title": "Seamarks",
    "steps": [
        {"id": "matched", "title": TITLES["tune_foghorn"], "package": "for-matched"},
        step("decline", "tune_foghorn"),
        step("nobody", "ring_gong"),
        step("nonsense", "paint_buoy"),
        step("missing", "grind_lens"),
        step("stranger", "guide_ship"),
        *(step(action, action) for action in FAULTY),
        step("elsewhere", "ring_bell", depends_on=list(FAULTY)),
        {
            "id": "pause",
            "title": "Wait a while",
            "package": "for-pause",
            "human_required": True,
            "depends_on": ["elsewhere"],
        },
        step("back", "fly_flag", depends_on=["pause"]),
    ],
}


@dataclass
class Seamarks:
    """The plan after its run."""

    run: Followed
    ended: str

    def ticket(self, item: str) -> dict[str, Any]:
        return next(ticket for ticket in self.run.seen if ticket["work_item"] == item)

    def read(self, item: str, *path: str) -> Any:
        return self.run.record.read_json("steps", item, *path)

    def tried(self, item: str) -> list[tuple[str, str]]:
        folder = self.run.record
        numbers = [n for n in folder.names("steps", item) if folder.exists("steps", item, n, "decision.json")]
        return [(one["agent"], one["status"]) for one in self.read(item, numbers[-1], "decision.json")["tried"]]

    def done_by(self, item: str) -> tuple[str, str]:
        by = self.read(item, "result.json")["by"]
        return by["kind"], by["id"]

    def actions(self, item: str) -> list[str]:
        return [event["action"] for event in read_events(self.run.record, item)]


@pytest.fixture(scope="module")
def seamarks(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seamarks]:
    """Register the agents with the command line, change a key behind its back, and run the plan to its end."""
    states = tmp_path_factory.mktemp("seamarks")
    before = stack.home.registry.read_bytes()
    with ExitStack() as opened:
        opened.callback(stack.home.registry.write_bytes, before)
        served = {name: opened.enter_context(serve(states / name, name)) for name in ACTIONS}
        register(stack, *(one.url for one in served.values()))
        change_key(opened, states / "pilot", served["pilot"])
        dropped = drop(stack.plans_dir, PLAN)
        opened.callback(dropped.unlink)
        run = start(stack.client, PLAN)

        def person(ticket: Mapping[str, Any]) -> Answer:
            if ticket["work_item"] == "pause":
                age(stack.run_root, 120)
            return agreeable(ticket)

        yield Seamarks(run, run.to_the_end(person))


def serve(state: Path, name: str, port: int = 0) -> Served:
    state.mkdir(exist_ok=True)
    (state / "behaviour.json").write_text(json.dumps(BEHAVIOUR.get(name, {})))
    titles = {action: TITLES[action] if name != "beacon" else action.replace("_", " ") for action in ACTIONS[name]}
    actions = [f"--action={action}={title}" for action, title in titles.items()]
    return Served(state, "--id", name, "--port", str(port), *actions, command=(str(Path(bare_agent.__file__)),))


def register(stack: RunningStack, *urls: str) -> None:
    words = ("agents", "add", "--yes", "--registry", str(stack.home.registry), *urls)
    said = subprocess.run(
        [sys.executable, "-m", "planexe_dag_factory.cli", *words], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert all(name in said.stdout for name in ACTIONS)


def change_key(opened: ExitStack, state: Path, served: Served) -> None:
    """Start an agent again at its address, with a key that nobody registered."""
    assert served.stop() != 0
    (state / "agent.key").unlink()
    opened.enter_context(serve(state, "pilot", urlsplit(served.url).port or 0))


def test_the_run_ends_well_since_people_did_what_no_agent_could(seamarks: Seamarks) -> None:
    assert seamarks.ended == "success"
    asked = {ticket["work_item"]: ticket["kind"] for ticket in seamarks.run.seen}
    assert asked == dict.fromkeys(("nobody", "nonsense", "missing", "stranger", "pause"), "work")


def test_a_step_that_no_shipped_agent_fits_goes_to_the_new_one_and_is_followed(seamarks: Seamarks) -> None:
    """Nothing in the plan names an agent: what the new one publishes is enough."""
    assert seamarks.done_by("matched") == ("agent", "buoy")
    assert seamarks.read("matched", "result.json")["result"] == {"hertz": 440}


def test_a_rejection_goes_to_the_next_candidate_with_its_reason_on_record(seamarks: Seamarks) -> None:
    assert seamarks.tried("decline") == [("buoy", "rejected"), ("beacon", "completed")]
    assert seamarks.done_by("decline") == ("agent", "beacon")
    assert seamarks.read("decline", "001", "outcome.json")["reason"] == "buoy will not"


def test_when_all_reject_a_person_is_asked_and_sees_every_reason(seamarks: Seamarks) -> None:
    ticket = seamarks.ticket("nobody")
    assert ticket["why"] == "No agent did this step: buoy rejected it; beacon rejected it"
    assert ticket["agent_says"]["reason"] == "beacon will not\nAsked before, buoy (rejected): buoy will not"
    assert [one["agent"] for one in ticket["tried"]] == ["buoy", "beacon"]
    assert seamarks.done_by("nobody")[0] == "person"


def test_a_result_that_does_not_fit_the_schema_is_never_a_success(seamarks: Seamarks) -> None:
    assert seamarks.tried("nonsense") == [("buoy", "invalid")]
    assert seamarks.read("nonsense", "001", "outcome.json")["status"] == "completed"  # so it said
    ticket = seamarks.ticket("nonsense")
    assert ticket["why"] == "No agent did this step: buoy gave an answer that cannot be used"
    assert ticket["agent_says"]["reason"] == "its result is wrong: $.hertz: 'loud' is not of type 'integer'"
    assert seamarks.done_by("nonsense")[0] == "person"


def test_a_step_whose_inputs_cannot_be_built_is_not_sent_and_the_ticket_says_what_is_missing(
    seamarks: Seamarks,
) -> None:
    assert "assignment-sent" not in seamarks.actions("missing")
    assert seamarks.ticket("missing")["agent_says"] is None
    assert seamarks.ticket("missing")["why"] == (
        "No agent did this step: buoy could not be asked ($.lens: missing, neither the plan nor its policy gives it)"
    )


def test_an_agent_with_another_key_than_the_registered_one_is_never_believed(seamarks: Seamarks) -> None:
    assert "outcome-received" not in seamarks.actions("stranger")
    assert seamarks.ticket("stranger")["agent_says"] is None
    why = seamarks.ticket("stranger")["why"]
    assert why.startswith("No agent did this step: pilot sent an outcome that is not trusted (")
    assert "is not signed with the agent's registered key" in why


def test_an_agent_that_fails_is_set_aside_its_steps_go_elsewhere_and_it_comes_back(seamarks: Seamarks) -> None:
    for action in FAULTY:
        assert seamarks.tried(action) == [("lighthouse", "failed"), ("beacon", "completed")]
    assert seamarks.tried("elsewhere") == [("beacon", "completed")]
    beacon, lighthouse = seamarks.read("elsewhere", "001", "order.json")["order"]
    assert (beacon["agent"], lighthouse["agent"]) == ("beacon", "lighthouse")
    assert lighthouse["score"] > beacon["score"]
    assert "after 3 faults in a row, the last: failed" in lighthouse["why"]
    assert seamarks.actions("elsewhere")[0] == "candidates-ordered"
    assert seamarks.tried("back") == [("lighthouse", "completed")]
