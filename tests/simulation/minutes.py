"""When batches may begin, minute by minute, from the text of rule W3 alone: the clocks of each zone are simply read.

A time of day has come at the first minute whose clock shows it or more. So one that is skipped is the next that there
is, and of one that is shown twice the first counts.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.resources import files
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
BEFORE = 3 * DAY
"""A window that is open at the beginning began before it."""

NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Minutes:
    """The minutes from one moment on, of one policy as it was sent."""

    def __init__(self, document: dict[str, Any], first: datetime, last: datetime) -> None:
        self.first = first.replace(second=0, microsecond=0)
        self.count = (last - self.first) // MINUTE + 2
        self._open = bytearray(b"\x01" * self.count)
        windows = document.get("windows") or []
        off = _days_off(document.get("notOn") or [])
        if not windows and off:
            windows = [{"from": "00:00", "to": "24:00", "timeZone": "UTC"}]
        if windows:
            self._open = bytearray(self.count)
            for window in windows:
                self._mark(window, off)

    def is_open(self, moment: datetime) -> bool:
        """Whether a batch may begin at that moment."""
        return bool(self._open[(moment - self.first) // MINUTE])

    def left(self, moment: datetime) -> timedelta:
        """How long it stays open from that moment on; nothing where it is closed."""
        number = (moment - self.first) // MINUTE
        end = self._open.find(b"\x00", number)
        closes = self.first + (self.count if end < 0 else end) * MINUTE
        return max(closes - moment, timedelta(0)) if self._open[number] else timedelta(0)

    def _mark(self, window: dict[str, Any], off: set[date]) -> None:
        begins = self.first - BEFORE
        shown = _shown(window["timeZone"], begins, self.count + 2 * (BEFORE // MINUTE))
        day = shown[0].date()
        while day <= shown[-1].date():
            if NAMES[day.weekday()] in window.get("days", NAMES) and day not in off:
                opens, closes = _clock(day, window["from"]), _clock(day, window["to"])
                if closes <= opens:
                    closes += DAY
                start, end = (bisect_left(shown, wall) - BEFORE // MINUTE for wall in (opens, closes))
                for number in range(max(start, 0), min(end, self.count)):
                    self._open[number] = 1
            day += DAY


@lru_cache(maxsize=16)
def _shown(name: str, begins: datetime, count: int) -> list[datetime]:
    """The latest that a clock there has shown, at each minute."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        there = ZoneInfo.from_file(file)
    return list(
        accumulate(((begins + number * MINUTE).astimezone(there).replace(tzinfo=None) for number in range(count)), max)
    )


def _clock(day: date, text: str) -> datetime:
    hours, minutes = (int(part) for part in text.split(":"))
    return datetime.combine(day, time()) + timedelta(hours=hours, minutes=minutes)


def _days_off(texts: list[str]) -> set[date]:
    off: set[date] = set()
    for text in texts:
        first, _, last = text.partition("/")
        day = date.fromisoformat(first)
        while day <= date.fromisoformat(last or first):
            off.add(day)
            day += DAY
    return off


def utc(text: str) -> datetime:
    """A moment, written shortly: `2027-03-27 20:00`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
