"""Webhooks, what is still to be delivered to them, and where hooks and judges are."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def _texts(*names: str, key: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=key, nullable=False) for name in names]


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "webhooks",
        *_texts("id", key=True),
        *_texts("name_key", "name", "scope", "events"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        *_texts("why_disabled", "origin", "sealed"),
        sa.Column("etag", sa.Integer, nullable=False),
        _moment("created_at"),
        *_texts("delivered"),
        _moment("delivered_at", nullable=True),
    )
    op.create_index("webhooks_by_name", "webhooks", ["name_key"], unique=True)
    op.create_table(
        "webhook_deliveries",
        *_texts("webhook_id", "event_id", key=True),
        sa.Column("position", sa.Integer, nullable=False),
        *_texts("event"),
        _moment("written_at"),
        _moment("give_up_at"),
        sa.Column("given_up", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        _moment("last_attempt_at", nullable=True),
        *_texts("last_error"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], ondelete="CASCADE", name="deliveries_of_a_webhook"),
    )
    op.create_index("webhook_deliveries_in_order", "webhook_deliveries", ["webhook_id", "written_at", "position"])
    op.create_table(
        "called_places",
        *_texts("id", key=True),
        *_texts("sealed"),
        _moment("made_at"),
        _moment("left_at", nullable=True),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("called_places")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
