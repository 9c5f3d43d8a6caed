"""Who is asked for information about a ticket.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NAME = sa.String(250)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "planexe_question",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("ticket_id", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="planexe_question_pkey"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["planexe_ticket.id"], name="planexe_question_ticket_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_index("planexe_question_ticket_id_idx", "planexe_question", ["ticket_id"])
    op.create_index("planexe_question_kind_name_idx", "planexe_question", ["kind", "name"])


def downgrade() -> None:
    """Drop the table: it fills again from the record."""
    op.drop_table("planexe_question")
