"""Limits over many sets with the leases of upgrades, and rings with how far versions have come in them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def _texts(*names: str, key: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=key, nullable=False) for name in names]


def _numbers(*names: str, key: bool = False) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.Integer, primary_key=key, nullable=False) for name in names]


def _truths(*names: str) -> list[sa.Column[bool]]:
    return [sa.Column(name, sa.Boolean, nullable=False) for name in names]


def _moment(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    for name in ("limits", "rings"):
        op.create_table(
            name,
            *_texts("name_key", key=True),
            *_texts("name", "document", "etag"),
            _moment("changed_at"),
            *_texts("changed_by", "reason"),
        )
    op.create_table(
        "turns",
        *_texts("unique_id", key=True),
        *_numbers("number", key=True),
        *_texts("resource_id"),
        *_numbers("batch"),
        _moment("since"),
        *_truths("has_slot", "begun"),
        *_numbers("wants", "machines"),
        *_truths("taken"),
    )
    op.create_table(
        "ring_progress",
        *_texts("name_key", key=True),
        *_texts("etag", "document"),
        _moment("looked_at"),
        sa.ForeignKeyConstraint(["name_key"], ["rings.name_key"], ondelete="CASCADE", name="progress_of_rings"),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("ring_progress")
    op.drop_table("turns")
    op.drop_table("rings")
    op.drop_table("limits")
