"""Durations in words, for reasons that people read (docs/rules.md P17)."""

from datetime import timedelta

_UNITS = (("hour", 3_600), ("minute", 60))
"""No days: rules and documents count in hours (24 h, 3 h)."""

_SHORT_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def in_words(span: timedelta) -> str:
    """A duration of zero and more, to the tenth of a second.

    >>> in_words(timedelta(minutes=5)), in_words(timedelta(hours=3, seconds=1)), in_words(timedelta(seconds=0.25))
    ('5 minutes', '3 hours 1 second', '0.2 seconds')
    >>> in_words(timedelta(0))
    '0 seconds'
    """
    rest = round(span.total_seconds(), 1)
    words = []
    for unit, seconds in _UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            words.append(_counted(count, unit))
    if rest or not words:
        words.append(_counted(round(rest, 1), "second"))
    return " ".join(words)


def briefly(span: timedelta) -> str:
    """A duration of zero and more in its two greatest units, for tables and pages.

    >>> [briefly(timedelta(seconds=seconds)) for seconds in (0, 59.6, 61, 7_260, 90_000)]
    ['0 s', '59 s', '1 min 1 s', '2 h 1 min', '1 d 1 h']
    """
    rest, parts = max(0, int(span.total_seconds())), []
    for unit, seconds in _SHORT_UNITS:
        count, rest = divmod(rest, seconds)
        parts.append((count, unit))
    first = next((index for index, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count) or "0 s"


def _counted(count: float, unit: str) -> str:
    return f"{count:g} {unit}" if count == 1 else f"{count:g} {unit}s"
