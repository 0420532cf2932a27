"""The first tables: scale sets with models and sealed secrets, images, operations, records of upgrades."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False)


def _number(name: str, *, key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=key, autoincrement=False, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    """Make the tables."""
    _scale_sets()
    _images()
    _operations()
    _upgrades()


def downgrade() -> None:
    """Drop the tables, those that point at others first."""
    for table in (
        "upgrade_instances",
        "upgrade_decisions",
        "upgrades",
        "operations",
        "image_versions",
        "sealed_secrets",
        "scale_set_models",
        "scale_sets",
    ):
        op.drop_table(table)


def _scale_sets() -> None:
    op.create_table(
        "scale_sets",
        _text("unique_id", key=True),
        *map(_text, ("resource_key", "subscription_key", "resource_group_key", "resource_id", "subscription_id")),
        *map(_text, ("resource_group", "name", "location")),
        _number("generation"),
        _number("etag"),
        _flag("deleting"),
        _moment("created_at"),
    )
    op.create_index("scale_sets_by_resource", "scale_sets", ["resource_key"], unique=True)
    op.create_index("scale_sets_by_group", "scale_sets", ["subscription_key", "resource_group_key"])
    op.create_table(
        "scale_set_models",
        _text("unique_id", key=True),
        _number("generation", key=True),
        _text("document"),
        _moment("created_at"),
        sa.ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="models_of_a_set"),
    )
    op.create_table(
        "sealed_secrets",
        _text("unique_id", key=True),
        _number("generation", key=True),
        _text("place", key=True),
        _text("token"),
        sa.ForeignKeyConstraint(
            ["unique_id", "generation"],
            ["scale_set_models.unique_id", "scale_set_models.generation"],
            ondelete="CASCADE",
            name="secrets_of_a_model",
        ),
    )


def _images() -> None:
    op.create_table(
        "image_versions",
        *(_text(name, key=True) for name in ("publisher_key", "offer_key", "sku_key", "location_key", "version_key")),
        *map(_text, ("publisher", "offer", "sku", "location", "version")),
        _moment("published_at"),
        _flag("withdrawn"),
        _text("properties"),
    )


def _operations() -> None:
    op.create_table(
        "operations",
        _text("id", key=True),
        *map(_text, ("kind", "scale_set_unique_id", "subscription_id", "location", "status")),
        _moment("started_at"),
        _moment("ended_at", nullable=True),
        _text("error_code"),
        _text("error_message"),
    )
    op.create_index("operations_by_set", "operations", ["scale_set_unique_id", "status"])


def _upgrades() -> None:
    op.create_table(
        "upgrades",
        _text("unique_id", key=True),
        _number("number", key=True),
        _number("sequence"),
        _flag("ended"),
        _moment("started_at"),
        _text("record"),
    )
    op.create_table(
        "upgrade_decisions",
        _text("unique_id", key=True),
        _number("number", key=True),
        _number("sequence", key=True),
        _moment("at"),
        _number("batch"),
        _text("action"),
        _text("reason"),
    )
    op.create_table(
        "upgrade_instances",
        _text("unique_id", key=True),
        _number("number", key=True),
        sa.Column("instance_id", sa.BigInteger, primary_key=True, autoincrement=False, nullable=False),
        _number("sequence"),
        _text("outcome"),
        _number("batch"),
        _text("reason"),
    )
