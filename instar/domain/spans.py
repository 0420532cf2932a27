"""Durations in words, for reasons that people read (docs/rules.md P17)."""

from datetime import timedelta

_UNITS = (("hour", 3_600), ("minute", 60))
"""No days: rules and documents count in hours (24 h, 3 h)."""


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


def _counted(count: float, unit: str) -> str:
    return f"{count:g} {unit}" if count == 1 else f"{count:g} {unit}s"
