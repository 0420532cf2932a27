"""What an upgrade waits for: one that the platform began has no operation that could say it.

Older workers may still run: they do not say it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("upgrades", sa.Column("waits_for", sa.Text, nullable=False, server_default=""))
    op.add_column("upgrades", sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("upgrades", "waits_since")
    op.drop_column("upgrades", "waits_for")
