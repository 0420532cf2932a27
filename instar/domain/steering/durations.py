"""Durations of the wire: ISO 8601, of units that always mean the same (no months, no years)."""

import re
from datetime import timedelta
from typing import Annotated, Any

from isodate import duration_isoformat
from pydantic import AfterValidator, BeforeValidator

_ISO = re.compile(r"P(\d{1,3}W|(?=[\dT])(\d{1,4}D)?(T(?=\d)(\d{1,6}H)?(\d{1,6}M)?(\d{1,7}(\.\d{1,6})?S)?)?)", re.ASCII)


def _written(given: Any) -> Any:
    """Numbers are refused: nobody could say of what. A timedelta is one that was read before.

    >>> _written("PT10M")
    'PT10M'
    >>> _written(600)
    Traceback (most recent call last):
    ...
    ValueError: must be an ISO 8601 duration in weeks, days, hours, minutes or seconds, like "PT10M"
    """
    if isinstance(given, timedelta) or (isinstance(given, str) and _ISO.fullmatch(given)):
        return given
    raise ValueError('must be an ISO 8601 duration in weeks, days, hours, minutes or seconds, like "PT10M"')


def within(least: timedelta, most: timedelta) -> AfterValidator:
    """Refuse what is shorter than `least` or longer than `most`, by their own words.

    >>> within(timedelta(0), timedelta(days=7)).func(timedelta(days=8))
    Traceback (most recent call last):
    ...
    ValueError: must be from P0D to P7D
    """

    def checked(given: timedelta) -> timedelta:
        if not least <= given <= most:
            raise ValueError(f"must be from {duration_isoformat(least)} to {duration_isoformat(most)}")
        return given

    return AfterValidator(checked)


Duration = Annotated[timedelta, BeforeValidator(_written)]
