"""Credentials, roles, the audit log; operations on resources other than scale sets."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _texts(*names: str, key: bool = False) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=key, nullable=False) for name in names]


def _moment(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "credentials",
        *_texts("client_id", key=True),
        *_texts("name", "salt", "secret_hash"),
        _moment("created_at"),
        _moment("revoked_at", nullable=True),
    )
    op.create_table("role_assignments", *_texts("principal", "role", "scope_key", key=True), *_texts("scope"))
    op.create_table(
        "audit",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True, nullable=False),
        _moment("at"),
        *_texts("principal", "name", "action", "resource"),
        sa.Column("status", sa.Integer, nullable=False),
        *_texts("request_id"),
    )
    op.add_column("operations", sa.Column("resource_id", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("operations", "resource_id")
    for table in ("audit", "role_assignments", "credentials"):
        op.drop_table(table)
