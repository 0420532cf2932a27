"""Moments: `utcNow`, `dateTimeAdd`, `dateTimeFromEpoch`, `dateTimeToEpoch`, and the formats of .NET that they take."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import isodate

from api.templates.errors import TemplateError

_STANDARD = {
    "d": "MM/dd/yyyy",
    "D": "dddd, dd MMMM yyyy",
    "f": "dddd, dd MMMM yyyy HH:mm",
    "F": "dddd, dd MMMM yyyy HH:mm:ss",
    "g": "MM/dd/yyyy HH:mm",
    "G": "MM/dd/yyyy HH:mm:ss",
    "m": "MMMM dd",
    "M": "MMMM dd",
    "o": "yyyy-MM-ddTHH:mm:ss.fffffffZ",
    "O": "yyyy-MM-ddTHH:mm:ss.fffffffZ",
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "t": "HH:mm",
    "T": "HH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ssZ",
    "U": "dddd, dd MMMM yyyy HH:mm:ss",
    "y": "yyyy MMMM",
    "Y": "yyyy MMMM",
}
"""Formats of one letter, in the culture that .NET calls invariant."""

_TOKENS = re.compile(r"'([^']*)'|\"([^\"]*)\"|\\(.)|(y+|M+|d+|H+|h+|m+|s+|f+|F+|t+|z+|K)|([A-Za-z%])|(.)", re.DOTALL)
_LITERAL_LETTERS = frozenset("TZ")
"""Letters that mean themselves; any other one that is no part of a moment is refused."""

_MOST_FRACTION = 7

_PARTS: dict[str, Callable[[datetime, int], str]] = {
    "y": lambda at, width: f"{at.year % 100 if width <= 2 else at.year:0{width}d}",  # noqa: PLR2004  # yy
    "M": lambda at, width: _named(at, width, at.month, "%b", "%B"),
    "d": lambda at, width: _named(at, width, at.day, "%a", "%A"),
    "H": lambda at, width: f"{at.hour:0{min(width, 2)}d}",
    "h": lambda at, width: f"{at.hour % 12 or 12:0{min(width, 2)}d}",
    "m": lambda at, width: f"{at.minute:0{min(width, 2)}d}",
    "s": lambda at, width: f"{at.second:0{min(width, 2)}d}",
    "f": lambda at, width: f"{at.microsecond:06d}0"[:width],
    "F": lambda at, width: f"{at.microsecond:06d}0"[:width].rstrip("0"),
    "t": lambda at, width: ("AM" if at.hour < 12 else "PM")[:width],  # noqa: PLR2004  # noon
    "z": lambda _at, width: {1: "+0", 2: "+00"}.get(width, "+00:00"),
    "K": lambda _at, _width: "Z",
}
_LONGEST = {"y": 5, "M": 4, "d": 4, "f": _MOST_FRACTION, "F": _MOST_FRACTION}

WITHOUT_FORMAT = "M/d/yyyy h:mm:ss tt"
"""How `dateTimeAdd` answers where it is given no format."""


def written(at: datetime, pattern: str, function: str) -> str:
    """A moment in a format of .NET. Raises TemplateError that names a format that is none.

    >>> written(datetime(2020, 4, 7, 14, 53, 14), "yyyy-MM-ddTHH:mm:ssZ", "utcNow")
    '2020-04-07T14:53:14Z'
    >>> written(datetime(2020, 4, 7, 14, 53, 14), WITHOUT_FORMAT, "utcNow")
    '4/7/2020 2:53:14 PM'
    """
    refusal = TemplateError(f"the format '{pattern[:40]}' of the template function '{function}' is not supported")
    if len(pattern) == 1 and pattern not in _STANDARD:
        raise refusal

    def put(match: re.Match[str]) -> str:
        quoted, double, escaped, part, letter, other = match.groups()
        if part is None:
            if letter is not None and letter not in _LITERAL_LETTERS:
                raise refusal
            return next(text for text in (quoted, double, escaped, letter, other) if text is not None)
        if len(part) > _LONGEST.get(part[0], _MOST_FRACTION):
            raise refusal
        return _PARTS[part[0]](at, len(part))

    return _TOKENS.sub(put, _STANDARD.get(pattern, pattern))


def read(text: str) -> datetime:
    """A moment as ISO 8601 has it, or as `dateTimeAdd` writes it. Raises ValueError."""
    if "/" in text:
        return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)
    at: datetime = isodate.parse_datetime(text.strip().replace(" ", "T") if "T" not in text else text.strip())
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def added(base: str, duration: str, pattern: str = WITHOUT_FORMAT) -> str:
    """A moment that is later, or with `-` before the duration (ISO 8601) earlier. Raises ValueError, OverflowError.

    >>> added("2020-04-07 14:53:14Z", "P3Y"), added("2020-04-07 14:53:14Z", "-P9D", "yyyy-MM-dd")
    ('4/7/2023 2:53:14 PM', '2020-03-29')
    """
    return written(read(base) + isodate.parse_duration(duration), pattern, "dateTimeAdd")


def from_epoch(seconds: int) -> str:
    """The moment that many seconds after the beginning of 1970.

    >>> from_epoch(1683040573)
    '2023-05-02T15:16:13Z'
    """
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def to_epoch(text: str) -> int:
    """How many seconds after the beginning of 1970 a moment is.

    >>> to_epoch("2023-05-02T15:16:13Z")
    1683040573
    """
    return int(read(text).timestamp())


def _named(at: datetime, width: int, number: int, short: str, long: str) -> str:
    return f"{number:0{width}d}" if width <= 2 else at.strftime(short if width == 3 else long)  # noqa: PLR2004
