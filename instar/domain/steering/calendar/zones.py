"""Time zones as the release of the tz database has them that Instar is shipped with (docs/rules.md W3).

Not those of the machine: two workers must not differ in when a window opens.
"""

from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

SECOND = timedelta(seconds=1)


@cache
def names() -> tuple[str, ...]:
    """Every name of the tz database, old ones too, in the order of the letters."""
    return tuple(sorted(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()))


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError that names similar ones.

    >>> zone("Europe/Berlin").key
    'Europe/Berlin'
    >>> zone("Europe/Bärlin")
    Traceback (most recent call last):
    ...
    ValueError: 'Europe/Bärlin' is no time zone of the tz database; do you mean Europe/Berlin?
    """
    if name not in names():
        similar = get_close_matches(name[:60], names(), cutoff=0.8)
        hint = f"; do you mean {' or '.join(similar)}?" if similar else ": write one like Europe/Berlin"
        raise ValueError(f"'{name[:60]}' is no time zone of the tz database{hint}")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def moment_of(wall: datetime, there: ZoneInfo) -> datetime:
    """When clocks there show that time, in UTC: of two such times the first, of none the next that there is.

    `wall` has no zone of its own.

    >>> berlin = zone("Europe/Berlin")
    >>> for day, hour, minute in ((28, 1, 59), (28, 2, 0), (28, 2, 30), (28, 3, 0)):
    ...     print(moment_of(datetime(2027, 3, day, hour, minute), berlin).isoformat())
    2027-03-28T00:59:00+00:00
    2027-03-28T01:00:00+00:00
    2027-03-28T01:00:00+00:00
    2027-03-28T01:00:00+00:00
    >>> moment_of(datetime(2027, 10, 31, 2, 30), berlin).isoformat()
    '2027-10-31T00:30:00+00:00'
    """
    first = _in_utc(wall, there, fold=0)
    if _shown(first, there) == wall:
        return first
    # Clocks are put forward over it: before the change they show less, after it more.
    before, after = _in_utc(wall, there, fold=1), first
    while after - before > SECOND:
        middle = before + (after - before) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if _shown(middle, there) > wall:
            after = middle
        else:
            before = middle
    return after


def _in_utc(wall: datetime, there: ZoneInfo, *, fold: int) -> datetime:
    return wall.replace(tzinfo=there, fold=fold).astimezone(UTC)


def _shown(moment: datetime, there: ZoneInfo) -> datetime:
    return moment.astimezone(there).replace(tzinfo=None, fold=0)
