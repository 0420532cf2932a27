"""Moments and durations as the fleet's file keeps them: whole microseconds, since 1970 for moments."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros(duration: timedelta) -> int:
    """A duration in microseconds.

    >>> micros(timedelta(seconds=2))
    2000000
    """
    return duration // _MICROSECOND


def to_micros(moment: datetime) -> int:
    """An aware moment in microseconds since 1970."""
    return (moment - EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """The moment again, aware, in UTC.

    >>> from_micros(to_micros(EPOCH + timedelta(days=1))) == EPOCH + timedelta(days=1)
    True
    """
    return EPOCH + timedelta(microseconds=value)
