"""What a set learns from how an upgrade ended (behaviour.md T5)."""

from typing import Any

from domain.images import is_exact
from domain.messages.scale_set import RunningUpgrade, ScaleSetState, UpgradeEnded
from domain.policies import StartedBy
from domain.quarantine import EndOfUpgrade
from domain.records import ErrorCode, UpgradeKind, UpgradeStatus
from domain.triggers import HeldBack, held_back

NO_FAULT = (ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING, ErrorCode.TERMINATED)
"""Ends by P2 and P3; and a termination by hand, which says nothing of the image either."""


def learned(state: ScaleSetState, running: RunningUpgrade, ended: UpgradeEnded) -> dict[str, Any]:
    """Changes of the set's state: the quarantine, what is held back, and that looks must list the machines again."""
    changes: dict[str, Any] = {"settled": None}
    if ended.status is None or running.kind is not UpgradeKind.OS_UPGRADE or not is_exact(running.target.version):
        return changes
    end = EndOfUpgrade(
        version=running.target.version,
        number=running.number,
        generation=ended.generation,
        started_by=running.started_by,
        status=ended.status,
        error_code=ended.error_code,
        reason=ended.reason,
        at=ended.ended_at,
        left_behind=ended.left_behind,
    )
    return changes | {"quarantine": state.quarantine.after(end), "held": _held(state, end)}


def _held(state: ScaleSetState, end: EndOfUpgrade) -> HeldBack | None:
    """A start by hand is somebody's own try: it neither counts nor keeps the platform waiting."""
    if end.started_by is StartedBy.USER or end.status is not UpgradeStatus.FAULTED or end.error_code not in NO_FAULT:
        return None
    return held_back(state.held, end.version, end.reason, end.at, state.delays)
