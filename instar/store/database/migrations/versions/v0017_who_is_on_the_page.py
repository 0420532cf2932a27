"""Sessions of the page, and links that log in to it once. Earlier releases have no page and know nothing of them."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "page_sessions",
        sa.Column("id_hash", sa.Text, primary_key=True),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("etag", sa.Integer, nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewing_until", sa.DateTime(timezone=True)),
    )
    op.create_index("page_sessions_by_principal", "page_sessions", ["principal"])
    op.create_table(
        "page_links",
        sa.Column("code_hash", sa.Text, primary_key=True),
        sa.Column("principal", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("page_links_by_principal", "page_links", ["principal"])


def downgrade() -> None:
    """Drop them: everybody is logged out."""
    op.drop_table("page_links")
    op.drop_table("page_sessions")
