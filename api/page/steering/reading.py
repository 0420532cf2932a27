"""From what was typed to what the API takes. What cannot be meant is sent as it is: the API says what is wrong."""

import json
from datetime import datetime, timedelta
from typing import Any

from api.page.steering.act import TICKED, Field, Json, Kind, Typed, Unreadable

IDS_AT_MOST = 10_000
HOURS_AT_MOST = 8784.0
NAME_AT_MOST = 260
"""Letters that are sent to the API, which takes fewer."""

OVERRIDE = "override-"

REASON = Field("reason", "Why", hint="Everybody who meets it is told; it is in the audit log.")
REASON_NEEDED = Field("reason", "Why", hint=REASON.hint, needed=True)
UNTIL = Field("until", "Until", hint="Ends by itself then, as 2026-12-01T06:00:00Z. Empty: until somebody ends it.")
HOURS = Field("hours", "Or for so many hours", hint="In place of a moment.")
INSTANCES = Field("instances", "Machines", hint="0,3-5 for these alone. Empty: all.")


def given(**members: object) -> Json:
    """Those that say something."""
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def ids(typed: str) -> Any:
    """`0,3-5` as a list of ids; None of nothing, and what names no ids as it is.

    >>> ids("7, 3-5"), ids(" "), ids("all"), ids("5-3")
    (['7', '3', '4', '5'], None, 'all', '5-3')
    """
    found: list[str] = []
    for part in typed.split(",") if typed.strip() else ():
        first, dash, last = (one.strip() for one in part.partition("-"))
        numbers = [first, last] if dash else [first, first]
        if not all(one.isascii() and one.isdigit() and len(one) <= 9 for one in numbers):  # noqa: PLR2004  # as the API
            return typed
        begin, end = int(numbers[0]), int(numbers[1])
        if end < begin or end - begin + len(found) >= IDS_AT_MOST:
            return typed
        found += [str(number) for number in range(begin, end + 1)]
    return found or None


def number(typed: str) -> Any:
    """A whole number; None of nothing, and what is none as it is.

    >>> number(" 3 "), number(""), number("three")
    (3, None, 'three')
    """
    text = typed.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004  # more than the API takes of anything
        return int(text)
    return text or None


def until(typed: Typed, now: datetime) -> str | None:
    """The end of a wish; None where it has none. Raises Unreadable."""
    moment, hours = typed.get("until", "").strip(), typed.get("hours", "").strip()
    if not hours:
        return moment or None
    if moment:
        raise Unreadable("hours", "Give a moment or so many hours, not both.")
    try:
        length = float(hours)
    except ValueError:
        length = -1.0
    if not 0 < length <= HOURS_AT_MOST:
        raise Unreadable("hours", f"'{hours[:40]}' must be a number of hours, above 0 and up to {HOURS_AT_MOST:g}.")
    return (now + timedelta(hours=length)).isoformat()


def overrides(typed: Typed) -> list[str]:
    """The limits that are ticked."""
    return [name.removeprefix(OVERRIDE) for name, value in typed.items() if name.startswith(OVERRIDE) and value]


def override_fields(limits: dict[str, str]) -> tuple[Field, ...]:
    """A box for each limit that an owner may waive, by its name and what it is."""
    return tuple(
        Field(OVERRIDE + limit, f"Waive {limit}", Kind.FLAG, what, targets=("override",), for_owners=True)
        for limit, what in limits.items()
    )


def is_ticked(typed: Typed, name: str) -> bool:
    """Of a box."""
    return typed.get(name, "") == TICKED


def document(typed: Typed, name: str, wanted: type) -> Any:
    """JSON of that kind. Raises Unreadable where it is none."""
    text = typed.get(name, "")
    kind = "list" if wanted is list else "object"
    try:
        found = json.loads(text)
    except RecursionError:
        raise Unreadable(name, "This is nested too deeply.") from None
    except ValueError as error:
        raise Unreadable(name, f"This is no JSON: {error}.") from None
    if isinstance(found, dict) and isinstance(found.get("properties"), dict):
        found = found["properties"]
    if not isinstance(found, wanted):
        raise Unreadable(name, f"This must be a JSON {kind}.")
    try:
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise Unreadable(name, "This has a number or a letter that JSON does not have.") from None
    return found


def name_of(typed: Typed) -> str:
    """What something is to be called. Raises Unreadable for what cannot stand in a path."""
    name = typed.get("name", "").strip()
    if name in ("", ".", "..") or "/" in name or len(name) > NAME_AT_MOST:
        raise Unreadable("name", "Give it a name: letters, digits, dots, dashes and underscores, up to 80.")
    return name


def written(value: object) -> str:
    """JSON for a person to change."""
    return json.dumps(value, indent=2, ensure_ascii=False)
