"""When windows are open, against clocks that are read minute by minute, over both changes in many zones (W3)."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instar.domain.steering.calendar.days_off import DaySpan
from instar.domain.steering.calendar.window import WEEK, Window
from instar.domain.steering.calendar.windows import HORIZON, Timetable
from instar.domain.steering.calendar.zones import names, zone

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NOON = datetime(2026, 12, 4, 12, tzinfo=UTC)  # a Friday

CHANGES = {
    "Europe/Berlin": ("2027-03-28", "2027-10-31"),
    "America/New_York": ("2027-03-14", "2027-11-07"),
    "Australia/Lord_Howe": ("2027-10-03", "2027-04-04"),  # half an hour
    "America/Santiago": ("2026-09-06", "2027-04-04"),  # at midnight
    "Africa/Casablanca": ("2026-03-22", "2026-02-15"),  # by the moon, until it ended
    "America/Havana": ("2026-03-08", "2027-11-07"),  # from 1:00 to midnight
    "Asia/Beirut": ("2027-03-28", "2027-10-31"),  # at midnight
    "Asia/Kathmandu": ("2027-03-28", "2027-10-31"),  # none, and 5:45 ahead
    "Pacific/Apia": ("2011-12-30", "2011-09-24"),  # a day that was not
    "Pacific/Kiritimati": ("2027-03-28", "2027-10-31"),  # 14 hours ahead
}
"""By zone: days on which clocks are put forward and back."""

WINDOWS = {
    "gone": ("02:15", "02:45"),
    "into what is gone": ("01:30", "02:30"),
    "from what is gone": ("02:30", "04:00"),
    "night": ("22:00", "02:30"),
    "about midnight": ("23:30", "00:30"),
    "after midnight": ("00:15", "00:45"),
    "all day": ("00:00", "24:00"),
    "from noon to noon": ("12:00", "12:00"),
}


def one(opens: str, closes: str, name: str, *days: str) -> Window:
    return Window.model_validate({"from": opens, "to": closes, "timeZone": name} | ({"days": days} if days else {}))


def minutes_open(window: Window, not_on: tuple[DaySpan, ...], start: datetime, count: int) -> list[bool]:
    """Slow and apart from the code: clocks are looked at every minute; a time has come once one shows it or more."""
    there = zone(window.time_zone)
    shown = [(start + number * MINUTE).astimezone(there).replace(tzinfo=None, fold=0) for number in range(count)]
    is_open = [False] * count
    day = shown[0].date() - 2 * DAY
    while day <= shown[-1].date():
        belongs = WEEK[day.weekday()] in window.days and not any(a <= day <= b for a, b in not_on)
        hour, minute = (int(part) for part in window.closes.split(":"))
        ends = datetime.combine(day, time()) + hour * HOUR + minute * MINUTE
        begins = datetime.combine(day, time.fromisoformat(window.opens))
        ends = ends if ends > begins else ends + DAY
        if belongs and shown[0] < begins:
            first = next((n for n, wall in enumerate(shown) if wall >= begins), count)
            last = next((n for n, wall in enumerate(shown) if wall >= ends), count)
            is_open[first:last] = [True] * max(0, last - first)
        day += DAY
    return is_open


def check(windows: tuple[Window, ...], not_on: tuple[DaySpan, ...], around: date) -> None:
    """Every minute of the days about that day; the reference begins earlier, and ends later."""
    start, first_minute, count = datetime.combine(around - 3 * DAY, time(), UTC), 2 * 24 * 60, 6 * 24 * 60
    last_minute = count - 30 * 60
    tables = [minutes_open(window, not_on, start, count) for window in windows]
    expected = [any(at) for at in zip(*tables, strict=True)]
    timetable = Timetable(windows, not_on)
    found = [False] * count
    for opening in timetable.openings(start + first_minute * MINUTE):
        first, last = (max(0, min(count, (moment - start) // MINUTE)) for moment in (opening.start, opening.end))
        found[first:last] = [True] * (last - first)
        if last == count:
            break
    assert found[first_minute:last_minute] == expected[first_minute:last_minute]
    for number in range(first_minute, last_minute, 211):
        state, now = timetable.state_at(start + number * MINUTE), start + number * MINUTE
        assert state.is_open == expected[number]
        change = next((n for n in range(number, last_minute) if expected[n] != expected[number]), None)
        if change is not None:
            assert (state.until if state.is_open else state.opens_at) == start + change * MINUTE
        assert timetable.would_end_inside(now, MINUTE * 90) == all(expected[number : number + 90])


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("times", WINDOWS.values(), ids=WINDOWS)
def test_w3_clocks_that_are_changed_are_read_as_a_person_reads_them(name: str, times: tuple[str, str]) -> None:
    for day in CHANGES[name]:
        check((one(*times, name),), (), date.fromisoformat(day))


TIMES = st.tuples(st.integers(0, 23), st.sampled_from([0, 15, 30, 45, 59])).map(lambda at: f"{at[0]:02}:{at[1]:02}")
DAYS = st.lists(st.sampled_from(WEEK), min_size=1, unique=True)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[tuple[Window, ...], tuple[DaySpan, ...], date]:
    name = draw(st.sampled_from(sorted(CHANGES)))
    around = date.fromisoformat(draw(st.sampled_from(CHANGES[name]))) + draw(st.integers(-2, 2)) * DAY
    zones = st.just(name) | st.sampled_from(sorted(CHANGES))
    windows = draw(st.lists(st.builds(one, TIMES, TIMES, zones), min_size=1, max_size=3))
    windows = [window.model_copy(update={"days": tuple(draw(DAYS))}) for window in windows]
    off = [around + draw(st.integers(-4, 4)) * DAY for _ in range(draw(st.integers(0, 2)))]
    return tuple(windows), tuple(DaySpan(day, day) for day in off), around


@settings(max_examples=60, deadline=None)
@given(scenes())
def test_w3_any_windows_and_days_off_are_open_when_a_slow_clock_says_so(
    scene: tuple[tuple[Window, ...], tuple[DaySpan, ...], date],
) -> None:
    check(*scene)


def test_w3_a_window_over_midnight_belongs_to_the_day_it_begins() -> None:
    friday_night = Timetable((one("22:00", "02:00", "UTC", "Fri"),))
    assert friday_night.state_at(NOON + 13 * HOUR).is_open, "Saturday, one o'clock"
    assert not friday_night.state_at(NOON - 11 * HOUR).is_open, "Friday, one o'clock"
    saturday_off = Timetable(friday_night.windows, (DaySpan.of("2026-12-05"),))
    assert saturday_off.state_at(NOON + 13 * HOUR).is_open
    friday_off = Timetable(friday_night.windows, (DaySpan.of("2026-12-04"),))
    assert friday_off.state_at(NOON).opens_at == NOON + 7 * DAY + 10 * HOUR


def test_w3_without_windows_it_is_always_open_and_days_off_are_those_of_utc() -> None:
    state = Timetable().state_at(NOON)
    assert (state.is_open, state.until, state.reason) == (True, None, "its windows do not close")
    off = Timetable((), (DaySpan.of("2026-12-05/2026-12-06"),))
    assert off.state_at(NOON).until == datetime(2026, 12, 5, tzinfo=UTC)
    assert off.state_at(NOON + DAY).opens_at == datetime(2026, 12, 7, tzinfo=UTC)
    assert off.state_at(NOON + 3 * DAY).until is None


def test_w3_windows_that_touch_are_one_and_equal_times_are_a_whole_day() -> None:
    weekend = Timetable((one("00:00", "00:00", "UTC", "Sat", "Sun"), one("00:00", "06:00", "UTC", "Mon")))
    state = weekend.state_at(NOON + DAY)
    assert state.until == datetime(2026, 12, 7, 6, tzinfo=UTC)
    assert Timetable((one("00:00", "24:00", "Asia/Kathmandu"),)).state_at(NOON).until is None


def test_w3_openings_are_in_order_however_far_apart_their_zones_are() -> None:
    """A later day of the east begins before an earlier evening of the west."""
    windows = (one("00:00", "01:00", "Pacific/Kiritimati"), one("20:00", "21:00", "America/Los_Angeles"))
    found = list(Timetable(windows).openings(NOON))
    assert len(found) > 700
    assert all(before.end < after.start for before, after in pairwise(found))
    assert Timetable(windows).state_at(NOON - 3 * HOUR).opens_at == NOON - 2 * HOUR


def test_w3_a_later_day_of_the_east_opens_before_the_same_days_afternoon_elsewhere() -> None:
    windows = (one("12:00", "13:00", "UTC"), one("00:00", "01:00", "Pacific/Kiritimati"))
    assert Timetable(windows).state_at(NOON - 3 * HOUR).opens_at == NOON - 2 * HOUR
    starts = [opening.start for opening in Timetable(windows).openings(NOON - 3 * HOUR)]
    assert starts == sorted(starts)


def test_w3_at_its_end_a_window_is_closed_and_a_batch_may_end_in_that_very_moment() -> None:
    timetable = Timetable((one("12:00", "14:00", "UTC"),))
    assert timetable.state_at(NOON).is_open
    assert timetable.state_at(NOON + 2 * HOUR - MINUTE).is_open
    assert not timetable.state_at(NOON + 2 * HOUR).is_open
    assert timetable.would_end_inside(NOON, 2 * HOUR)
    assert not timetable.would_end_inside(NOON, 2 * HOUR + MINUTE)
    assert not timetable.would_end_inside(NOON - MINUTE, MINUTE), "closed: nothing begins"
    assert timetable.next_fitting(NOON + HOUR, HOUR) == NOON + HOUR
    assert timetable.next_fitting(NOON + HOUR, 2 * HOUR) == NOON + DAY
    assert timetable.next_fitting(NOON, 3 * HOUR) is None


def test_w3_what_does_not_open_within_a_year_never_opens() -> None:
    weekday = one("10:00", "11:00", "UTC", "Fri")
    year_off = (DaySpan.of("2026-12-04/2027-12-04"), DaySpan.of("2027-12-05/2028-06-30"))
    state = Timetable((weekday,), year_off).state_at(NOON)
    assert (state.is_open, state.opens_at) == (False, None)
    assert state.reason == "outside of its windows, and none opens within a year"
    gone = one("02:15", "02:45", "Europe/Berlin", "Sun")
    only_the_change = tuple(
        DaySpan(date(2027, 3, 28) + 1 * DAY + n * 300 * DAY, date(2027, 3, 28) + (n + 1) * 300 * DAY) for n in range(2)
    )
    assert Timetable((gone,), only_the_change).state_at(datetime(2027, 3, 28, tzinfo=UTC)).opens_at is None


def test_w3_moments_are_the_same_in_whatever_zone_they_are_given() -> None:
    timetable = Timetable((one("01:00", "05:00", "Europe/Berlin"),))
    for hours in range(48):
        now = NOON + hours * HOUR
        elsewhere = now.astimezone(ZoneInfo("Asia/Kathmandu"))
        assert timetable.state_at(now) == timetable.state_at(elsewhere)
        assert timetable.next_fitting(now, 2 * HOUR) == timetable.next_fitting(elsewhere, 2 * HOUR)


def test_w3_the_horizon_is_a_year_to_the_day() -> None:
    timetable = Timetable(
        (one("12:00", "13:00", "UTC", *WEEK),), (DaySpan(NOON.date() + DAY, (NOON + HORIZON - DAY).date()),)
    )
    assert timetable.state_at(NOON + 2 * HOUR).opens_at == NOON + HORIZON
    late = Timetable(timetable.windows, (*timetable.not_on, DaySpan((NOON + HORIZON).date(), (NOON + HORIZON).date())))
    assert late.state_at(NOON + 2 * HOUR).opens_at is None


def test_w3_zones_are_those_of_the_shipped_release_whatever_the_machine_has() -> None:
    assert len(names()) > 400
    assert {zone(name).key for name in names()} == set(names())
    for nonsense in ("", "Berlin", "europe/berlin", "../zones", "Europe", "/etc/localtime", "Europe/Berlin\n", "UTC+1"):
        with pytest.raises(ValueError, match="is no time zone of the tz database"):
            zone(nonsense)
