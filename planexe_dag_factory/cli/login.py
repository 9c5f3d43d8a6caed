"""Logging in to an Airflow: the one of this directory, or another by its address."""

from __future__ import annotations

import os
from pathlib import Path

from planexe_dag_factory.errors import StackError
from planexe_dag_factory.stack import lifecycle
from planexe_dag_factory.stack.client import AirflowClient
from planexe_dag_factory.stack.configuration import ADMIN, read_passwords
from planexe_dag_factory.stack.home import Home

PASSWORD = "PLANEXE_DAG_PASSWORD"  # noqa: S105 - the name of a variable, not a password  # pragma: allowlist secret


def log_in(url: str | None, user: str | None) -> AirflowClient:
    """Log in where the options say, or to the stack of this directory. Raises StackError."""
    if url:
        password = os.environ.get(PASSWORD)
        if not user or password is None:
            raise StackError(f"--url needs --user (or PLANEXE_DAG_USER), and the password in {PASSWORD}")
        return AirflowClient(url.rstrip("/"), user, password)
    home = Home.below(Path.cwd())
    state = lifecycle.running(home)
    if state is None or state.url is None:
        raise StackError("nothing runs in this directory: start it with `planexe-dag up`, or name an Airflow by --url")
    passwords, name = read_passwords(home), user or ADMIN
    if name not in passwords:
        raise StackError(f"the stack here has no user {name!r}; it has {', '.join(sorted(passwords))}")
    return AirflowClient(state.url, name, passwords[name])
