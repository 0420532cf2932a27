"""What people and other systems are told (docs/rules.md N1, N2): made of what was decided, where it is written down.

Each event says in one sentence what happened and why: the decision's own. Its id follows from what it tells of, so
that the same decision, written twice, is told once.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.records.progress import Outcome
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import Decision, ErrorCode, UpgradeKind, UpgradeRecord, UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity


class EventType(StrEnum):
    """What there is to be told, as a webhook's `events` names it."""

    STARTED = "started"
    BATCH_DONE = "batchDone"
    ROLLED_BACK = "rolledBack"
    """Machines got their previous disk and are healthy on it."""
    BREACHED = "breached"
    """A limit was exceeded (P2, P3, P9)."""
    PARKED = "parked"
    WAITING_FOR_PERSON = "waitingForPerson"
    """An approval, or machines that are not healthy after their rollback either (P8)."""
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAULTED = "faulted"
    QUARANTINED = "quarantined"
    HELD = "held"
    HOLD_ENDED = "holdEnded"
    TEST = "test"
    """Asked for by a person; every webhook gets it."""


TOLD_BY_ACTION = {
    "started": EventType.STARTED,
    "verdict": EventType.BATCH_DONE,
    "parked": EventType.PARKED,
    "approval": EventType.WAITING_FOR_PERSON,
    "completed": EventType.COMPLETED,
    "cancelled": EventType.CANCELLED,
    "faulted": EventType.FAULTED,
}
"""What a decision tells by its action. The rest is seen in what the record says besides."""

BREACHES = (ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING, ErrorCode.UNHEALTHY_UPGRADED)

MESSAGE_AT_MOST = 2_000
"""Characters of a sentence. Reasons are some hundred."""

IDS_AT_MOST = 1_000
"""Characters of a list of instances."""


class Event(BaseModel):
    """One thing that happened. Links to it are made when it is sent: what we are reached under may change."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Letters and digits; no dot, as Standard Webhooks asks."""
    type: EventType
    at: datetime
    scope: str
    """The ARM id of the set that it is about, or the scope of a hold."""
    subject: str = ""
    message: str
    data: dict[str, Any] = {}
    workflow_id: str = ""
    """Of the upgrade's workflow; "" where there is none."""


def event_id(*facts: object) -> str:
    """The id of what these facts name.

    >>> event_id("set", 7, 3, "started") == event_id("set", 7, 3, "started")
    True
    """
    return "evt_" + hashlib.sha256("\n".join(map(str, facts)).encode()).hexdigest()[:32]


def events_of_upgrade(
    record: UpgradeRecord, decisions: Iterable[Decision], before: UpgradeStatus | None
) -> tuple[Event, ...]:
    """What a write of an upgrade tells.

    `decisions`: those of it that were not written before; `before`: the status that was written until now, None of one
    that is new. Actions for single instances that a person asked for are no upgrades, and tell nothing.
    """
    if record.kind is UpgradeKind.INSTANCE_ACTION:
        return ()
    fresh = tuple(decisions)
    found = [_of_decision(record, one, kind, one.reason) for one in fresh for kind in _types(record, one, before)]
    if fresh:
        found += _of_instances(record, fresh[-1])
    return tuple(found)


def _types(record: UpgradeRecord, decision: Decision, before: UpgradeStatus | None) -> list[EventType]:
    found = []
    breached = record.error is not None and record.error.code in BREACHES
    # Told when it is seen: before what P10 rolls back for it, not again with the end.
    if record.status is UpgradeStatus.ROLLING_BACK or (breached and before is not UpgradeStatus.ROLLING_BACK):
        found.append(EventType.BREACHED)
    if decision.action in TOLD_BY_ACTION:
        found.append(TOLD_BY_ACTION[decision.action])
    return found


def _of_instances(record: UpgradeRecord, decision: Decision) -> list[Event]:
    """Outcomes that came to be since the last write: these and not their announcement are what happened."""
    found = []
    for outcome, kind, words in (
        (Outcome.ROLLED_BACK, EventType.ROLLED_BACK, "rolled back, healthy or stopped on the previous disk"),
        (
            Outcome.ROLLBACK_FAILED,
            EventType.WAITING_FOR_PERSON,
            "not healthy after the rollback either, a person is needed",
        ),
    ):
        ids, reasons = InstanceIds(), list[str]()
        for one in record.instances:
            if one.outcome == outcome:
                ids |= InstanceIds(ranges=one.ids)
                reasons += [one.reason, *one.reasons.values()]
        if ids:
            why = next((reason for reason in reasons if reason), decision.reason)
            named = ids.ranges[:IDS_AT_MOST]
            event = _of_decision(record, decision, kind, f"{len(ids)} {words} ({named}): {why}")
            found.append(event.model_copy(update={"data": event.data | {"instances": named}}))
    return found


def _of_decision(record: UpgradeRecord, decision: Decision, kind: EventType, message: str) -> Event:
    scale_set = record.scale_set
    upgrade: dict[str, Any] = {
        "number": record.number,
        "kind": record.kind.value,
        "startedBy": record.started_by.value,
        "targetVersion": record.target.version,
        "modelGeneration": record.generation,
        "status": record.status.value,
        "batch": decision.batch,
        "counts": {to_camel(name): count for name, count in record.counts.model_dump().items()},
    }
    if record.error is not None:
        upgrade["errorCode"] = record.error.code
    return Event(
        id=event_id(scale_set.unique_id, record.number, decision.sequence, kind),
        type=kind,
        at=decision.at,
        scope=scale_set.resource_id,
        subject=f"upgrades/{record.number}",
        message=message[:MESSAGE_AT_MOST],
        data={"scaleSet": _of_set(scale_set), "upgrade": upgrade},
        workflow_id=os_upgrade_workflow_id(scale_set, record.number),
    )


def events_of_status(
    scale_set: ScaleSetIdentity, before: ScaleSetStatus, after: ScaleSetStatus, at: datetime
) -> tuple[Event, ...]:
    """What a set's status tells against the one that was written before: new quarantines, held (F7) and no more."""
    known = {(one.version, one.number) for one in before.quarantine.versions}
    found = []
    for one in after.quarantine.versions:
        if (one.version, one.number) not in known:
            message = f"{scale_set.name} does not take {one.version} by itself any more: {one.reason}"
            data = {"version": one.version, "upgrade": {"number": one.number}}
            found.append(_of_status(scale_set, EventType.QUARANTINED, one.since, message, data))
    if after.held and not before.held:
        found.append(_of_status(scale_set, EventType.HELD, at, f"nothing is done to {scale_set.name}: {after.held}"))
    if before.held and not after.held:
        message = f"{scale_set.name} is held no more: its records know its machines"
        found.append(_of_status(scale_set, EventType.HOLD_ENDED, at, message))
    return tuple(found)


def _of_status(
    scale_set: ScaleSetIdentity, kind: EventType, at: datetime, message: str, data: dict[str, Any] | None = None
) -> Event:
    return Event(
        id=event_id(scale_set.unique_id, kind, at.isoformat(), message),
        type=kind,
        at=at,
        scope=scale_set.resource_id,
        message=message[:MESSAGE_AT_MOST],
        data={"scaleSet": _of_set(scale_set)} | (data or {}),
    )


def event_of_hold(name: str, scope: str, reason: str, at: datetime, *, ended: bool) -> Event:
    """A hold that somebody placed, or its end, told to every webhook of its scope, above and below it.

    >>> event_of_hold("freeze", "/", "a long weekend", datetime(2026, 12, 24), ended=False).message
    'hold freeze of / is placed: a long weekend'
    """
    return Event(
        id=event_id("hold", name, scope, at.isoformat(), ended),
        type=EventType.HOLD_ENDED if ended else EventType.HELD,
        at=at,
        scope=scope,
        subject=f"holds/{name}",
        message=f"hold {name} of {scope} is {'ended' if ended else 'placed'}: {reason}"[:MESSAGE_AT_MOST],
        data={"hold": {"name": name, "scope": scope, "reason": reason[:MESSAGE_AT_MOST]}},
    )


def event_of_test(webhook: str, scope: str, at: datetime, drawn: str) -> Event:
    """What a person asked for, to see whether a webhook works. `drawn`: what tells it from every other."""
    return Event(
        id=event_id(webhook, EventType.TEST, drawn),
        type=EventType.TEST,
        at=at,
        scope=scope,
        message=f"a test of the webhook {webhook}: somebody asked for it, and nothing has happened",
    )


def _of_set(scale_set: ScaleSetIdentity) -> dict[str, str]:
    return {"id": scale_set.resource_id, "name": scale_set.name, "location": scale_set.location}
