"""The tables. The migrations make them; a test holds both against each other.

A scale set owns its models (one per generation) and their sealed secrets: they go with it. Operations outlive their
set, because the operation that deletes a set is asked for afterwards. Columns named `*_key` hold the folded form of a
name, by which it is found; beside them stands the name as it was created.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKeyConstraint, Index, Integer, MetaData, Table, text

from instar.store.database.columns import Document, Instant, Words

METADATA = MetaData()

SCALE_SETS = Table(
    "scale_sets",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("resource_key", Words, nullable=False),
    Column("subscription_key", Words, nullable=False),
    Column("resource_group_key", Words, nullable=False),
    Column("resource_id", Words, nullable=False),
    Column("subscription_id", Words, nullable=False),
    Column("resource_group", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("location", Words, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("etag", Integer, nullable=False),
    Column("deleting", Boolean, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("scale_sets_by_resource", "resource_key", unique=True),
    Index("scale_sets_by_group", "subscription_key", "resource_group_key"),
)

MODELS = Table(
    "scale_set_models",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("document", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("machine_generation", Integer, nullable=False),
    ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="models_of_a_set"),
)

SECRETS = Table(
    "sealed_secrets",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("generation", Integer, primary_key=True),
    Column("place", Document, primary_key=True),
    Column("token", Words, nullable=False),
    ForeignKeyConstraint(
        ["unique_id", "generation"],
        ["scale_set_models.unique_id", "scale_set_models.generation"],
        ondelete="CASCADE",
        name="secrets_of_a_model",
    ),
)

SCALE_SET_STATUS = Table(
    "scale_set_status",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("decided_at", Instant, nullable=False),
    Column("status", Words, nullable=False),
    ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="status_of_a_set"),
)

SET_LOOKS = Table(
    "set_looks",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("location_key", Words, nullable=False),
    Column("line_key", Words, nullable=False),
    Column("looked_at", Instant, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("kept", Words, nullable=False),
    ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="looks_for_a_set"),
    Index("set_looks_by_moment", "due_at", "unique_id"),
    Index("set_looks_by_image", "location_key", "line_key"),
)

PUBLICATIONS = Table(
    "publications",
    METADATA,
    Column("location_key", Words, primary_key=True),
    Column("line_key", Words, primary_key=True),
    Column("published_at", Instant, nullable=False),
    Column("told", Boolean, nullable=False),
)

FLEET_MARKS = Table(
    "fleet_marks",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("ids_up_to", BigInteger, nullable=False),
    Column("operations_up_to", Integer, nullable=False),
    ForeignKeyConstraint(["unique_id"], ["scale_sets.unique_id"], ondelete="CASCADE", name="marks_of_a_set"),
)

IMAGE_VERSIONS = Table(
    "image_versions",
    METADATA,
    Column("publisher_key", Words, primary_key=True),
    Column("offer_key", Words, primary_key=True),
    Column("sku_key", Words, primary_key=True),
    Column("location_key", Words, primary_key=True),
    Column("version_key", Words, primary_key=True),
    Column("publisher", Words, nullable=False),
    Column("offer", Words, nullable=False),
    Column("sku", Words, nullable=False),
    Column("location", Words, nullable=False),
    Column("version", Words, nullable=False),
    Column("published_at", Instant, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("properties", Document, nullable=False),
)

OPERATIONS = Table(
    "operations",
    METADATA,
    Column("id", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("scale_set_unique_id", Words, nullable=False),
    Column("subscription_id", Words, nullable=False),
    Column("location", Words, nullable=False),
    Column("status", Words, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("error_code", Words, nullable=False),
    Column("error_message", Words, nullable=False),
    Column("resource_id", Words, nullable=False, server_default=""),
    Column("message", Words),
    Column("claimed_until", Instant),
    Column("waits_for", Words, nullable=False, server_default=""),
    Column("waits_since", Instant),
    Index("operations_by_set", "scale_set_unique_id", "status"),
    Index(
        "operations_to_hand_over",
        "scale_set_unique_id",
        "started_at",
        sqlite_where=text("message IS NOT NULL"),
        postgresql_where=text("message IS NOT NULL"),
    ),
)

UPGRADES = Table(
    "upgrades",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("sequence", Integer, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("record", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("waits_for", Words, nullable=False, server_default=""),
    Column("waits_since", Instant),
)

DECISIONS = Table(
    "upgrade_decisions",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("action", Words, nullable=False),
    Column("reason", Words, nullable=False),
)

INSTANCES = Table(
    "upgrade_instances",
    METADATA,
    Column("unique_id", Words, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("instance_id", BigInteger, primary_key=True, autoincrement=False),
    Column("sequence", Integer, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("reason", Words, nullable=False),
)

RESOURCES = Table(
    "resources",
    METADATA,
    Column("resource_key", Words, primary_key=True),
    Column("type_key", Words, nullable=False),
    Column("subscription_key", Words, nullable=False),
    Column("resource_group_key", Words, nullable=False),
    Column("parent_key", Words, nullable=False),
    Column("resource_id", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("subscription_id", Words, nullable=False),
    Column("resource_group", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("parent_id", Words, nullable=False),
    Column("document", Document, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("etag", Integer, nullable=False),
    Index("resources_by_type", "type_key", "subscription_key", "resource_group_key"),
    Index("resources_by_parent", "parent_key", "type_key"),
    Index("resources_by_group", "subscription_key", "resource_group_key", "type_key"),
)

CREDENTIALS = Table(
    "credentials",
    METADATA,
    Column("client_id", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("salt", Words, nullable=False),
    Column("secret_hash", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)

ROLE_ASSIGNMENTS = Table(
    "role_assignments",
    METADATA,
    Column("principal", Words, primary_key=True),
    Column("role", Words, primary_key=True),
    Column("scope_key", Words, primary_key=True),
    Column("scope", Words, nullable=False),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("principal", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("action", Words, nullable=False),
    Column("resource", Words, nullable=False),
    Column("status", Integer, nullable=False),
    Column("request_id", Words, nullable=False),
    Column("repeats", Integer, nullable=False, server_default=text("0")),
    Column("last_at", Instant),
    Column("reason", Words, nullable=False, server_default=""),
    Index("audit_by_principal", "principal", "at"),
)
