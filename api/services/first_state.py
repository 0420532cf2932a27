"""What a scale set's workflow begins from (docs/rules.md T1, T5, P15, P5).

Usually nothing. A workflow that was terminated by hand, though, begins anew where the records end: the count of
upgrades, one that still runs, T1's deadline, the quarantine, the kept disks. What no record says is lost: which
version is held back, and what was asked of it and not begun.
"""

from datetime import UTC, datetime

from instar.domain.delays import Delays
from instar.domain.lifecycle.state import Automatic, EndedUpgrade, Free, Rolling, RunningUpgrade, ScaleSetState
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.names import os_upgrade_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.store import Store

EVER = datetime(1970, 1, 1, tzinfo=UTC)

ENDED_KEPT = 20
"""Newest upgrades whose kept disks are collected, again perhaps: that does no harm."""


def first_state(store: Store, scale_set: ScaleSetIdentity, delays: Delays) -> ScaleSetState:
    """The state that a new workflow of that set is given; one that runs already never sees it."""
    upgrades = store.upgrades.history(scale_set.unique_id, EVER, ENDED_KEPT)
    status = store.statuses.get(scale_set.unique_id) or ScaleSetStatus()
    newest = upgrades[0] if upgrades else None
    ended = [(upgrade.number, upgrade.ended_at, upgrade.key) for upgrade in reversed(upgrades)]
    return ScaleSetState(
        scale_set=scale_set,
        delays=delays,
        # Of actions on single instances, too, which the history does not show.
        last_number=store.upgrades.last_number(scale_set.unique_id),
        # Looked after at once: it may have come to its end while nobody listened.
        lock=Rolling(upgrade=_running(newest), look_after_at=newest.started_at)
        if newest is not None and not newest.status.ended
        else Free(),
        collect=tuple(EndedUpgrade(number=number, ended_at=at, key=key) for number, at, key in ended if at is not None),
        automatic=Automatic(
            enabled=status.enabled,
            first_trigger_at=status.first_trigger_at,
            first_trigger_done=status.first_trigger_done,
            last_look_at=status.last_look_at,
            last_look=status.last_look,
            quarantine=status.quarantine,
        ),
        recorded=status,
    )


def _running(record: UpgradeRecord) -> RunningUpgrade:
    return RunningUpgrade(
        number=record.number,
        workflow_id=os_upgrade_workflow_id(record.scale_set, record.number),
        operation_id=record.operation_id,
        started_by=record.started_by,
        target=record.target,
        kind=record.kind,
        key=record.key,
    )
