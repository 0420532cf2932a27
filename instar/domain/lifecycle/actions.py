"""What becomes of a set while it does what was asked of instances (docs/rules.md P15, F2).

How far the first of the waiting actions has come is part of the state: interrupted and taken up again, it acts on the
same instances by the same number.
"""

from datetime import datetime

from instar.domain.lifecycle.ends import failed, with_ends
from instar.domain.lifecycle.results import put_aside
from instar.domain.lifecycle.state import Asked, Begun, EndedUpgrade, ScaleSetState
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.instance_actions import CapacityLowered, Chosen


def asked(state: ScaleSetState, operation_id: str) -> Asked | None:
    """The action of that operation, while it waits or is being done."""
    return next((action for action in state.actions if action.action.operation_id == operation_id), None)


def gives_way(state: ScaleSetState, operation_id: str) -> str:
    """Why it cannot be done after all, as a sentence: an upgrade runs that nobody knew of when it was asked (P15)."""
    this = asked(state, operation_id)
    if this is None or not this.action.kind.numbered or state.running is None:
        return ""
    return f"a Rolling Upgrade is in progress: {state.running.workflow_id}"


def begun(state: ScaleSetState, operation_id: str, now: datetime, key: str = "") -> ScaleSetState:
    """It begins, under a number of its own where it needs one, and the key that was drawn for it (F7).

    Or it is taken up again by the same.
    """
    this = asked(state, operation_id)
    if this is None:
        return state
    if this.begun:
        again = this.begun.model_copy(update={"interruptions": this.begun.interruptions + 1})
        return _with(state, this.model_copy(update={"begun": again}))
    number = state.last_number + 1 if this.action.kind.numbered else 0
    after = _with(state, this.model_copy(update={"begun": Begun(at=now, number=number, key=key)}))
    return after.model_copy(update={"last_number": number or state.last_number})


def chosen(state: ScaleSetState, operation_id: str, those: Chosen) -> ScaleSetState:
    """Whom it concerns, fixed for good, and by which key: it is taken up again by the same (F2, F7)."""
    this = asked(state, operation_id)
    if this is None or this.begun is None:
        return state
    begun_with = this.begun.model_copy(update={"chosen": those, "key": key_of(this.begun, those)})
    return _with(state, this.model_copy(update={"begun": begun_with}))


def key_of(begun_with: Begun, those: Chosen) -> str:
    """What marks the effects on those: drawn outside of the workflow (F7), but of an action that release 0.1 began."""
    return those.key or begun_with.key if begun_with.key else ""


def being_deleted(state: ScaleSetState) -> InstanceIds:
    """Instances whose deletion was begun: the capacity went down with them, whether they are gone yet or not."""
    ids = InstanceIds()
    for action in state.actions:
        if action.action.kind is ActionKind.DELETE and action.begun and action.begun.chosen:
            ids |= action.begun.chosen.ids
    return ids


def capacity_lowered(state: ScaleSetState, lowered: CapacityLowered) -> ScaleSetState:
    """A deletion of instances has stored a smaller capacity: as if that model had been announced.

    The capacity is right by itself, unless an earlier PUT is still to be applied.
    """
    model = state.model
    if lowered.generation <= model.generation:
        return state
    nothing_waits = model.applied_generation == model.generation
    model = model.model_copy(
        update={
            "generation": lowered.generation,
            "machine_generation": lowered.machine_generation,
            "mode": lowered.mode,
            "applied_generation": lowered.generation if nothing_waits else model.applied_generation,
        }
    )
    automatic = state.automatic.model_copy(update={"enabled": lowered.automatic})
    return state.model_copy(update={"model": model, "automatic": automatic})


def acted(state: ScaleSetState, operation_id: str, error: str, now: datetime) -> ScaleSetState:
    """It is done, or `error` says what went wrong. What it put aside is collected like an upgrade's (P5)."""
    this = asked(state, operation_id)
    if this is None:
        return state
    after = state.model_copy(update={"actions": tuple(action for action in state.actions if action is not this)})
    if this.begun and this.begun.number and this.begun.chosen and this.begun.chosen.ids:
        ended = EndedUpgrade(number=this.begun.number, ended_at=now, key=this.begun.key)
        after = put_aside(after, ended)
    return with_ends(after, now, (operation_id, *this.action.more_operations), failed(error))


def _with(state: ScaleSetState, changed: Asked) -> ScaleSetState:
    operation_id = changed.action.operation_id
    actions = tuple(changed if action.action.operation_id == operation_id else action for action in state.actions)
    return state.model_copy(update={"actions": actions})
