"""Who has the open tickets of a run now: whoever has claimed one, else all whom it asks at this moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from sqlalchemy import and_, or_, select, tuple_
from sqlalchemy.orm import Session

from planexe_dag_factory.delegation.desk import Named
from planexe_dag_factory.ui.desk.manager import are_ready
from planexe_dag_factory.ui.desk.tables import ASKED, TICKET
from planexe_dag_factory.ui.queries import RunRow

MOST = 3
"""So many are named; a ticket that was escalated again and again asks many."""


def find_holders(session: Session, runs: Collection[RunRow]) -> Mapping[tuple[str, str], Mapping[str, str]]:
    """Say for each run who has the ticket of which task; nothing of a ticket that the index has not read yet."""
    if not runs or not are_ready(session):
        return {}
    keys = [(run.dag_id, run.run_id) for run in runs]
    still = or_(ASKED.c.until.is_(None), ASKED.c.until > datetime.now(UTC))
    query = (
        select(TICKET.c.dag_id, TICKET.c.run_id, TICKET.c.task_id, TICKET.c.claimed_by, ASKED.c.kind, ASKED.c.name)
        .outerjoin(ASKED, and_(ASKED.c.ticket_id == TICKET.c.id, still))
        .where(TICKET.c.state == "open", tuple_(TICKET.c.dag_id, TICKET.c.run_id).in_(keys))
        .order_by(ASKED.c.id)
    )
    asked: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for dag_id, run_id, task_id, claimed_by, kind, name in session.execute(query):
        who = claimed_by or (str(Named(kind, name)) if name else "")
        if who and who not in asked[dag_id, run_id, task_id]:
            asked[dag_id, run_id, task_id].append(who)
    found: dict[tuple[str, str], dict[str, str]] = defaultdict(dict)
    for (dag_id, run_id, task_id), names in asked.items():
        found[dag_id, run_id][task_id] = _listed(names)
    return found


def _listed(names: list[str]) -> str:
    more = f" or {len(names) - MOST} more" if len(names) > MOST else ""
    return " or ".join(names[:MOST]) + more
