"""When batches may begin: several windows together, without the days off (docs/rules.md W3).

Windows that touch or overlap are one opening. A window on a day off does not open; one that began on the day before and
reaches into it goes on, since it belongs to the day it begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from instar.domain.steering.calendar.days_off import DAY, DaySpan
from instar.domain.steering.calendar.window import Window

HORIZON = timedelta(days=366)
"""How far it is looked ahead: what does not open within it counts as never."""

ALL_DAY = Window(opens="00:00", closes="00:00", time_zone="UTC")
"""What days off are taken from where there is no window: days of UTC."""

_DAYS_BEFORE = timedelta(days=3)
"""A window that is open now began at most a day and a clock change ago, on a calendar up to 14 hours away."""

_AHEAD = timedelta(hours=15)
"""No clock is further ahead of UTC: by so much a day may begin before it does in UTC."""


@dataclass(frozen=True, slots=True)
class Opening:
    """From when until when, in UTC; at `end` it is closed again."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class WindowState:
    """How the windows stand at one moment."""

    is_open: bool
    until: datetime | None = None
    """Where it is open: when it closes; None: not within a year."""
    opens_at: datetime | None = None
    """Where it is closed: when it opens; None: not within a year."""

    @property
    def reason(self) -> str:
        """One sentence, without an end."""
        if self.is_open:
            return f"its window is open until {_told(self.until)}" if self.until else "its windows do not close"
        if self.opens_at:
            return f"outside of its windows: the next one opens at {_told(self.opens_at)}"
        return "outside of its windows, and none opens within a year"


@dataclass(frozen=True, slots=True)
class Timetable:
    """Windows and days off. Without either it is always open.

    >>> weekend = Window(days=("Sat", "Sun"), opens="01:00", closes="05:00", time_zone="Europe/Berlin")
    >>> timetable = Timetable((weekend,), (DaySpan.of("2026-12-06"),))
    >>> friday = datetime(2026, 12, 4, 12, tzinfo=UTC)
    >>> timetable.state_at(friday).reason
    'outside of its windows: the next one opens at 2026-12-05T00:00Z'
    >>> timetable.state_at(friday + timedelta(hours=13)).reason
    'its window is open until 2026-12-05T04:00Z'

    Sunday is a day off, so the one after that Saturday's is the next Saturday's.

    >>> timetable.state_at(friday + timedelta(hours=16)).reason
    'outside of its windows: the next one opens at 2026-12-12T00:00Z'
    """

    windows: tuple[Window, ...] = ()
    not_on: tuple[DaySpan, ...] = ()

    def openings(self, now: datetime) -> Iterator[Opening]:
        """What is open now or opens within `HORIZON`, in order; the last one may be cut where it is looked no further.

        Raises ValueError for a zone that there is not.
        """
        if not self.windows and not self.not_on:
            yield Opening(now.astimezone(UTC), now.astimezone(UTC) + HORIZON)
            return
        begun: Opening | None = None
        waiting: list[Opening] = []
        day = now.astimezone(UTC).date() - _DAYS_BEFORE
        while _midnight(day) <= now + HORIZON + 2 * DAY:
            waiting = sorted([*waiting, *self._of(day)], key=lambda one: one.start)
            day += DAY
            # Whatever belongs to this day or a later one opens after that moment.
            while waiting and waiting[0].start < _midnight(day) - _AHEAD:
                following = waiting.pop(0)
                if begun and following.start <= begun.end:
                    begun = Opening(begun.start, max(begun.end, following.end))
                    continue
                if begun and begun.end > now:
                    yield begun
                begun = following
                if begun.start > now + HORIZON:
                    return
        if begun and begun.end > now:
            yield begun

    def state_at(self, now: datetime) -> WindowState:
        """Is it open, until when; and if not, when does it open."""
        first = next(self.openings(now), None)
        if first is None:
            return WindowState(is_open=False)
        if first.start > now:
            return WindowState(is_open=False, opens_at=first.start)
        return WindowState(is_open=True, until=first.end if first.end < now + HORIZON else None)

    def would_end_inside(self, now: datetime, expected: timedelta) -> bool:
        """Whether a batch that begins now and takes so long would end by when it closes. False where it is closed.

        >>> night = Timetable((Window(opens="22:00", closes="02:00", time_zone="UTC"),))
        >>> evening = datetime(2026, 12, 4, 23, tzinfo=UTC)
        >>> night.would_end_inside(evening, timedelta(hours=3)), night.would_end_inside(evening, timedelta(hours=4))
        (True, False)
        """
        state = self.state_at(now)
        return state.is_open and (state.until is None or now + expected <= state.until)

    def next_fitting(self, now: datetime, expected: timedelta) -> datetime | None:
        """The first moment from now on at which such a batch may begin; None: no opening within a year is long enough.

        >>> night = Timetable((Window(opens="22:00", closes="02:00", time_zone="UTC"),))
        >>> night.next_fitting(datetime(2026, 12, 4, 23, tzinfo=UTC), timedelta(hours=4)).isoformat()
        '2026-12-05T22:00:00+00:00'
        >>> night.next_fitting(datetime(2026, 12, 4, 23, tzinfo=UTC), timedelta(hours=5))
        """
        for opening in self.openings(now):
            start = max(opening.start, now)
            if start + expected <= opening.end:
                return start
        return None

    def _of(self, day: date) -> list[Opening]:
        if any(span.first <= day <= span.last for span in self.not_on):
            return []
        return [Opening(*found) for window in self.windows or (ALL_DAY,) if (found := window.open_on(day))]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _told(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"
