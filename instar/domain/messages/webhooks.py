"""What travels between a webhook's workflow and its activities: ids alone, no URL, no secret, no event (F5)."""

from datetime import datetime

from pydantic import Field

from instar.domain.message import Message


class WebhookState(Message):
    """What the workflow of a webhook knows from one run to the next."""

    webhook_id: str


class LookForDue(Message):
    """Which events are to be delivered, besides those that are being delivered?"""

    webhook_id: str
    in_flight: tuple[str, ...] = ()
    at_most: int = Field(ge=0)


class DueEvent(Message):
    """One of them: until when it is tried, and how often it was."""

    event_id: str
    give_up_at: datetime
    attempts: int = Field(ge=0)


class Due(Message):
    """The answer. `stops`: there is no such webhook any more, or it is switched off."""

    events: tuple[DueEvent, ...] = ()
    more: bool = False
    stops: bool = False


class Delivery(Message):
    """One event to one webhook."""

    webhook_id: str
    event_id: str
