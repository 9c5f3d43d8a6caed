"""Who cannot answer a ticket, who has put it off, and the filters that people keep.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from airflow.utils.sqlalchemy import UtcDateTime
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME = sa.String(250)


def upgrade() -> None:
    """Make the tables, and have every open ticket read anew from the record."""
    for table, *columns in (
        ("planexe_barred",),
        ("planexe_put_off", sa.Column("until", UtcDateTime, nullable=False)),
    ):
        op.create_table(
            table,
            sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
            sa.Column("ticket_id", sa.Integer, nullable=False),
            sa.Column("name", NAME, nullable=False),
            *columns,
            sa.PrimaryKeyConstraint("id", name=f"{table}_pkey"),
            sa.ForeignKeyConstraint(
                ["ticket_id"], ["planexe_ticket.id"], name=f"{table}_ticket_id_fkey", ondelete="CASCADE"
            ),
        )
        op.create_index(f"{table}_ticket_id_name_idx", table, ["ticket_id", "name"])
    op.create_table(
        "planexe_filter",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("user", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="planexe_filter_pkey"),
        sa.UniqueConstraint("user", "name", name="planexe_filter_user_name_key"),
    )
    op.execute("UPDATE planexe_ticket SET seen_at = NULL WHERE state = 'open'")


def downgrade() -> None:
    """Drop the tables: all but people's filters fill again from the record."""
    for table in ("planexe_filter", "planexe_put_off", "planexe_barred"):
        op.drop_table(table)
