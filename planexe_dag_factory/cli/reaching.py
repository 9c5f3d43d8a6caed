"""How the commands reach agents: in the networks that are named, with the tokens of Airflow's connections."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from planexe_agents.networks import Networks

from planexe_dag_factory.cli import console
from planexe_dag_factory.delegation.cards import Access
from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.connections import read_password


def access(networks: Networks | None, conn_ids: Iterable[str | None], registry: Path) -> Access:
    """Find the tokens; an agent whose token cannot be read is asked without it, and that is said."""
    tokens = {}
    for conn_id in sorted({found for found in conn_ids if found}):
        try:
            tokens[conn_id] = read_password(conn_id, registry)
        except StackError as error:
            console.note(f"Asked without a token: {error}.")
    return Access(networks or Networks(), tokens)
