"""When a set needs a person: whenever somebody must act, and for nothing else (docs/page.md)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from instar.domain.images.images import version_key
from instar.domain.moments import minute
from instar.store.overview.standing import LATE

HANDED_OVER_WITHIN = timedelta(minutes=1)
"""So long what was asked for may wait for Temporal or a worker that is just started anew, and nobody need act."""

BUSY = ("upgrading", "parked", "deleting")


def needs_person(told: Mapping[str, Any], now: datetime) -> list[str]:
    """What a person must see to, a sentence each; [] where a set needs nobody.

    `told`: the other properties of a set in the list of all sets. What is not known, as health before the first look,
    or where it was not asked for, is no reason.

    >>> noon = datetime.fromisoformat("2026-12-04T12:00Z")
    >>> needs_person({"state": "idle", "upgrade": {"status": "Completed", "number": 3}}, noon)
    []
    >>> needs_person({"upgrade": {"status": "Faulted", "number": 3, "error": {"message": "5 of 20 sick"}}}, noon)
    ['upgrade 3 is Faulted: 5 of 20 sick']
    """
    found = [*_of_upgrade(told.get("upgrade") or {}), *too_many_sick(told.get("health") or {})]
    if behind := told.get("recordsBehind"):
        found.append(f"nothing is done to it: {behind}")
    if approval := told.get("approval"):
        found.append(f"an approval is waited for, at the gate '{approval['gate']}'")
    found += [f"held with no end: {hold['sentence']}" for hold in told.get("holds") or () if "until" not in hold]
    if (pause := told.get("paused")) and "until" not in pause:
        found.append(f"paused with no end: {pause['sentence']}")
    if versions := _in_question(told):
        found.append(f"quarantined: {', '.join(versions)}")
    if (hand_over := told.get("handOver")) and _since(hand_over["waitsSince"], now) > HANDED_OVER_WITHIN:
        found.append(f"not handed over yet: {hand_over['waitsFor']}")
    if (due := told.get("nextLookAt")) and _is_to_look(told) and _since(due, now) > LATE:
        found.append(f"nobody looks for new versions: that was due at {_minute(due)} (a worker away?)")
    if told.get("provisioningState") == "Failed":
        found.append("the last request to create or change it has failed")
    return found


def _of_upgrade(upgrade: Mapping[str, Any]) -> list[str]:
    found = []
    if upgrade.get("status") == "Faulted":
        reason = (upgrade.get("error") or {}).get("message") or (upgrade.get("lastDecision") or {}).get("reason") or ""
        found.append(f"upgrade {upgrade['number']} is Faulted{f': {reason}' if reason else ''}")
    if count := (upgrade.get("progress") or {}).get("needsPersonInstanceCount"):
        found.append(f"{count} {'machine is' if count == 1 else 'machines are'} not healthy after the rollback either")
    return found


def too_many_sick(health: Mapping[str, Any]) -> list[str]:
    """The same of its health alone (P2)."""
    if not health.get("overLimit"):
        return []
    counted = health["all"] - health["stopped"]
    return [f"{health['unhealthy']} of {counted} machines are unhealthy, over the limit of {health['limitPercent']} %"]


def _is_to_look(told: Mapping[str, Any]) -> bool:
    """Not while an upgrade runs, nor while nothing is done to it (F7): as the alert has it (docs/monitoring.md)."""
    return told.get("state") not in BUSY and not told.get("recordsBehind")


def _since(at: str, now: datetime) -> timedelta:
    return now - datetime.fromisoformat(at)


def _minute(text: str) -> str:
    return minute(datetime.fromisoformat(text))


def _in_question(told: Mapping[str, Any]) -> list[str]:
    """The quarantined versions, without those that a completed upgrade has left behind it."""
    upgrade = told.get("upgrade") or {}
    reached = upgrade.get("targetVersion") if upgrade.get("status") == "Completed" else None
    return [
        version
        for version in told.get("quarantined") or ()
        if not reached or version_key(version) >= version_key(reached)
    ]
