"""What a call to somebody else's system is for, and what may come of it: labels, closed."""

from enum import StrEnum

NONE = "none"
"""No answer, or none that HTTP knows."""

NOT_ALLOWED = "notAllowed"

RESPONSES = ("1xx", "2xx", "3xx", "4xx", "5xx", NONE, NOT_ALLOWED)


class Purpose(StrEnum):
    """What a call is for."""

    WEBHOOK = "webhook"
    HOOK = "hook"
    JUDGE = "judge"
    TEMPLATE = "template"
    """A linked template is fetched."""
