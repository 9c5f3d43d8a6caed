"""The index of tickets, whom they ask, and what was done about them.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from airflow.utils.sqlalchemy import UtcDateTime
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NAME = sa.String(250)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "planexe_ticket",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("dag_id", NAME, nullable=False),
        sa.Column("run_id", NAME, nullable=False),
        sa.Column("task_id", NAME, nullable=False),
        sa.Column("ti_id", sa.Uuid, nullable=False),
        sa.Column("seen_at", UtcDateTime),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("work_item", NAME, nullable=False),
        sa.Column("plan", NAME, nullable=False),
        sa.Column("phase", NAME, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("ask", sa.Text, nullable=False),
        sa.Column("assignee", NAME, nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("amount", sa.Float),
        sa.Column("currency", sa.String(20)),
        sa.Column("approvals_needed", sa.Integer, nullable=False),
        sa.Column("approvals_given", sa.Integer, nullable=False),
        sa.Column("claimed_by", NAME),
        sa.Column("claimed_at", UtcDateTime),
        sa.Column("answered_by", NAME),
        sa.Column("answered_with", NAME),
        sa.Column("answered_at", UtcDateTime),
        sa.Column("words", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="planexe_ticket_pkey"),
        sa.UniqueConstraint("dag_id", "run_id", "task_id", name="planexe_ticket_dag_id_run_id_task_id_key"),
    )
    op.create_index("planexe_ticket_ti_id_idx", "planexe_ticket", ["ti_id"])
    op.create_index("planexe_ticket_state_opened_at_idx", "planexe_ticket", ["state", "opened_at"])
    op.create_index("planexe_ticket_state_dag_id_idx", "planexe_ticket", ["state", "dag_id"])
    op.create_table(
        "planexe_asked",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("until", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="planexe_asked_pkey"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["planexe_ticket.id"], name="planexe_asked_ticket_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("planexe_asked_ticket_id_idx", "planexe_asked", ["ticket_id"])
    op.create_index("planexe_asked_kind_name_idx", "planexe_asked", ["kind", "name"])
    op.create_table(
        "planexe_activity",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.Integer, nullable=False),
        sa.Column("mark", sa.String(80), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("who", NAME, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="planexe_activity_pkey"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["planexe_ticket.id"], name="planexe_activity_ticket_id_fkey", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("ticket_id", "mark", name="planexe_activity_ticket_id_mark_key"),
    )


def downgrade() -> None:
    """Drop the tables: they fill again from the record."""
    op.drop_table("planexe_activity")
    op.drop_table("planexe_asked")
    op.drop_table("planexe_ticket")
