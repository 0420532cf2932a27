"""What becomes of a set when somebody asks for something, decided from its state alone, at once (P15, F10).

Each function gives the state after the request was accepted. A request that is made again changes nothing. Raises
`Refused` where it is not accepted: then nothing has changed.
"""

from collections.abc import Iterable
from datetime import datetime

from instar.domain.lifecycle.ends import CANCELED, End, cut_short, with_ends
from instar.domain.lifecycle.state import (
    Answered,
    Asked,
    Automatic,
    Cancel,
    Deletion,
    EndedUpgrade,
    Free,
    OpenPut,
    Revert,
    ScaleSetState,
)
from instar.domain.lifecycle.state import StartAsked as Start
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.reconciliation import Reconcile
from instar.domain.messages.scale_set import ApplyModel, CancelUpgrade, DeleteScaleSet, LiftQuarantine, StartUpgrade
from instar.domain.records.operations import OperationStatus
from instar.domain.records.triggers import nudged_look
from instar.domain.sets.names import Refusal

ACTIONS_AT_MOST = 100
"""Actions that wait for each other: they travel through continue-as-new."""

IDS_AT_MOST = 200_000
"""Letters of all their instance ids: a tenth of what one payload may have."""

ANSWERS_KEPT = 100
"""Newest requests remembered: many times as many as are ever handed over at once."""


class Refused(Exception):
    """The set does not do it; `kind` says how the API answers, the message why."""

    def __init__(self, message: str, kind: Refusal = Refusal.OPERATION_NOT_ALLOWED) -> None:
        super().__init__(message)
        self.kind = kind


def answer_to(state: ScaleSetState, request_id: str) -> Answered | None:
    """What that request was answered, if it was accepted before."""
    return next((answered for answered in state.answered if answered.request_id == request_id), None)


def start(state: ScaleSetState, request: StartUpgrade) -> ScaleSetState:
    """A start by hand (T4). Its number is given at once, and never again, whatever becomes of it."""
    if answer_to(state, request.operation_id):
        return state
    name = "Operation 'osRollingUpgrade' is not allowed because"
    if state.deletion:
        raise Refused(f"{name} the scale set is being deleted.")
    if state.running:
        raise Refused(f"{name} a Rolling Upgrade is in progress: {state.running.workflow_id}.")
    if state.start_asked:
        raise Refused(f"{name} a Rolling Upgrade is in progress: number {state.start_asked.number}.")
    if action := _numbered(asked.action for asked in state.actions):
        raise Refused(f"{name} '{action.kind}' is in progress.")
    number = state.last_number + 1
    asked = Start(number=number, operation_id=request.operation_id, wishes=request.wishes)
    started = state.model_copy(update={"last_number": number, "lock": asked})
    return _answered(started, request.operation_id, number)


def cancel(state: ScaleSetState, request: CancelUpgrade, now: datetime) -> ScaleSetState:
    """Cancel what runs (P14), or a start that has not begun: then there is nothing to wait for.

    Whoever wants to go back, too, waits for that (C5). Asked by several, it is done once. Where one upgrade is meant no
    other is cancelled.
    """
    if answer_to(state, request.operation_id):
        return state
    under_way = state.start_asked or state.running
    if under_way and request.number not in (0, under_way.number):
        raise Refused(f"Upgrade {request.number} is not under way: number {under_way.number} is.")
    if asked := state.start_asked:
        freed = state.model_copy(update={"lock": Free()})
        cancelled = End(OperationStatus.CANCELED, CANCELED, "cancelled by a user before it began")
        # What it was pinned to may be known by now: then no look is made for the set any more.
        freed = looks_by_itself(with_ends(freed, now, asked.operations, cancelled))
        return _answered(with_ends(freed, now, [request.operation_id]), request.operation_id)
    if state.running is None:
        raise Refused("There is no ongoing Rolling Upgrade to cancel.")
    if request.revert:
        state = _reverting(_cancelling(state, request.sentence), request)
    else:
        state = _cancelling(state, request.sentence, request.operation_id)
    return _answered(state, request.operation_id)


def apply_model(state: ScaleSetState, request: ApplyModel, now: datetime) -> ScaleSetState:
    """A model generation was stored. Only the newest counts; every operation ends with it."""
    if answer_to(state, request.operation_id):
        return state
    if state.deletion:
        why = "the scale set is being deleted"
        ended = with_ends(state, now, [request.operation_id], cut_short(why))
        return _answered(ended, request.operation_id)
    model = state.model
    if request.generation >= model.generation:
        model = model.model_copy(
            update={
                "generation": request.generation,
                "machine_generation": request.machine_generation,
                "mode": request.mode,
            }
        )
        state = state.model_copy(
            update={"automatic": _switched(state.automatic, now + state.delays.first_trigger, on=request.automatic)}
        )
    put = OpenPut(operation_id=request.operation_id, generation=request.generation)
    model = model.model_copy(update={"open": (*model.open, put)})
    return _answered(state.model_copy(update={"model": model}), request.operation_id)


def act(state: ScaleSetState, action: InstanceAction) -> ScaleSetState:
    """Something is asked of instances; it is done after what was asked before it."""
    if answer_to(state, action.operation_id):
        return state
    name = f"Operation '{action.kind}' is not allowed because"
    if state.deletion:
        raise Refused(f"{name} the scale set is being deleted.")
    if state.running and action.kind.numbered:
        raise Refused(f"{name} a Rolling Upgrade is in progress: {state.running.workflow_id}.")
    if state.start_asked and action.kind.numbered:
        raise Refused(f"{name} a Rolling Upgrade is in progress: number {state.start_asked.number}.")
    waiting = (*state.actions, Asked(action=action))
    if len(waiting) > ACTIONS_AT_MOST or sum(len(one.action.ids.ranges) for one in waiting) > IDS_AT_MOST:
        raise Refused(f"{name} {len(state.actions)} others wait already. Try again when one of them has ended.")
    return _answered(state.model_copy(update={"actions": waiting}), action.operation_id)


def delete(state: ScaleSetState, request: DeleteScaleSet, now: datetime) -> ScaleSetState:
    """Delete the set. Whatever else was asked of it is cut short, and says so (F10); an upgrade is cancelled (P15)."""
    if state.deletion and state.deletion.done:
        return with_ends(state, now, [request.operation_id])
    if state.deletion:
        operations = dict.fromkeys((*state.deletion.operations, request.operation_id))
        deletion = state.deletion.model_copy(update={"operations": tuple(operations)})
        return state.model_copy(update={"deletion": deletion})
    cut = [
        *(put.operation_id for put in state.model.open),
        *state.model.waiting,
        *(
            operation_id
            for asked in state.actions
            for operation_id in (asked.action.operation_id, *asked.action.more_operations)
        ),
        *(state.start_asked.operations if state.start_asked else ()),
    ]
    why = "cut short: the scale set is being deleted"
    state = with_ends(state, now, cut, cut_short(why))
    model = state.model.model_copy(update={"open": (), "waiting": ()})
    state = state.model_copy(
        update={
            "deletion": Deletion(operations=(request.operation_id,)),
            "model": model,
            "actions": (),
            "lock": Free() if state.start_asked else state.lock,
            "automatic": _switched(state.automatic, now, on=False),
        }
    )
    return _cancelling(state, "the scale set is being deleted") if state.running else state


def reconcile(state: ScaleSetState, request: Reconcile, now: datetime) -> ScaleSetState:
    """The records have taken over what is there (F7): the set is held no more, and counts from above all numbers.

    Its capacity is looked at once more, since a PUT may have been refused meanwhile. Kept disks of operations that no
    record knew are collected like those of an upgrade that ended now; never those of what runs.
    """
    if state.deletion:
        raise Refused("Operation 'reconcile' is not allowed because the scale set is being deleted.")
    model = state.model
    if request.generation > model.generation:
        model = model.model_copy(
            update={
                "generation": request.generation,
                "machine_generation": request.machine_generation,
                "mode": request.mode,
            }
        )
    if state.held:
        model = model.model_copy(update={"applied_generation": min(model.applied_generation, model.generation - 1)})
    busy = [(state.running.number, state.running.key)] if state.running else []
    busy += [(action.begun.number, action.begun.key) for action in state.actions if action.begun]
    known = [(disks.number, disks.key) for disks in state.collect]
    fresh = [disks for disks in request.collect if (disks.number, disks.key) not in (*busy, *known)]
    again = frozenset(one.number for one in fresh)
    collect = (
        *(disks for disks in state.collect if disks.number not in again),
        # A number that was given twice: what waits under it waits as long as what was found now.
        *(disks.model_copy(update={"ended_at": now}) for disks in state.collect if disks.number in again),
        *(EndedUpgrade(number=one.number, ended_at=now, key=one.key) for one in fresh),
    )
    return state.model_copy(
        update={
            "last_number": max(state.last_number, request.last_number),
            "model": model,
            "collect": collect,
            "automatic": _switched(state.automatic, now + state.delays.first_trigger, on=request.automatic),
            "held": "",
        }
    )


def lift(state: ScaleSetState, request: LiftQuarantine, now: datetime, fraction: float) -> ScaleSetState:
    """A version, and the instances that it did not suit, are free again (T5). `fraction` is drawn from [0, 1)."""
    quarantine = state.automatic.quarantine.without(request.version)
    if quarantine == state.automatic.quarantine:
        message = f"Version {request.version} is not quarantined for this Virtual Machine Scale Set."
        raise Refused(message, Refusal.NOT_FOUND)
    automatic = state.automatic.model_copy(update={"quarantine": quarantine, "settled": None})
    return nudged(state.model_copy(update={"automatic": automatic}), now, fraction)


def nudged(state: ScaleSetState, now: datetime, fraction: float) -> ScaleSetState:
    """Something was published: look sooner (T2). T1's deadline stays where it is."""
    automatic = state.automatic
    if not automatic.enabled:
        return state
    sooner = nudged_look(automatic.next_look_at, now, state.delays, fraction)
    return state.model_copy(
        update={"automatic": automatic.model_copy(update={"next_look_at": sooner, "watched": False})}
    )


def told_to_look(state: ScaleSetState, now: datetime) -> ScaleSetState:
    """There is something to do, a look that was made for the set has found: it looks at once (T2). T1 stays.

    Readers were told of that already, so there is nothing new for them.
    """
    automatic = state.automatic
    if not automatic.enabled:
        return state
    sooner = min(automatic.next_look_at or now, now)
    return state.model_copy(update={"automatic": automatic.model_copy(update={"next_look_at": sooner})})


def looks_by_itself(state: ScaleSetState) -> ScaleSetState:
    """Looks are made for it no more: its next one is drawn once it is free (T2)."""
    if not state.automatic.watched:
        return state
    unwatched = state.automatic.model_copy(update={"watched": False, "next_look_at": None})
    return state.model_copy(update={"automatic": unwatched})


def disks_asked_about(state: ScaleSetState, now: datetime) -> ScaleSetState:
    """How long disks are kept has changed (R1), or what kept them has ended (C1): ask at once."""
    return state.model_copy(update={"collect_at": now}) if state.collect else state


def _switched(automatic: Automatic, deadline: datetime, *, on: bool) -> Automatic:
    """Switched on or off, or left as it is. The first deadline is set once (T1); off, nothing stays pending (T3)."""
    if not on:
        return automatic.model_copy(update={"enabled": False, "next_look_at": None, "watched": False})
    return automatic.model_copy(update={"enabled": True, "first_trigger_at": automatic.first_trigger_at or deadline})


def _cancelling(state: ScaleSetState, reason: str, *operations: str) -> ScaleSetState:
    """The running upgrade is to end. Asked twice it is told once."""
    rolling = state.rolling
    if rolling is None:
        return state
    known = rolling.cancel or Cancel(reason=reason)
    known = known.model_copy(update={"operations": tuple(dict.fromkeys((*known.operations, *operations)))})
    return state.model_copy(update={"lock": rolling.model_copy(update={"cancel": known})})


def _reverting(state: ScaleSetState, request: CancelUpgrade) -> ScaleSetState:
    """What is being cancelled is to be undone once it has ended (C5)."""
    rolling = state.rolling
    if rolling is None or rolling.cancel is None:
        return state
    known = rolling.cancel.revert or Revert(operations=(), reason=request.reason, by=request.by)
    revert = known.model_copy(update={"operations": (*known.operations, request.operation_id)})
    cancel = rolling.cancel.model_copy(update={"revert": revert})
    return state.model_copy(update={"lock": rolling.model_copy(update={"cancel": cancel})})


def _answered(state: ScaleSetState, request_id: str, number: int = 0) -> ScaleSetState:
    answered = (*state.answered, Answered(request_id=request_id, number=number))
    return state.model_copy(update={"answered": answered[-ANSWERS_KEPT:]})


def _numbered(actions: Iterable[InstanceAction]) -> InstanceAction | None:
    return next((action for action in actions if action.kind.numbered), None)


def operations_in_hand(state: ScaleSetState) -> tuple[str, ...]:
    """Operations that the set, or the upgrade that it waits for, is going to end (F6)."""
    rolling = state.rolling
    upgrade = rolling.upgrade if rolling else None
    return (
        *(end.operation_id for end in state.ends),
        *(put.operation_id for put in state.model.open),
        *state.model.waiting,
        *(
            operation_id
            for asked in state.actions
            for operation_id in (asked.action.operation_id, *asked.action.more_operations)
        ),
        *(state.start_asked.operations if state.start_asked else ()),
        *((upgrade.operation_id, *upgrade.more_operations) if upgrade else ()),
        *(rolling.cancel.operations if rolling and rolling.cancel else ()),
        *(rolling.cancel.revert.operations if rolling and rolling.cancel and rolling.cancel.revert else ()),
        *(state.deletion.operations if state.deletion else ()),
    )
