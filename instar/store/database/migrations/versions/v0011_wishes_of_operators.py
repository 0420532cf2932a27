"""What operators wish of upgrades: pauses, holds and approvals.

Older workers may still run: they obey none of it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _wish() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
    )


def upgrade() -> None:
    """Make the tables."""
    op.create_table("pauses", sa.Column("unique_id", sa.Text, primary_key=True), *_wish())
    op.create_table(
        "holds",
        sa.Column("name_key", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        *_wish(),
    )
    op.create_table(
        "approvals",
        sa.Column("unique_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("gate", sa.Text, primary_key=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved", sa.Boolean, nullable=True),
        sa.Column("by", sa.Text, nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
    )


def downgrade() -> None:
    """Drop them."""
    for table in ("approvals", "holds", "pauses"):
        op.drop_table(table)
