"""The tables of what operators wish, and of what others are told: see `tables`, whose metadata these belong to."""

from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Index, Integer, Table

from instar.store.database.columns import Document, Instant, Words
from instar.store.database.tables import METADATA

PAUSES = Table(
    "pauses",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("reason", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
)

HOLDS = Table(
    "holds",
    METADATA,
    Column("name_key", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
)

APPROVALS = Table(
    "approvals",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("gate", Words, primary_key=True),
    Column("asked_at", Instant, nullable=False),
    Column("approved", Boolean),
    Column("by", Words),
    Column("at", Instant),
    Column("reason", Words),
)

ROLLOUT_POLICIES = Table(
    "rollout_policies",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("document", Document, nullable=False),
    Column("etag", Words, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Words, nullable=False),
    Column("reason", Words, nullable=False),
)
"""Of a set, which it is deleted with; one row has no set: the default of all."""

UPGRADE_STARTS = Table(
    "upgrade_starts",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("document", Document, nullable=False),
)
"""What upgrades began with: the wishes of whoever started them, and their rollout policy."""

RETENTIONS = Table(
    "retentions",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("keep_seconds", Integer),
    Column("until", Instant),
    Column("reason", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("since", Instant, nullable=False),
)
"""How long a set's previous disks are kept, in place of the setting."""

WEBHOOKS = Table(
    "webhooks",
    METADATA,
    Column("id", Words, primary_key=True),
    Column("name_key", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("scope", Words, nullable=False),
    Column("events", Document, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("why_disabled", Words, nullable=False),
    Column("origin", Words, nullable=False),
    Column("sealed", Words, nullable=False),
    Column("etag", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("delivered", Words, nullable=False),
    Column("delivered_at", Instant),
    Index("webhooks_by_name", "name_key", unique=True),
)

DELIVERIES = Table(
    "webhook_deliveries",
    METADATA,
    Column("webhook_id", Words, primary_key=True),
    Column("event_id", Words, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("event", Document, nullable=False),
    Column("written_at", Instant, nullable=False),
    Column("give_up_at", Instant, nullable=False),
    Column("given_up", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("last_attempt_at", Instant),
    Column("last_error", Words, nullable=False),
    ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], ondelete="CASCADE", name="deliveries_of_a_webhook"),
    Index("webhook_deliveries_in_order", "webhook_id", "written_at", "position"),
)

PLACES = Table(
    "called_places",
    METADATA,
    Column("id", Words, primary_key=True),
    Column("sealed", Words, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("left_at", Instant),
)

LIMITS, RINGS = (
    Table(
        name,
        METADATA,
        Column("name_key", Words, primary_key=True),
        Column("name", Words, nullable=False),
        Column("document", Document, nullable=False),
        Column("etag", Words, nullable=False),
        Column("changed_at", Instant, nullable=False),
        Column("changed_by", Words, nullable=False),
        Column("reason", Words, nullable=False),
    )
    for name in ("limits", "rings")
)

TURNS = Table(
    "turns",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("resource_id", Words, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("has_slot", Boolean, nullable=False),
    Column("begun", Boolean, nullable=False),
    Column("wants", Integer, nullable=False),
    Column("machines", Integer, nullable=False),
    Column("taken", Boolean, nullable=False),
)

RING_PROGRESS = Table(
    "ring_progress",
    METADATA,
    Column("name_key", Words, primary_key=True),
    Column("etag", Words, nullable=False),
    Column("document", Document, nullable=False),
    Column("looked_at", Instant, nullable=False),
    ForeignKeyConstraint(["name_key"], ["rings.name_key"], ondelete="CASCADE", name="progress_of_rings"),
)
