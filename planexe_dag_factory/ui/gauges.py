"""The gauges, written whenever somebody asks how the installation is: have a monitor ask every minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from airflow.observability import stats

from planexe_dag_factory.ui.wire import Installation

TICKETS_OPEN = "planexe.tickets.open"
TICKETS_OLDEST = "planexe.tickets.oldest"
TICKETS_OVERDUE = "planexe.tickets.overdue"
AGENT_REACHABLE = "planexe.agent.reachable"
AGENT_ON_HOLD = "planexe.agent.on_hold"
PROBLEMS = "planexe.health.problems"


def write(found: Installation, plans: Collection[str]) -> None:
    """Write what was found; a plan without tickets counts as one with none."""
    tickets = {one.dag_id: one for one in found.tickets}
    for plan in plans:
        one = tickets.get(plan)
        for name, value in (
            (TICKETS_OPEN, one.open if one else 0),
            (TICKETS_OVERDUE, one.overdue if one else 0),
            (TICKETS_OLDEST, one.oldest_s if one else 0),
        ):
            stats.gauge(name, value, tags={"plan": plan})
    for agent in found.agents:
        stats.gauge(AGENT_REACHABLE, int(agent.state != "unreachable"), tags={"agent": agent.id})
        stats.gauge(AGENT_ON_HOLD, int(agent.on_hold is not None), tags={"agent": agent.id})
    severities = Counter(problem.severity for problem in found.problems)
    for severity in ("error", "warning"):
        stats.gauge(PROBLEMS, severities[severity], tags={"severity": severity})
