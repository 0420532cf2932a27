"""A webhook: whom to tell, of what, of which scale sets (docs/rules.md N1)."""

import re
from collections.abc import Iterable
from datetime import timedelta

from pydantic import BaseModel, ConfigDict

from instar.domain.access import is_within
from instar.domain.telling.events import Event, EventType

ALL = "*"

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,62}[A-Za-z0-9])?", re.ASCII)
"""What one may be called: 1 to 64 letters, digits, hyphens and underscores."""

CAN_BE_ASKED_FOR = tuple(one for one in EventType if one is not EventType.TEST)

TRIED_FOR = timedelta(days=1)
"""How long an event is tried to be delivered, from the moment it was written down or sent again."""

KEPT_UNDELIVERED = timedelta(days=30)
"""How long what was given up is listed and can be sent again."""


class Webhook(BaseModel):
    """What a person has asked for; its URL and its secret are sealed and not here."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Never given twice: a webhook that is deleted and made again is another one."""
    name: str
    scope: str
    events: tuple[str, ...] = (ALL,)
    enabled: bool = True
    origin: str
    """Scheme, host and port of the URL: what may be shown to whoever may read."""
    why_disabled: str = ""

    def wants(self, event: Event) -> bool:
        """Whether it is to be told of that.

        An event within the scope, or of a scope around it: a hold of everything holds the one set too.
        """
        known = ALL in self.events or event.type.value in self.events
        near = is_within(event.scope, self.scope) or (
            "scaleSet" not in event.data and is_within(self.scope, event.scope)
        )
        return self.enabled and known and near


def events_fault(events: Iterable[object]) -> str:
    """What is wrong with a list of events, as a sentence; "" if nothing is.

    >>> events_fault(["started", "*"]), events_fault(["begun"])[:31]
    ('', "'begun' is no event: there are ")
    """
    given = list(events)
    known = (ALL, *(one.value for one in CAN_BE_ASKED_FOR))
    for one in given:
        if one not in known:
            return f"'{str(one)[:60]}' is no event: there are {', '.join(known[1:])}, and {ALL} for all of them."
    if not given:
        return f"a webhook without events would be told nothing: name some, or {ALL} for all of them."
    return ""
