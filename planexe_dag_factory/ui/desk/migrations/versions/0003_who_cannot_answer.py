"""Who cannot answer a ticket, though it may ask them.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NAME = sa.String(250)


def upgrade() -> None:
    """Make the table, and have every open ticket read anew: it fills from the record."""
    op.create_table(
        "planexe_barred",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.Integer, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="planexe_barred_pkey"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["planexe_ticket.id"], name="planexe_barred_ticket_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("planexe_barred_ticket_id_idx", "planexe_barred", ["ticket_id"])
    op.execute("UPDATE planexe_ticket SET seen_at = NULL WHERE state = 'open'")


def downgrade() -> None:
    """Drop the table: it fills again from the record."""
    op.drop_table("planexe_barred")
