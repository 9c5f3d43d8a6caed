from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planexe_agents.signing import fingerprint

from planexe_dag_factory.errors import RegistryError
from planexe_dag_factory.routing.model import Agent, Registry
from planexe_dag_factory.routing.registry_cards import agent_of
from planexe_dag_factory.routing.registry_changes import (
    MAX_LINES,
    Change,
    add_agents,
    compare,
    prefer_agents,
    remove_agents,
)
from tests.routing.agents import ACTION, KEY, MOWER, OTHER_KEY, card_of

LAST = Agent("last", "analysis", "http://last", public_key=OTHER_KEY)


def drift_of(**changes: Any) -> tuple[str, ...]:
    change = compare(MOWER, agent_of(MOWER.url, card_of(**changes)))
    return change.drift if change else ()


def test_a_new_agent_comes_last() -> None:
    amendment = add_agents(Registry((LAST,)), [MOWER])
    assert amendment.after == Registry((LAST, MOWER))
    assert amendment.changes == (Change("mower", "added", moved=("at http://mower:80", f"key {fingerprint(KEY)}")),)


def test_what_is_known_already_is_no_change() -> None:
    assert add_agents(Registry((MOWER,)), [MOWER]).changes == ()


def test_an_agent_that_moved_keeps_its_place_and_connection_and_needs_no_consent() -> None:
    before = replace(MOWER, url="http://old", version="1", conn_id="mower_conn")
    amendment = add_agents(Registry((before, LAST)), [MOWER])
    assert amendment.after == Registry((replace(MOWER, conn_id="mower_conn"), LAST))
    (change,) = amendment.changes
    assert (change.drift, change.new_key) == ((), False)
    assert change.moved == (
        "address: 'http://mower:80', where 'http://old' is registered",
        "version: '2.1', where '1' is registered",
    )


def test_another_connection_is_taken() -> None:
    assert add_agents(Registry((MOWER,)), [MOWER], "vault").after == Registry((replace(MOWER, conn_id="vault"),))


def test_another_key_is_said_and_told_apart() -> None:
    change = compare(MOWER, replace(MOWER, public_key=OTHER_KEY))
    assert change is not None
    assert change.new_key
    assert change.drift == (f"key: {fingerprint(OTHER_KEY)}, where {fingerprint(KEY)} is registered",)


def test_changed_actions_are_said_member_by_member() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "integer"}, "size": {"minimum": 1}}, "required": []}
    changed = {**ACTION, "description": "Mows well.", "side_effects": "none", "input_schema": schema}
    assert drift_of(actions=[changed]) == (
        "mow_lawn: description is 'Mows well.', was 'Mows.'",
        "mow_lawn: side effects is 'none', was 'reversible'",
        """mow_lawn: input schema, $.properties.title.type: 'integer', was 'string'""",
        """mow_lawn: input schema, $.properties.size: new, {"minimum": 1}""",
        "mow_lawn: input schema, $.required: new, []",
    )
    assert drift_of(actions=[{**ACTION, "name": "mow"}]) == ("action mow_lawn is gone", "action mow is new: 'Mows.'")
    assert drift_of(type="garden") == ("type: garden, where robot is registered",)


def test_true_is_not_one() -> None:
    was, now = ({**ACTION, "output_schema": {"const": value}} for value in (1, True))
    before = agent_of(MOWER.url, card_of(actions=[was]))
    change = compare(before, agent_of(MOWER.url, card_of(actions=[now])))
    assert change is not None
    assert change.drift == ("mow_lawn: output schema, $.const: true, was 1",)


def test_a_hostile_schema_neither_floods_nor_imitates_the_terminal() -> None:
    flood: dict[str, Any] = {f"\x1b[31m\u202e{number}\n" + "x" * 500: {} for number in range(500)}
    drift = drift_of(actions=[{**ACTION, "input_schema": {**ACTION["input_schema"], "properties": flood}}])
    assert len(drift) == MAX_LINES + 1
    assert drift[-1] == "and 441 more differences"
    assert all(len(line) < 300 and line.isprintable() for line in drift)


def test_removed_and_preferred_agents() -> None:
    known = Registry((MOWER, LAST))
    assert remove_agents(known, ["mower"]).after == Registry((LAST,))
    assert prefer_agents(known, ["last"]).after == Registry((LAST, MOWER))
    assert prefer_agents(known, ["mower"]).changes == ()


@pytest.mark.parametrize("change", [remove_agents, prefer_agents])
def test_an_agent_that_is_not_there_is_an_error_that_says_who_is(change: Any) -> None:
    with pytest.raises(RegistryError) as caught:
        change(Registry((MOWER, LAST)), ["nobody", "mower"])
    (problem,) = caught.value.problems
    assert (problem.message, problem.hint) == ("no agent 'nobody' is registered", "these are: mower, last")


def test_two_agents_of_one_id_cannot_be_added_together() -> None:
    with pytest.raises(RegistryError, match="'mower' is registered twice"):
        add_agents(Registry(), [MOWER, replace(MOWER, url="http://twin")])
