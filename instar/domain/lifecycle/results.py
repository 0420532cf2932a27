"""What becomes of a set when a step has come to an end, well or not (docs/rules.md F10, P15, T1-T5)."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from instar.domain.lifecycle.ends import cut_short, failed, with_ends
from instar.domain.lifecycle.next_step import keeps
from instar.domain.lifecycle.requests import nudged
from instar.domain.lifecycle.state import (
    Asked,
    Automatic,
    EndedUpgrade,
    Free,
    ScaleSetState,
)
from instar.domain.machines.actions import ActionKind
from instar.domain.messages.capacity import CapacityPlan
from instar.domain.messages.instance_actions import InstanceAction, ModelChange
from instar.domain.messages.scale_set import Collected, Resolution
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.triggers import look_by_itself, next_look
from instar.domain.sets.policies import UpgradeMode


def ends_written(state: ScaleSetState, operations: Iterable[str]) -> ScaleSetState:
    """These operations have ended."""
    written = frozenset(operations)
    return state.model_copy(update={"ends": tuple(end for end in state.ends if end.operation_id not in written)})


def recorded(state: ScaleSetState, status: ScaleSetStatus) -> ScaleSetState:
    """Readers are told this now."""
    return state.model_copy(update={"recorded": status})


def deleted(state: ScaleSetState, now: datetime) -> ScaleSetState:
    """Its machines and what was stored of it are gone."""
    if state.deletion is None:
        return state
    done = state.model_copy(update={"deletion": state.deletion.model_copy(update={"done": True})})
    return with_ends(done, now, state.deletion.operations)


def to_collect(state: ScaleSetState, numbers: Iterable[int]) -> tuple[EndedUpgrade, ...]:
    """The operations of those numbers whose kept disks wait for their collection; by their keys they are told apart."""
    wanted = frozenset(numbers)
    return tuple(disks for disks in state.collect if disks.number in wanted)


def held(state: ScaleSetState, reason: str) -> ScaleSetState:
    """The records were found to be older than the machines, for that reason; or, with "", to know them (F7)."""
    return state.model_copy(update={"held": reason})


def collected(state: ScaleSetState, answer: Collected) -> ScaleSetState:
    """What those upgrades put aside is deleted. What else is kept is asked about when the answer said."""
    gone = frozenset(answer.numbers)
    left = tuple(disks for disks in state.collect if disks.number not in gone)
    same = answer.keep == state.delays.keep_previous_disks
    return state.model_copy(
        update={"collect": left, "collect_at": answer.ask_at, "keeps": None if same else answer.keep}
    )


def put_aside(state: ScaleSetState, ended: EndedUpgrade) -> ScaleSetState:
    """What that operation put aside is kept, and collected like all (P5)."""
    own = ended.ended_at + keeps(state)
    asks_at = None if state.collect_at is None else min(state.collect_at, own)
    return state.model_copy(update={"collect": (*state.collect, ended), "collect_at": asks_at})


# --- the model -------------------------------------------------------------------------------------------------------


def reserved(state: ScaleSetState, plan: CapacityPlan) -> ScaleSetState:
    """Machines are asked for by these ids, and by no others, until a look finds that they are there (F2)."""
    ids = (state.model.reserved | plan.create) - plan.delete
    return state.model_copy(update={"model": state.model.model_copy(update={"reserved": ids})})


def capacity_applied(
    state: ScaleSetState, generation: int, error: str, outdated: Iterable[int], now: datetime
) -> ScaleSetState:
    """The set is as large as that generation says, or `error` says why not.

    A PUT then ends, unless its mode brings instances to it: it ends with that.
    """
    model = state.model
    mine = [put.operation_id for put in model.open if put.generation <= generation]
    waiting = model.waiting
    if not error and _concerns_instances(state):
        waiting, mine = tuple(dict.fromkeys((*waiting, *mine))), []
    model = model.model_copy(
        update={
            "applied_generation": max(generation, model.applied_generation),
            "open": tuple(put for put in model.open if put.generation > generation),
            "waiting": waiting,
            "waiting_since": (model.waiting_since or now) if waiting else None,
        }
    )
    quarantine = state.automatic.quarantine.without_generations(outdated)
    automatic = state.automatic.model_copy(update={"quarantine": quarantine})
    return with_ends(state.model_copy(update={"model": model, "automatic": automatic}), now, mine, failed(error))


def capacity_cut(state: ScaleSetState, generation: int, done: str, now: datetime) -> ScaleSetState:
    """A newer model took over while machines were still to be made or deleted; the PUTs that asked for them say so."""
    newest = state.model.generation
    cut = [put.operation_id for put in state.model.open if put.generation <= generation < newest]
    model = state.model.model_copy(
        update={"open": tuple(put for put in state.model.open if put.operation_id not in cut)}
    )
    message = f"cut short by model generation {newest}, which was stored meanwhile: {done}"
    return with_ends(state.model_copy(update={"model": model}), now, cut, cut_short(message))


def _concerns_instances(state: ScaleSetState) -> bool:
    """Whether a PUT ends only when the instances are on its model (docs/rules.md K5).

    A PUT that says nothing new to machines is a check of them all, unless they are being brought to it just now.
    """
    if state.model.mode in (None, UpgradeMode.MANUAL):
        return False
    return not (state.running and state.model.machine_generation == state.model.brought_generation)


def brought(state: ScaleSetState, change: ModelChange, operations: tuple[str, ...], now: datetime) -> ScaleSetState:
    """It was found out what brings the instances to the model: nothing, or all at once as an action (Automatic).

    In mode Rolling `upgrade_begun` follows. An action that was interrupted for it is not taken up again: its number is
    older than that of what follows (F2).
    """
    left = tuple(operation_id for operation_id in state.model.waiting if operation_id not in operations)
    model = state.model.model_copy(
        update={
            "waiting": left,
            "waiting_since": state.model.waiting_since if left else None,
            "brought_generation": change.generation,
        }
    )
    state = state.model_copy(update={"model": model})
    if change.plan is None:
        return with_ends(state, now, operations, failed(change.reason if change.refused else ""))
    state = _without_interrupted(state, f"cut short: model generation {change.generation} is brought to instances", now)
    if change.rolling:
        return state
    first, *others = operations
    action = InstanceAction(
        operation_id=first, kind=ActionKind.MANUAL_UPGRADE, everyone=True, more_operations=tuple(others)
    )
    return state.model_copy(update={"actions": (Asked(action=action), *state.actions)})


def _without_interrupted(state: ScaleSetState, why: str, now: datetime) -> ScaleSetState:
    """Actions that were begun under a number end as they are; what they put aside is collected (P5)."""
    interrupted = [action for action in state.actions if action.begun and action.begun.number]
    operations = [
        operation for one in interrupted for operation in (one.action.operation_id, *one.action.more_operations)
    ]
    left = tuple(action for action in state.actions if action not in interrupted)
    state = state.model_copy(update={"actions": left})
    for one in interrupted:
        if one.begun:
            state = put_aside(state, EndedUpgrade(number=one.begun.number, ended_at=now, key=one.begun.key))
    return with_ends(state, now, operations, cut_short(why))


# --- looks -----------------------------------------------------------------------------------------------------------


def with_next_look(state: ScaleSetState, now: datetime, fraction: float) -> ScaleSetState:
    """Draw the moment of the next look, where there is to be one and none is drawn (T2)."""
    if not draws(state):
        return state
    drawn = next_look(now, state.delays, fraction)
    return state.model_copy(update={"automatic": state.automatic.model_copy(update={"next_look_at": drawn})})


def draws(state: ScaleSetState) -> bool:
    """Whether a next look is to be drawn."""
    automatic: Automatic = state.automatic
    wants = automatic.enabled and automatic.first_trigger_done and automatic.next_look_at is None
    return wants and isinstance(state.lock, Free) and state.deletion is None


class Looking(NamedTuple):
    """A look that is under way: when it began, which next look was planned then, and the chance that was drawn."""

    at: datetime
    planned: datetime | None
    fraction: float


def looked(state: ScaleSetState, resolution: Resolution, look: Looking, now: datetime) -> ScaleSetState:
    """A look has come to something.

    If something was published meanwhile, it may have read the catalogue too early: the next look is soon.
    """
    automatic = state.automatic
    reason = resolution.reason
    if resolution.plan is not None:
        reason = f"upgrade {state.last_number + 1} to {resolution.plan.target.version} begins: {reason}"
    settled = resolution.settled
    if settled is not None and settled != automatic.settled:
        settled = settled.model_copy(update={"until": look.at + state.delays.look_in_full})
    published_meanwhile = automatic.next_look_at != look.planned
    after = automatic.model_copy(
        update={
            "first_trigger_done": True,
            "last_look": reason,
            "last_look_at": look.at,
            "next_look_at": (look_by_itself if resolution.watched else next_look)(look.at, state.delays, look.fraction),
            "watched": resolution.watched,
            "settled": settled,
            "quarantine": automatic.quarantine.without_generations(resolution.outdated),
        }
    )
    state = state.model_copy(update={"automatic": after})
    return nudged(state, now, look.fraction) if published_meanwhile else state
