"""Days off from an iCalendar file (RFC 5545), as holidays and freezes are published (docs/rules.md W3).

Read once, when it is stored: what is kept are the days, as far ahead as `READ_AHEAD`. Each day that an event touches is
off as a whole, in the event's own zone; a cancelled event is none.
"""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import recurring_ical_events
from icalendar import Calendar, Component
from icalendar.parser import Contentlines

from instar.domain.legible import legible
from instar.domain.steering.calendar.days_off import DAY, DaySpan, spans_of
from instar.domain.steering.refusals import PolicyRefused

BYTES_AT_MOST = 256 * 1024
EVENTS_AT_MOST = 1000
RECURRING_AT_MOST = 100
READ_AHEAD = timedelta(days=731)
"""Two years: who has a calendar for longer stores it again."""

EARLIEST = 1970
"""Year from which an event may recur: each day since its first is counted through."""

SECONDS_AT_MOST = 3.0
"""Of computing. A rule that never comes true is looked for through all years that there are."""

TARGET = "notOn"

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_PARTS = ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS")
"""Of a recurrence rule. What is finer than a day has no meaning here; weeks and days of the year are left out."""

_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, RecursionError)
"""What the library raises for a text that is no calendar, or not wholly."""


def days_of(text: str, today: date) -> tuple[tuple[DaySpan, ...], date]:
    """The days off from today on, and the last day that was looked for. Raises PolicyRefused."""
    if len(text.encode()) > BYTES_AT_MOST:
        raise _refused(f"is larger than {BYTES_AT_MOST} bytes: take out what is over, or what is far away")
    try:
        calendar = Calendar.from_ical(_without_zones(text))
    except _UNREADABLE as error:
        raise _refused(f"is no iCalendar text: {_told(error)}") from None
    if calendar.name != "VCALENDAR":
        raise _refused("is no iCalendar text: it must begin with BEGIN:VCALENDAR")
    groups = _by_uid(calendar)
    until, found, begun = today + READ_AHEAD, set[date](), time.thread_time()
    for group in groups:
        try:
            for first, last in _touched(group, today, until):
                found.update(first + number * DAY for number in range((last - first).days + 1))
                _spend(begun)
        except PolicyRefused:
            raise
        except _UNREADABLE as error:
            summary = legible(str(group.subcomponents[-1].get("SUMMARY", "without a summary")), 60)
            raise _refused(f"has an event ({summary}) that cannot be read: {_told(error)}") from None
        _spend(begun)
    if not found:
        raise _refused(f"has no day from today to {until}")
    # At most every other day of the time ahead, which is below the limit of a policy's.
    return spans_of(found), until


def _without_zones(text: str) -> str:
    """The same without what it says of time zones: they are known by their names, and their rules may have no end."""
    lines: Any = Contentlines  # untyped, as the library has it
    kept, inside = [], 0
    for line in lines.from_ical(text.removeprefix("\ufeff")):
        if not line:
            continue
        name, _, value = line.parts()
        is_zone = value.upper() == "VTIMEZONE"
        inside += name.upper() == "BEGIN" and is_zone
        if not inside:
            kept.append(line)
        inside -= name.upper() == "END" and is_zone and inside > 0
    return str(lines(kept).to_ical().decode())


def _by_uid(calendar: Calendar) -> list[Calendar]:
    """Each event with what overrides single occurrences of it, as a calendar of its own."""
    events = [one for one in calendar.walk("VEVENT") if str(one.get("STATUS", "")).upper() != "CANCELLED"]
    if not events:
        raise _refused("has no event: no day would be off")
    if len(events) > EVENTS_AT_MOST:
        raise _refused(f"has {len(events)} events, and may have {EVENTS_AT_MOST}")
    if sum("RRULE" in one for one in events) > RECURRING_AT_MOST:
        raise _refused(f"has more than {RECURRING_AT_MOST} events that recur: write single days instead")
    groups: dict[str, list[Component]] = {}
    for number, event in enumerate(events):
        _check_rules(event)
        groups.setdefault(str(event.get("UID", number)), []).append(event)
    result = []
    for group in groups.values():
        one = Calendar(calendar)
        one.subcomponents = list(group)
        result.append(one)
    return result


def _check_rules(event: Component) -> None:
    if "DTSTART" not in event:
        raise _refused("has an event without DTSTART")
    given = event.get("RRULE", [])
    for rule in given if isinstance(given, list) else [given]:
        if not isinstance(rule, dict):
            raise _refused(f"has a rule that cannot be read: {legible(str(rule), 60)}")
        for part in rule:
            if str(part).upper() not in _PARTS:
                raise _refused(f"has a rule with {legible(str(part), 40)}; known are {', '.join(_PARTS)}")
        for part in ("INTERVAL", "COUNT"):
            if any(number < 1 for number in rule.get(part, [])):
                raise _refused(f"has a rule whose {part} is less than 1")
        frequency = str(*rule.get("FREQ", [""])[:1]).upper()
        if frequency not in _FREQUENCIES:
            raise _refused(f"has a rule of FREQ '{legible(frequency, 40)}'; it may be {', '.join(_FREQUENCIES)}")
        if event.decoded("DTSTART").year < EARLIEST:
            raise _refused(f"has a rule that begins before {EARLIEST}: let it begin later")


def _touched(group: Calendar, today: date, until: date) -> Iterator[tuple[date, date]]:
    """The first and the last day of each occurrence, not before today and not after `until`."""
    # A day more at either end: an event's own day may begin in another one's.
    occurrences: Iterable[Any] = recurring_ical_events.of(group).between(today - DAY, until + 2 * DAY)
    for one in occurrences:
        start, end = one["DTSTART"].dt, one["DTEND"].dt
        if isinstance(start, datetime):
            moment = timedelta(microseconds=1) if _comparable(end) > _comparable(start) else timedelta(0)
            first, last = start.date(), (end - moment).date()
        else:
            first, last = start, max(start, end - DAY)
        first, last = max(first, today), min(last, until)
        if first <= last:
            yield first, last


def _comparable(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _spend(begun: float) -> None:
    if time.thread_time() - begun > SECONDS_AT_MOST:
        raise _refused(f"takes more than {SECONDS_AT_MOST:g} seconds to work out: write single days instead of rules")


def _refused(why: str) -> PolicyRefused:
    return PolicyRefused(f"The calendar in '{TARGET}' {why}.", TARGET)


def _told(error: Exception) -> str:
    return legible(str(error), 120) or type(error).__name__
