"""One maintenance window: some days of each week, from a time of day to another, in a time zone (docs/rules.md W3)."""

import re
from datetime import date, datetime, time
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from instar.domain.steering.calendar.days_off import DAY
from instar.domain.steering.calendar.zones import moment_of, zone

MIDNIGHT = "24:00"
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class Weekday(StrEnum):
    """A day of the week, in ISO's order."""

    MON = "Mon"
    TUE = "Tue"
    WED = "Wed"
    THU = "Thu"
    FRI = "Fri"
    SAT = "Sat"
    SUN = "Sun"


WEEK = tuple(Weekday)


class Window(BaseModel):
    """Open on each of its days from `from` to `to`; where `to` is not later, until then on the day after.

    So `from` 22:00 `to` 02:00 is four hours over midnight, and belongs to the day it begins. Equal times are a whole
    day: until the same time of the next. `24:00` is the midnight that ends the day.
    """

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    days: Annotated[tuple[Weekday, ...], Field(min_length=1)] = WEEK
    opens: Annotated[str, Field(alias="from")]
    """HH:MM, as clocks in the zone show it."""
    closes: Annotated[str, Field(alias="to")]
    time_zone: Annotated[str, Field(min_length=1, max_length=60)]
    """A name of the tz database. Whether there is one of that name is checked where a policy is stored."""

    @field_validator("opens", "closes")
    @classmethod
    def _time_of_day(cls, given: str, info: ValidationInfo) -> str:
        if _TIME.fullmatch(given) or (given == MIDNIGHT and info.field_name == "closes"):
            return given
        most = MIDNIGHT if info.field_name == "closes" else "23:59"
        raise ValueError(f"must be a time of day from 00:00 to {most}, like 01:30")

    @field_validator("days")
    @classmethod
    def _each_once(cls, days: tuple[Weekday, ...]) -> tuple[Weekday, ...]:
        if len(dict.fromkeys(days)) < len(days):
            raise ValueError("names a day twice")
        return days

    def open_on(self, day: date) -> tuple[datetime, datetime] | None:
        """When the window that belongs to that day opens and closes, in UTC; None where it does not open.

        Raises ValueError for a zone that there is not.

        >>> night = Window(days=("Fri",), opens="22:00", closes="02:00", time_zone="Europe/Berlin")
        >>> [moment.isoformat() for moment in night.open_on(date(2026, 12, 4))]
        ['2026-12-04T21:00:00+00:00', '2026-12-05T01:00:00+00:00']
        >>> night.open_on(date(2026, 12, 5))

        A time that does not exist is the next that does: in the night to 28 March 2027, 02:15 and 02:45 are both 03:00.

        >>> gone = Window(opens="02:15", closes="02:45", time_zone="Europe/Berlin")
        >>> gone.open_on(date(2027, 3, 28))
        >>> Window(opens="02:15", closes="03:30", time_zone="Europe/Berlin").open_on(date(2027, 3, 28))[0].isoformat()
        '2027-03-28T01:00:00+00:00'

        One that exists twice is the first, at either end: in the night to 31 October 2027 this one lasts an hour.

        >>> [moment.isoformat() for moment in
        ...  Window(opens="01:30", closes="02:30", time_zone="Europe/Berlin").open_on(date(2027, 10, 31))]
        ['2027-10-30T23:30:00+00:00', '2027-10-31T00:30:00+00:00']
        """
        if WEEK[day.weekday()] not in self.days:
            return None
        opens, closes = time.fromisoformat(self.opens), time.fromisoformat(self.closes.replace(MIDNIGHT, "00:00"))
        there = zone(self.time_zone)
        start = moment_of(datetime.combine(day, opens), there)
        end = moment_of(datetime.combine(day if closes > opens else day + DAY, closes), there)
        return (start, end) if end > start else None
