"""`Retry-After`: seconds, or a moment (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

SECONDS_AT_MOST = 86_400
"""A day: more is read as that."""


def retry_after(given: str, now: datetime) -> timedelta | None:
    """How long the header asks to wait, from 0 to a day; None where it asks nothing that can be read.

    >>> noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    >>> retry_after("120", noon), retry_after("Sun, 01 Mar 2026 12:01:00 GMT", noon), retry_after("soon", noon)
    (datetime.timedelta(seconds=120), datetime.timedelta(seconds=60), None)
    """
    text = given.strip()
    if text.isascii() and text.isdigit():
        # The length first: turning a long text into a number takes quadratic time.
        seconds = SECONDS_AT_MOST if len(text) > len(str(SECONDS_AT_MOST)) else min(int(text), SECONDS_AT_MOST)
        return timedelta(seconds=seconds)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(moment - now, timedelta()), timedelta(seconds=SECONDS_AT_MOST))
