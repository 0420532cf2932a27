"""Which generation machines saw last, and what an upgrade was for.

Of models that are there already nobody can say any more whether their secrets were the same: each counts as a change.
Upgrades that are there already were all OS upgrades.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, in place: SQLite would make a table anew, and take what belongs to its rows along."""
    op.add_column("scale_set_models", sa.Column("machine_generation", sa.Integer, nullable=False, server_default="0"))
    op.execute("UPDATE scale_set_models SET machine_generation = generation")
    op.add_column("upgrades", sa.Column("kind", sa.Text, nullable=False, server_default="osUpgrade"))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("upgrades", "kind")
    op.drop_column("scale_set_models", "machine_generation")
