"""Operations hold the message that is still to be handed over to their set's workflow, and what they wait for."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TO_HAND_OVER = sa.text("message IS NOT NULL")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("operations", sa.Column("message", sa.Text, nullable=True))
    op.add_column("operations", sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("operations", sa.Column("waits_for", sa.Text, nullable=False, server_default=""))
    op.add_column("operations", sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "operations_to_hand_over",
        "operations",
        ["scale_set_unique_id", "started_at"],
        sqlite_where=TO_HAND_OVER,
        postgresql_where=TO_HAND_OVER,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_index("operations_to_hand_over", "operations")
    for column in ("waits_since", "waits_for", "claimed_until", "message"):
        op.drop_column("operations", column)
