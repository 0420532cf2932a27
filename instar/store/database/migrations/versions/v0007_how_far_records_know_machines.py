"""How far the records of each set know its machines.

Older workers may still run: they write no row, and a set without one is judged by what they do write.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "fleet_marks",
        sa.Column("unique_id", sa.Text, primary_key=True, nullable=False),
        sa.Column("ids_up_to", sa.BigInteger, nullable=False),
        sa.Column("operations_up_to", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="marks_of_a_set"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("fleet_marks")
