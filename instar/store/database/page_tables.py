"""The tables of who is logged in to the page: see `tables`, whose metadata these belong to."""

from sqlalchemy import Column, Index, Integer, Table

from instar.store.database.columns import Instant, Words
from instar.store.database.tables import METADATA

PAGE_SESSIONS = Table(
    "page_sessions",
    METADATA,
    Column("id_hash", Words, primary_key=True),
    Column("principal", Words, nullable=False),
    Column("sealed", Words, nullable=False),
    Column("etag", Integer, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Column("renewing_until", Instant),
    Index("page_sessions_by_principal", "principal"),
)
"""What a cookie holds is here as its SHA-256 alone."""

PAGE_LINKS = Table(
    "page_links",
    METADATA,
    Column("code_hash", Words, primary_key=True),
    Column("principal", Words, nullable=False),
    Column("sealed", Words, nullable=False),
    Column("ends_at", Instant, nullable=False),
    Index("page_links_by_principal", "principal"),
)
"""Links that log in once; what stands in one is here as its SHA-256 alone."""
