"""Resources that are kept as documents."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "resources",
        sa.Column("resource_key", sa.Text, primary_key=True, nullable=False),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in (
                "type_key",
                "subscription_key",
                "resource_group_key",
                "parent_key",
                "resource_id",
                "type",
                "subscription_id",
                "resource_group",
                "name",
                "parent_id",
                "document",
            )
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("etag", sa.Integer, nullable=False),
    )
    op.create_index("resources_by_type", "resources", ["type_key", "subscription_key", "resource_group_key"])
    op.create_index("resources_by_parent", "resources", ["parent_key", "type_key"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("resources")
