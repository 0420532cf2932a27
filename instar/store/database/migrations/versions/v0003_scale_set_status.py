"""Where each set stands with its automatic upgrades."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "scale_set_status",
        sa.Column("unique_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="status_of_a_set"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("scale_set_status")
