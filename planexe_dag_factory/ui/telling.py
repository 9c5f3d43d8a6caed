"""Telling people from the API server: after the request, so that a slow or broken channel never fails it."""

from __future__ import annotations

import logging

from fastapi import BackgroundTasks

from planexe_dag_factory.airflow.notify import Notice, tell
from planexe_dag_factory.delegation.execution import StepRun
from planexe_dag_factory.errors import PlanExeDagError

log = logging.getLogger(__name__)


def tell_later(later: BackgroundTasks, step: StepRun, notice: Notice) -> None:
    """Tell people once the request is over. How that went is on record; where even that fails, in the log."""
    later.add_task(_tell, step, notice)


def _tell(step: StepRun, notice: Notice) -> None:
    try:
        tell(step, notice, {})
    except PlanExeDagError:
        log.exception("Nobody could be told about %s", step.id)
