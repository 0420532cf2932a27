"""Moments for people: the same in every reason, on every page and in every table (docs/rules.md P17)."""

from datetime import UTC, datetime


def minute(at: datetime) -> str:
    """A moment that knows its zone, to the minute, in UTC.

    >>> minute(datetime.fromisoformat("2026-03-01T13:00:59.5+01:00"))
    '2026-03-01 12:00Z'
    """
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")


def instant(text: str) -> datetime | None:
    """A moment of a document; None for what is none, or does not say in which zone.

    >>> instant("soon"), instant("2026-03-01T12:00:00")
    (None, None)
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
