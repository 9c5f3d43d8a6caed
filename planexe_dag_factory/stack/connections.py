"""Passwords of Airflow's connections, asked of Airflow's own command line: environment, secrets backend, database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack.configuration import airflow_environment
from planexe_dag_factory.stack.home import Home

TIMEOUT_S = 60


def read_password(conn_id: str, registry: Path) -> str:
    """Return the password of a connection, in the Airflow that a registry belongs to. Raises StackError.

    That is the embedded one where the registry is its own, else the one of this environment.
    """
    command = (sys.executable, "-m", "airflow", "connections", "get", conn_id, "--output", "json")
    try:
        done = subprocess.run(
            command, env=_environment(registry), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(f"Airflow did not say in {TIMEOUT_S} s what its connection {conn_id!r} is") from error
    if done.returncode:
        why = (done.stderr.strip() or "Airflow did not say why").splitlines()[-1]
        raise StackError(f"the token in Airflow's connection {conn_id!r} cannot be read here: {why}")
    (found,) = json.loads(done.stdout)
    if not found["password"]:
        raise StackError(f"Airflow's connection {conn_id!r} has no password, which would be the agents' token")
    return str(found["password"])


def _environment(registry: Path) -> dict[str, str]:
    home = Home(registry.resolve().parent)
    embedded = registry.resolve() == home.registry and home.configuration.exists() and home.passwords.exists()
    return airflow_environment(home) if embedded else dict(os.environ)
