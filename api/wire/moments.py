"""Moments as ARM writes them."""

from calendar import monthrange
from datetime import datetime


def moment(at: datetime) -> str:
    """.NET's round-trip form: as many fractional digits as are not zero, offset `+00:00`.

    >>> from datetime import UTC
    >>> moment(datetime(2026, 1, 2, 3, 4, 5, 120_000, UTC)), moment(datetime(2026, 1, 2, 3, 4, 5, 0, UTC))
    ('2026-01-02T03:04:05.12+00:00', '2026-01-02T03:04:05+00:00')
    """
    fraction = f".{at.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}+00:00"


def months_before(at: datetime, months: int) -> datetime:
    """The same day of an earlier month, or that month's last.

    >>> from datetime import UTC
    >>> months_before(datetime(2026, 4, 30, tzinfo=UTC), 2).date().isoformat()
    '2026-02-28'
    """
    index = at.year * 12 + at.month - 1 - months
    year, month = index // 12, index % 12 + 1
    return at.replace(year=year, month=month, day=min(at.day, monthrange(year, month)[1]))
