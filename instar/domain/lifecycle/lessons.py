"""What a set learns from how an upgrade ended (docs/rules.md T5)."""

from typing import NamedTuple

from instar.domain.delays import Delays
from instar.domain.images.images import is_exact
from instar.domain.lifecycle.state import RunningUpgrade
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.quarantine import EndOfUpgrade, Quarantine
from instar.domain.records.triggers import HeldBack, held_back
from instar.domain.records.upgrades import ErrorCode, UpgradeKind, UpgradeStatus
from instar.domain.sets.policies import StartedBy

NO_FAULT = (ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING, ErrorCode.TERMINATED, ErrorCode.RECORDS_BEHIND)
"""Ends by P2 and P3; and a termination by hand, or old records (F7), which say nothing of the image either."""


class Lesson(NamedTuple):
    """What is not tried again by itself, and what is tried again later."""

    quarantine: Quarantine
    held: HeldBack | None


def learned(
    running: RunningUpgrade, ended: UpgradeEnded, quarantine: Quarantine, held: HeldBack | None, delays: Delays
) -> Lesson:
    """The quarantine and what is held back after that end, given what they were before it."""
    if ended.status is None or not is_exact(running.target.version) or not _says_something(running.kind, ended.status):
        return Lesson(quarantine, held)
    # Where the records are older than the machines nothing was found out of any machine (F7).
    left_behind = InstanceIds() if ended.error_code == ErrorCode.RECORDS_BEHIND else ended.left_behind
    end = EndOfUpgrade(
        version=running.target.version,
        number=running.number,
        generation=ended.generation,
        started_by=running.started_by,
        status=ended.status,
        error_code=ended.error_code,
        reason=ended.reason,
        at=ended.ended_at,
        left_behind=left_behind,
        instances=running.instances,
    )
    if running.kind is UpgradeKind.ROLLBACK:
        return Lesson(quarantine.after(end), held)
    return Lesson(quarantine.after(end), _held(held, end, delays))


def _says_something(kind: UpgradeKind, status: UpgradeStatus) -> bool:
    """Of the version that it was to. Of a rollback only that all went well there: then it is free again (T5)."""
    return kind is UpgradeKind.OS_UPGRADE or (kind is UpgradeKind.ROLLBACK and status is UpgradeStatus.COMPLETED)


def _held(held: HeldBack | None, end: EndOfUpgrade, delays: Delays) -> HeldBack | None:
    """A start by hand is somebody's own try: it neither counts nor keeps the platform waiting."""
    if end.started_by is StartedBy.USER or end.status is not UpgradeStatus.FAULTED or end.error_code not in NO_FAULT:
        return None
    return held_back(held, end.version, end.reason, end.at, delays)
