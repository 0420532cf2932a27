"""Rollout policies as they are sent: the envelope, the reason, a calendar in the place of days off."""

import asyncio
from datetime import datetime
from typing import Any

from api.upgrades import calendars
from api.wire.errors import invalid
from instar.domain.legible import legible
from instar.domain.steering.outside.asked_calls import MEMBERS, AskedCalls, asked_calls
from instar.domain.steering.refusals import PolicyRefused
from instar.domain.steering.rollout_policy import RolloutPolicy, parsed

_OURS = ("properties", "reason")
_PUT_BACK = ("id", "name", "type", "etag", "systemData")
"""What is shown and may be put back; it says nothing."""

Json = dict[str, Any]

EXAMPLE: Json = {
    "properties": {
        "waves": [1, "5%", "20%"],
        "canary": {"instances": ["0"], "bake": "PT1H"},
        "bake": "PT10M",
        "finalBake": "PT2H",
        "windows": [{"days": ["Sat", "Sun"], "from": "01:00", "to": "05:00", "timeZone": "Europe/Berlin"}],
        "notOn": ["2030-12-24/2031-01-02"],
        "approval": "afterCanary",
        "approvalDeadline": "P1D",
        "hooks": [
            {
                "name": "drain",
                "at": "beforeSwap",
                "url": "https://drain.example.com/instar",
                "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
                "timeout": "PT10M",
                "otherwise": "skip",
            }
        ],
        "judges": [
            {
                "name": "errors",
                "kind": "prometheus",
                "url": "https://prometheus.example.com",
                "query": "sum(rate(errors[5m]))",
                "condition": "< 1",
                "timeout": "PT5M",
                "otherwise": "park",
            }
        ],
    },
    "reason": "the shop is busy on weekdays",
}


async def read_body(body: Json, now: datetime) -> tuple[RolloutPolicy, AskedCalls]:
    """The policy of a body, and apart from it its hooks and judges. Raises ArmError 400 that names what is wrong."""
    for name in body:
        if name not in _OURS + _PUT_BACK:
            shown = legible(name, 60)
            message = f"'{shown}' is not known here: a rollout policy stands in 'properties', beside it a 'reason'."
            raise invalid(message, shown)
    properties = body.get("properties")
    if not isinstance(properties, dict):
        raise invalid("'properties' must be an object: the rollout policy.", "properties")
    try:
        # Days of a calendar are worked out, and windows tried, in a thread: both may take a while.
        return await asyncio.to_thread(_read, properties, now)
    except PolicyRefused as refusal:
        raise invalid(refusal.message, ".".join(filter(None, ("properties", refusal.target)))) from None


def _read(properties: Json, now: datetime) -> tuple[RolloutPolicy, AskedCalls]:
    calls = asked_calls(properties)
    rest = {name: value for name, value in properties.items() if name not in MEMBERS}
    not_on = rest.get(calendars.TARGET)
    if isinstance(not_on, str):
        spans, until = calendars.days_of(not_on, now.date())
        rest |= {"notOn": [span.text for span in spans], "notOnReadUntil": until.isoformat()}
    return parsed(rest, now), calls
