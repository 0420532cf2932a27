"""Resources are counted by their subscription and their group whenever one is added: an index for that."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("resources_by_group", "resources", ["subscription_key", "resource_group_key", "type_key"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("resources_by_group", "resources")
