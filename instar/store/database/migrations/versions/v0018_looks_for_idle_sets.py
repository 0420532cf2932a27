"""Looks that are made for idle sets, and what was published. Earlier releases look by each set's own timer alone."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "set_looks",
        sa.Column("unique_id", sa.Text, primary_key=True),
        sa.Column("location_key", sa.Text, nullable=False),
        sa.Column("line_key", sa.Text, nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="looks_for_a_set"),
    )
    op.create_index("set_looks_by_moment", "set_looks", ["due_at", "unique_id"])
    op.create_index("set_looks_by_image", "set_looks", ["location_key", "line_key"])
    op.create_table(
        "publications",
        sa.Column("location_key", sa.Text, primary_key=True),
        sa.Column("line_key", sa.Text, primary_key=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told", sa.Boolean, nullable=False),
    )


def downgrade() -> None:
    """Drop them: each set looks by itself, within three days at the latest."""
    op.drop_table("publications")
    op.drop_table("set_looks")
