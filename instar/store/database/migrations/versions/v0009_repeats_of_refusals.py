"""How often the same was refused: one entry of the audit log for it, and not one each.

Older APIs may still run: their entries are of one refusal each.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, and what a repeat is found by."""
    op.add_column("audit", sa.Column("repeats", sa.Integer, nullable=False, server_default="0"))
    op.add_column("audit", sa.Column("last_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("audit_by_principal", "audit", ["principal", "at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_index("audit_by_principal", "audit")
    op.drop_column("audit", "last_at")
    op.drop_column("audit", "repeats")
