"""Our tables beside Airflow's: an index of what the run folders say about tickets.

Nothing is decided by them alone. A row is projected from `ticket.json` and the signed events about
it, so that a table that was dropped fills itself again; no row refers to a row of Airflow's, so that
nothing goes when Airflow's tables are cleaned.
"""

from __future__ import annotations

from typing import Any

from airflow.utils.sqlalchemy import UtcDateTime
from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

NAME_CHARACTERS = 250
"""What fits into an id or a name column; Airflow's own ids are no longer."""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)


def _name(column: str, *more: Any, **options: Any) -> Column[Any]:
    return Column(column, String(NAME_CHARACTERS), *more, **options)


TICKET = Table(
    "planexe_ticket",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    _name("dag_id", nullable=False),
    _name("run_id", nullable=False),
    _name("task_id", nullable=False),
    Column("ti_id", Uuid, nullable=False),  # Airflow's task instance, which changes with every try
    Column("seen_at", UtcDateTime, nullable=True),  # its `updated_at` when the record was last read
    Column("state", String(10), nullable=False),  # open, answered, closed (by no answer)
    Column("n", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    _name("work_item", nullable=False),
    _name("plan", nullable=False),
    _name("phase", nullable=False),
    Column("title", Text, nullable=False),
    Column("ask", Text, nullable=False),
    _name("assignee", nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=True),
    Column("priority", SmallInteger, nullable=False),
    Column("amount", Float, nullable=True),
    Column("currency", String(20), nullable=True),
    Column("approvals_needed", Integer, nullable=False),
    Column("approvals_given", Integer, nullable=False),
    _name("claimed_by", nullable=True),
    Column("claimed_at", UtcDateTime, nullable=True),
    _name("answered_by", nullable=True),
    _name("answered_with", nullable=True),
    Column("answered_at", UtcDateTime, nullable=True),
    Column("words", Text, nullable=False),  # what a search looks through, casefolded
    UniqueConstraint("dag_id", "run_id", "task_id"),
    Index(None, "ti_id"),
    Index(None, "state", "opened_at"),
    Index(None, "state", "dag_id"),
)

ASKED = Table(
    "planexe_asked",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ticket_id", ForeignKey("planexe_ticket.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False),  # a desk.NameKind
    _name("name", nullable=False),
    Column("until", UtcDateTime, nullable=True),
    Index(None, "ticket_id"),
    Index(None, "kind", "name"),
)
"""Who a ticket asks. Roles are looked up in the people file at every request, so that a change holds at once."""

BARRED = Table(
    "planexe_barred",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ticket_id", ForeignKey("planexe_ticket.id", ondelete="CASCADE"), nullable=False),
    _name("name", nullable=False),
    Index(None, "ticket_id"),
)
"""Who cannot answer a ticket though it may ask them: who started the run, did the work, or has decided already."""

QUESTION = Table(
    "planexe_question",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ticket_id", ForeignKey("planexe_ticket.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(10), nullable=False),  # user or group
    _name("name", nullable=False),
    Index(None, "ticket_id"),
    Index(None, "kind", "name"),
)
"""Who is asked for information about a ticket and has not replied."""

ACTIVITY = Table(
    "planexe_activity",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("ticket_id", ForeignKey("planexe_ticket.id", ondelete="CASCADE"), nullable=False),
    Column("mark", String(80), nullable=False),  # the digest of the signed event
    Column("action", String(40), nullable=False),
    _name("who", nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("words", Text, nullable=False),
    UniqueConstraint("ticket_id", "mark"),
)
"""Claims, comments, attachments, votes, reminders and escalations: one row for each signed event."""
