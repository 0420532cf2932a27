"""What upgrades began with: the wishes of whoever started them, and the rollout policy that was pinned.

Older workers may still run: they write none of it, and obey no wish.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "upgrade_starts",
        sa.Column("unique_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("document", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("upgrade_starts")
