"""Tables of the processes that work on the store, and of what the store remembers of its installation."""

from sqlalchemy import Column, Table

from instar.store.database.columns import Document, Instant, Words
from instar.store.database.tables import METADATA

PROCESSES = Table(
    "processes",
    METADATA,
    Column("id", Words, primary_key=True),
    Column("document", Document, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

INSTALLATION_FACTS = Table(
    "installation_facts",
    METADATA,
    Column("name", Words, primary_key=True),
    Column("value", Words, primary_key=True),
    Column("host", Words, nullable=False),
    Column("at", Instant, nullable=False),
)
