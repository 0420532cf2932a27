"""Days on which no window opens: single ones and spans, as `notOn` has them (docs/rules.md W3)."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)
SPAN_AT_MOST = 366
"""Days of one span. Whoever wants none at all for longer wants a hold."""

_DATE = r"\d{4}-\d{2}-\d{2}"
_SPAN = re.compile(rf"({_DATE})(?:/({_DATE}))?", re.ASCII)


class DaySpan(NamedTuple):
    """From the first day to the last, both with it."""

    first: date
    last: date

    @classmethod
    def of(cls, text: str) -> "DaySpan":
        """Read `2026-12-24` or `2026-12-24/2027-01-02`. Raises ValueError that says what is wrong.

        >>> DaySpan.of("2026-12-24/2027-01-02").days
        10
        >>> DaySpan.of("2026-02-30")
        Traceback (most recent call last):
        ...
        ValueError: '2026-02-30' is no day: write 2026-12-24, or 2026-12-24/2027-01-02 from the first to the last
        """
        parts = _SPAN.fullmatch(text)
        try:
            first = date.fromisoformat(parts[1] if parts else "")
            span = cls(first, date.fromisoformat(parts[2]) if parts and parts[2] else first)
        except ValueError:
            raise ValueError(
                f"'{text[:40]}' is no day: write 2026-12-24, or 2026-12-24/2027-01-02 from the first to the last"
            ) from None
        if span.last < span.first:
            raise ValueError(f"'{text}' ends before it begins")
        if span.days > SPAN_AT_MOST:
            raise ValueError(f"'{text}' has {span.days} days, and may have {SPAN_AT_MOST}")
        return span

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def text(self) -> str:
        """As `of` reads it."""
        return self.first.isoformat() if self.first == self.last else f"{self.first}/{self.last}"


def spans_of(days: Iterable[date]) -> tuple[DaySpan, ...]:
    """The days, in any order, as few spans.

    >>> [one.text for one in spans_of([date(2026, 12, 26), date(2026, 12, 24), date(2026, 12, 25), date(2027, 1, 1)])]
    ['2026-12-24/2026-12-26', '2027-01-01']
    """
    found: list[DaySpan] = []
    for day in sorted(dict.fromkeys(days)):
        if found and found[-1].last + DAY == day and found[-1].days < SPAN_AT_MOST:
            found[-1] = DaySpan(found[-1].first, day)
        else:
            found.append(DaySpan(day, day))
    return tuple(found)
