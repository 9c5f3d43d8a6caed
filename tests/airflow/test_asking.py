"""What a worker does with an agent that does not answer at once: it never waits."""

import asyncio
from dataclasses import replace

import pytest
from planexe_agents.client import AgentForbidden, AgentUnavailable
from planexe_agents.signing import SigningKey

from planexe_dag_factory.airflow.operators import StillWorkingError, ask_agent, leave
from planexe_dag_factory.airflow.triggers import follow_agent
from planexe_dag_factory.delegation.delegate import Ask
from planexe_dag_factory.errors import DelegationError
from planexe_dag_factory.routing.model import Agent
from tests.agents.scripted import CUT, http, scripted
from tests.agents.serving import assignment

CLERK = Agent("clerk", "clerical", "", public_key=SigningKey.generate().public)


def ask(answer: bytes) -> None:
    async def talk() -> None:
        async with scripted(answer) as script:
            await ask_agent(replace(CLERK, url=script.url), assignment())

    asyncio.run(talk())


@pytest.mark.parametrize("answer", [http(202, b"{}", Location="/runs/1"), http(500), http(503), CUT])
def test_who_needs_longer_or_is_out_of_reach_is_followed_elsewhere(answer: bytes) -> None:
    with pytest.raises(StillWorkingError):
        ask(answer)


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_for_time_gets_it_and_another_agent_may_be_asked(status: int) -> None:
    with pytest.raises(AgentUnavailable) as told:
        ask(http(status, Retry_After="7"))
    assert told.value.retry_after == 7


@pytest.mark.parametrize("asking", [ask_agent, follow_agent])
def test_agents_are_asked_only_where_the_setting_allows_it(asking: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def talk() -> None:
        asyncio.run(asking(replace(CLERK, url="http://10.255.255.1:9"), assignment()))  # type: ignore[arg-type]

    with pytest.raises(AgentForbidden, match=r"10\.255\.255\.1 is not a public address, and agent_networks does not"):
        talk()
    monkeypatch.setenv("AIRFLOW__PLANEXE__AGENT_NETWORKS", "10.0.0.0/33")
    with pytest.raises(DelegationError, match=r"^agent_networks of \[planexe\] cannot be read: '10.0.0.0/33' does not"):
        talk()


def test_a_worker_does_not_wait_for_an_agent_on_hold() -> None:
    with pytest.raises(StillWorkingError, match="it waits 60 s for an agent that is on hold"):
        asyncio.run(leave(60))
