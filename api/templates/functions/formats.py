"""`format`: a text with places for values, in the formats of .NET that templates use."""

import re
from typing import Any

from api.templates.budget import text_size
from api.templates.errors import TemplateError
from api.templates.functions.values import text_of

_PLACE = re.compile(r"\{\{|\}\}|\{(\d+)(?:,(-?\d{1,4}))?(?::([^}]*))?\}")
_STANDARD = re.compile(r"([DdXxNnFfPp])(\d{0,2})")
_ZEROS = re.compile(r"0{1,40}")


def formatted(pattern: str, *values: Any) -> str:
    """`{0}` and the like replaced; `{0,6}` with a width, `{0:D3}` with a format.

    Raises TemplateError for a format that is not one of D, X, N, F, P with a number of digits, or of zeros.

    >>> formatted("{0}-{1:D3}-{2:x2}-{{", "a", 7, 255), formatted("{0:00},{1,4}", 5, 12)
    ('a-007-ff-{', '05,  12')
    """
    size = 0

    def put(match: re.Match[str]) -> str:
        nonlocal size
        if match[0] in ("{{", "}}"):
            return match[0][0]
        value = values[int(match[1])]
        text = text_of(value) if not match[3] else _number(value, match[3])
        if match[2]:
            width = int(match[2])
            text = text.ljust(-width) if width < 0 else text.rjust(width)
        size += len(text)
        text_size(size)
        return text

    return _PLACE.sub(put, pattern)


def _number(value: Any, form: str) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return text_of(value)
    if _ZEROS.fullmatch(form):
        return f"{value:0{len(form) + (value < 0)}d}" if isinstance(value, int) else f"{value:0{len(form)}.0f}"
    match = _STANDARD.fullmatch(form)
    if match is None:
        raise TemplateError(f"the format ':{form[:20]}' of the template function 'format' is not supported")
    kind, digits = match[1], int(match[2] or -1)
    if kind in "DdXx":
        if not isinstance(value, int):
            raise TypeError("a whole number is needed")
        width = max(digits, 0)
        if kind in "Dd":
            return f"{value:0{width + (value < 0)}d}"
        return f"{value % (1 << 64) if value < 0 else value:0{width}{kind}}"
    places = 2 if digits < 0 else digits
    if kind in "Pp":
        return f"{value * 100:,.{places}f} %"
    return f"{value:,.{places}f}" if kind in "Nn" else f"{value:.{places}f}"
