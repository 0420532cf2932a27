"""Column types that mean the same on SQLite and on PostgreSQL.

Instants are aware and in UTC. Text may hold anything a client can send in a path: what one of the databases cannot
keep (NUL, halves of surrogate pairs) is written as an escape, so that a look-up by nonsense finds nothing instead of
failing. Documents are JSON in a text column: no database re-orders or re-reads them.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text
from sqlalchemy.types import TypeDecorator

from instar.store.errors import Unstorable


def storable(text: str) -> str:
    r"""The same text with what a database cannot keep written as escapes.

    >>> storable("web"), storable("we\x00b")
    ('web', 'we\\x00b')
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", r"\x00")


def folded(name: str) -> str:
    """The look-up key of a name: ARM compares names without regard to case.

    >>> folded("Canonical") == folded("CANONICAL")
    True
    """
    return storable(name.lower())


def written(document: Any, *, canonical: bool = False) -> str:
    """A document as JSON text in ASCII; canonical, equal documents are equal texts, whatever the order of their keys.

    Raises Unstorable for what JSON cannot say (NaN, objects of Python, nesting without measure).
    """
    try:
        return json.dumps(document, sort_keys=canonical, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        # The error of json may quote the value, which may be a secret: only its kind is passed on.
        raise Unstorable(f"the document is no JSON: {type(error).__name__}") from None


class Words(TypeDecorator[str]):
    """Text of any length and content."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002  # the signature is SQLAlchemy's
        return None if value is None else storable(value)


class Document(TypeDecorator[Any]):
    """JSON, as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002  # the signature is SQLAlchemy's
        return written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002  # the signature is SQLAlchemy's
        return None if value is None else json.loads(value)


class Instant(TypeDecorator[datetime]):
    """A moment. Taken aware in any zone, given back aware in UTC; a naive one is refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # the signature is SQLAlchemy's
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be written down")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  # the signature is SQLAlchemy's
        if value is None:
            return None
        # SQLite keeps no zone, and what was written was UTC; PostgreSQL answers in the zone of the session.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
