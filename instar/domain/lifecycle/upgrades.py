"""What becomes of a set when its upgrade begins, and when it has ended (docs/rules.md P15, F1, C5, R2, T5)."""

from datetime import datetime

from instar.domain.legible import legible
from instar.domain.lifecycle.ends import NOT_ALLOWED, cut_short, failed, with_ends
from instar.domain.lifecycle.lessons import learned
from instar.domain.lifecycle.requests import looks_by_itself
from instar.domain.lifecycle.results import held, put_aside
from instar.domain.lifecycle.state import (
    EndedUpgrade,
    Free,
    Revert,
    Rolling,
    RunningUpgrade,
    ScaleSetState,
    StartAsked,
)
from instar.domain.messages.scale_set import UpgradeEnded
from instar.domain.records.operation_keys import operation_key
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.records.upgrades import ErrorCode, UpgradeStatus
from instar.domain.steering.start_wishes import StartWishes


def upgrade_begun(state: ScaleSetState, upgrade: RunningUpgrade, now: datetime) -> ScaleSetState:
    """The lock is taken, before the upgrade's workflow exists: killed in between, the look after it frees the set."""
    lock = Rolling(upgrade=upgrade, look_after_at=now + state.delays.look_after_upgrade)
    answered = tuple(
        one.model_copy(update={"number": upgrade.number if one.number else 0})
        if one.request_id == upgrade.operation_id
        else one
        for one in state.answered
    )
    return looks_by_itself(state).model_copy(
        update={"lock": lock, "last_number": max(state.last_number, upgrade.number), "answered": answered}
    )


def versions_left(state: ScaleSetState, plan: UpgradePlan, number: int, now: datetime) -> ScaleSetState:
    """A rollback has begun: what it leaves is quarantined from its first moment on (R2, T5).

    So no look undoes it, and no new machine is made of it. It is lifted as ever.
    """
    way = plan.way_back
    if way is None or not way.leaves:
        return state
    wishes = plan.wishes or StartWishes()
    who = f" by {legible(wishes.by)}" if wishes.by else ""
    why = f": {legible(wishes.reason)}" if wishes.reason else ""
    automatic = state.automatic
    left = automatic.quarantine.left(way.leaves, number, plan.generation, f"left by rollback {number}{who}{why}", now)
    return state.model_copy(update={"automatic": automatic.model_copy(update={"quarantine": left, "settled": None})})


def start_refused(state: ScaleSetState, number: int, reason: str, now: datetime) -> ScaleSetState:
    """A start by hand that was accepted cannot begin; "": it has nothing to do, what was wished is so already (C5)."""
    asked = state.start_asked
    if asked is None or asked.number != number:
        return state
    freed = state.model_copy(update={"lock": Free()})
    return with_ends(freed, now, asked.operations, failed(reason, NOT_ALLOWED))


def upgrade_told(state: ScaleSetState, number: int) -> ScaleSetState:
    """The upgrade knows that it is to end."""
    rolling = state.rolling
    if rolling is None or rolling.cancel is None or rolling.upgrade.number != number:
        return state
    told = rolling.cancel.model_copy(update={"told": True})
    return state.model_copy(update={"lock": rolling.model_copy(update={"cancel": told})})


def look_after_at(state: ScaleSetState, moment: datetime) -> ScaleSetState:
    """See then whether the running upgrade's workflow was closed."""
    if state.rolling is None:
        return state
    return state.model_copy(update={"lock": state.rolling.model_copy(update={"look_after_at": moment})})


def upgrade_ended(state: ScaleSetState, ended: UpgradeEnded, now: datetime) -> ScaleSetState:
    """The lock is free, its cancels end (P14), its kept disks wait for their collection (P5), and it taught something.

    The word of an upgrade that does not hold the lock (any more) changes nothing.
    """
    rolling = state.rolling
    if rolling is None or rolling.upgrade.number != ended.number:
        return state
    mine = EndedUpgrade(number=ended.number, ended_at=ended.ended_at, key=rolling.upgrade.key)
    state = put_aside(state, mine)
    automatic = state.automatic
    if ended.error_code == ErrorCode.RECORDS_BEHIND:
        state = held(state, ended.reason)
    lesson = learned(rolling.upgrade, ended, automatic.quarantine, automatic.held, state.delays)
    freed = state.model_copy(
        update={
            "lock": Free(),
            "automatic": automatic.model_copy(
                update={"settled": None, "quarantine": lesson.quarantine, "held": lesson.held}
            ),
        }
    )
    if rolling.cancel is None:
        return freed
    return _to_be_undone(with_ends(freed, now, rolling.cancel.operations), rolling.upgrade, rolling.cancel.revert, now)


def _to_be_undone(state: ScaleSetState, upgrade: RunningUpgrade, revert: Revert | None, now: datetime) -> ScaleSetState:
    """What it moved is to go back, as somebody wished (C5): a start by hand that holds the lock at once."""
    if revert is None:
        return state
    if state.deletion:
        return with_ends(state, now, revert.operations, cut_short("cut short: the scale set is being deleted"))
    number = state.last_number + 1
    wishes = StartWishes(
        goes_back=True,
        undoes=operation_key(state.scale_set.unique_id, upgrade.number, upgrade.key),
        reason=revert.reason,
        by=revert.by,
    )
    first, *others = revert.operations
    asked = StartAsked(number=number, operation_id=first, more_operations=tuple(others), wishes=wishes)
    return state.model_copy(update={"lock": asked, "last_number": number})


def upgrade_closed(state: ScaleSetState, upgrade: RunningUpgrade, how: str, now: datetime) -> ScaleSetState:
    """Its workflow was closed without a word: Faulted, with that reason, and the set is free (F1)."""
    if state.running != upgrade:
        return state
    reason = f"the upgrade was closed from outside ({how})"
    ended = UpgradeEnded(
        number=upgrade.number,
        ended_at=now,
        status=UpgradeStatus.FAULTED,
        error_code=ErrorCode.TERMINATED,
        reason=reason,
    )
    freed = upgrade_ended(state, ended, now)
    return with_ends(freed, now, (upgrade.operation_id, *upgrade.more_operations), failed(reason))
