"""How Airflow's own processes ask registered agents how they are: in the networks that are set, with their tokens."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.sdk.bases.hook import BaseHook

from planexe_dag_factory.airflow.settings import agent_networks
from planexe_dag_factory.delegation.cards import Access, Health, check_agents
from planexe_dag_factory.routing.model import Agent


def check_registered(agents: Sequence[Agent]) -> tuple[Health, ...]:
    """Ask agents, all at once, whether they are as they were registered; in the order given."""
    conn_ids = {agent.conn_id for agent in agents if agent.conn_id}
    tokens = {conn_id: BaseHook.get_connection(conn_id).password or "" for conn_id in conn_ids}
    return check_agents(agents, Access(agent_networks(), tokens))
