"""Days off from iCalendar files: what is read, and what is refused before it costs anything (W3)."""

import time
from datetime import date

import pytest

from api.upgrades.calendars import BYTES_AT_MOST, EVENTS_AT_MOST, RECURRING_AT_MOST, SECONDS_AT_MOST, days_of
from instar.domain.steering.refusals import PolicyRefused

TODAY = date(2026, 12, 4)
ZONE = "BEGIN:VTIMEZONE\r\nTZID:Evil\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0000\r\n"
ENDLESS = f"{ZONE}TZOFFSETTO:+0100\r\nRRULE:FREQ=SECONDLY;INTERVAL=0\r\nEND:STANDARD\r\nEND:VTIMEZONE"
NEVER = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"


def event(*lines: str, uid: str = "1") -> str:
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT"])


def ics(*components: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:tests", *components, "END:VCALENDAR", ""])


def days(*components: str) -> str:
    return " ".join(span.text for span in days_of(ics(*components), TODAY)[0])


def refusal(text: str) -> str:
    with pytest.raises(PolicyRefused) as caught:
        days_of(text, TODAY)
    assert caught.value.target == "notOn"
    assert caught.value.message.startswith("The calendar in 'notOn' ")
    assert caught.value.message.isprintable()
    return caught.value.message


FRIDAYS = ("DTSTART;VALUE=DATE:20261204", "RRULE:FREQ=WEEKLY;COUNT=3")


@pytest.mark.parametrize(
    ("components", "expected"),
    [
        ([event("DTSTART;VALUE=DATE:20261224")], "2026-12-24"),
        ([event("DTSTART;VALUE=DATE:20261224", "DTEND;VALUE=DATE:20261227")], "2026-12-24/2026-12-26"),
        ([event("DTSTART;VALUE=DATE:20261201", "DTEND;VALUE=DATE:20261206")], "2026-12-04/2026-12-05"),
        ([event("DTSTART;VALUE=DATE:19701225", "RRULE:FREQ=YEARLY")], "2026-12-25 2027-12-25"),
        ([event("DTSTART:20261204T230000Z", "DURATION:PT2H")], "2026-12-04/2026-12-05"),
        ([event("DTSTART:20261204T220000Z", "DTEND:20261205T000000Z")], "2026-12-04"),
        (
            [event("DTSTART;TZID=Asia/Kathmandu:20261210T010000", "DTEND;TZID=Asia/Kathmandu:20261210T020000")],
            "2026-12-10",
        ),
        ([event(*FRIDAYS)], "2026-12-04 2026-12-11 2026-12-18"),
        ([event(*FRIDAYS, "EXDATE;VALUE=DATE:20261211")], "2026-12-04 2026-12-18"),
        (
            [event(*FRIDAYS), event("RECURRENCE-ID;VALUE=DATE:20261211", "DTSTART;VALUE=DATE:20261213")],
            "2026-12-04 2026-12-13 2026-12-18",
        ),
        (
            [event("DTSTART;VALUE=DATE:20261204", "RDATE;VALUE=DATE:20261211,20270101")],
            "2026-12-04 2026-12-11 2027-01-01",
        ),
        (
            [event("DTSTART;VALUE=DATE:20261224", uid="a"), event("DTSTART;VALUE=DATE:20261225", uid="b")],
            "2026-12-24/2026-12-25",
        ),
        (
            [event("DTSTART;VALUE=DATE:20261224"), event("STATUS:CANCELLED", "DTSTART;VALUE=DATE:20261227", uid="b")],
            "2026-12-24",
        ),
        (["BEGIN:VTODO\r\nDTSTART;VALUE=DATE:20261220\r\nEND:VTODO", event(*FRIDAYS[:1])], "2026-12-04"),
        ([ENDLESS, event("DTSTART;TZID=Evil:20261208T230000")], "2026-12-08"),
        ([ENDLESS.replace("VTIMEZONE", "vTime\r\n Zone"), event("DTSTART;TZID=Evil:20261208T230000")], "2026-12-08"),
        ([ENDLESS.replace("BEGIN:VT", "BEGIN;X=1:VT"), event("DTSTART;TZID=Evil:20261208T230000")], "2026-12-08"),
    ],
)
def test_w3_every_day_that_an_event_touches_is_off(components: list[str], expected: str) -> None:
    assert days(*components) == expected


def test_w3_a_calendar_is_read_two_years_ahead_and_no_further() -> None:
    spans, until = days_of(ics(event("DTSTART;VALUE=DATE:20200101", "RRULE:FREQ=DAILY")), TODAY)
    assert until == date(2028, 12, 4)
    assert (spans[0].first, spans[-1].last) == (TODAY, until)
    assert sum(span.days for span in spans) == 732


def test_w3_line_ends_of_unix_and_the_mark_of_windows_are_taken() -> None:
    text = "\ufeff" + ics(event("DTSTART;VALUE=DATE:20261224")).replace("\r\n", "\n")
    assert [span.text for span in days_of(text, TODAY)[0]] == ["2026-12-24"]


def rule(text: str, start: str = "DTSTART:20261208T230000Z") -> str:
    return ics(event(start, f"RRULE:{text}"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no iCalendar text"),
        ("x", "is no iCalendar text"),
        ("BEGIN:VCALENDAR\r\nBEGIN:VEVENT", "is no iCalendar text"),
        (event("DTSTART:20261208T230000Z"), "must begin with BEGIN:VCALENDAR"),
        (ics(), "has no event"),
        (ics() + ics(), "is no iCalendar text"),
        ("x" * (BYTES_AT_MOST + 1), "is larger than 262144 bytes"),
        (ics(event()), "has an event without DTSTART"),
        (ics(event("DTSTART;VALUE=DATE:20261399")), "cannot be read"),
        (ics(event("DTSTART;VALUE=DATE:20201224")), "has no day from today to 2028-12-04"),
        (ics(*[event("DTSTART:20261208T230000Z")] * (EVENTS_AT_MOST + 1)), "has 1001 events, and may have 1000"),
        (
            ics(*[event("DTSTART:20261208T230000Z", "RRULE:FREQ=DAILY")] * (RECURRING_AT_MOST + 1)),
            "has more than 100 events that recur",
        ),
        (rule("FREQ=HOURLY"), "has a rule of FREQ 'HOURLY'"),
        (rule("COUNT=3"), "has a rule of FREQ ''"),
        (rule("FREQ=DAILY;BYHOUR=1,2"), "has a rule with BYHOUR"),
        (rule("FREQ=YEARLY;BYWEEKNO=1"), "has a rule with BYWEEKNO"),
        (rule("FREQ=WEEKLY;INTERVAL=0"), "has a rule whose INTERVAL is less than 1"),
        (rule("FREQ=WEEKLY;INTERVAL=-1"), "has a rule whose INTERVAL is less than 1"),
        (rule("FREQ=WEEKLY;INTERVAL=x"), "has a rule that cannot be read"),
        (rule("FREQ=WEEKLY;COUNT=0"), "has a rule whose COUNT is less than 1"),
        (rule("FREQ=DAILY", "DTSTART:19691231T000000Z"), "has a rule that begins before 1970"),
    ],
)
def test_w3_a_calendar_that_cannot_be_read_or_is_too_much_is_refused(text: str, why: str) -> None:
    assert why in refusal(text)


def test_w3_two_years_of_every_other_day_fit() -> None:
    every_other = event("DTSTART;VALUE=DATE:20261204", "RRULE:FREQ=DAILY;INTERVAL=2")
    assert len(days_of(ics(every_other), TODAY)[0]) == 366
    text = ics(every_other, event("DTSTART;VALUE=DATE:20261204", "RRULE:FREQ=DAILY;INTERVAL=7", uid="b"))
    assert len(days_of(text, TODAY)[0]) <= 366, "those that touch are one piece"


def test_w3_rules_that_never_come_true_cost_seconds_and_no_more() -> None:
    begun = time.thread_time()
    many = [event("DTSTART;VALUE=DATE:20200101", NEVER, uid=str(number)) for number in range(RECURRING_AT_MOST)]
    assert "takes more than 3 seconds to work out" in refusal(ics(*many))
    assert time.thread_time() - begun < SECONDS_AT_MOST * 5, "one rule's worth above the limit"
