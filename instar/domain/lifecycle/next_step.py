"""What a scale set does next: one function of all that it knows (docs/rules.md P15, F10).

It is asked at the end of each step, and whenever something was asked of the set while a step is under way: what it then
names instead is more urgent, and cuts the step short.
"""

from datetime import datetime, timedelta

from instar.domain.lifecycle.state import Automatic, Free, ScaleSetState
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import (
    Act,
    ApplyCapacity,
    Begin,
    Bring,
    Collect,
    Delete,
    EndOperations,
    Leave,
    Look,
    LookAfter,
    Record,
    Step,
    TellUpgrade,
    Wait,
)

PATIENCE = timedelta(seconds=45)
"""What actions on instances are given to end before a newer model is brought to them: nearly all end sooner."""


def next_step(state: ScaleSetState, now: datetime) -> Step:
    """The most urgent of what is to be done; `Wait` where nothing is.

    >>> from datetime import UTC
    >>> from instar.domain.sets.scale_sets import ScaleSetIdentity
    >>> from instar.domain.lifecycle.state import Deletion, Model
    >>> noon = datetime(2026, 11, 27, 12, tzinfo=UTC)
    >>> web = ScaleSetIdentity(resource_id="/web", name="web", unique_id="u", location="here")
    >>> grown = ScaleSetState(scale_set=web, model=Model(generation=2, applied_generation=1))
    >>> next_step(grown, noon)
    ApplyCapacity(generation=2)
    >>> next_step(grown.model_copy(update={"deletion": Deletion(operations=("d",))}), noon)
    Delete()
    """
    if state.ends:
        return EndOperations()
    if state.deletion and state.deletion.done:
        return Leave()
    if (rolling := state.rolling) and rolling.cancel and not rolling.cancel.told:
        return TellUpgrade(rolling.upgrade.number)
    if rolling and rolling.look_after_at <= now:
        return LookAfter(rolling.upgrade.number)
    if state.deletion:
        return Wait(rolling.look_after_at) if rolling else Delete()
    return _of_a_set_that_stays(state, now)


def _of_a_set_that_stays(state: ScaleSetState, now: datetime) -> Step:  # noqa: PLR0911  # a line for each step
    if status_of(state) != state.recorded:
        return Record()
    model = state.model
    if model.open or model.generation > model.applied_generation:
        return ApplyCapacity(model.generation)
    brings = bool(model.waiting) and isinstance(state.lock, Free)
    if state.actions and not (brings and (patient_until(state) or now) <= now):
        first = state.actions[0].action
        return Act(first.operation_id, first.kind)
    if asked := state.start_asked:
        return Begin(asked.number)
    if brings:
        return Bring(model.machine_generation)
    if (look_at := next_look_of(state)) and look_at <= now:
        return Look()
    if due := due_for_collection(state, now):
        return Collect(due)
    return Wait(next_moment(state))


def patient_until(state: ScaleSetState) -> datetime | None:
    """Until when a changed model waits for actions on instances; then it takes over (F10). None where none waits."""
    since = state.model.waiting_since
    return None if since is None or not state.actions else since + PATIENCE


def next_look_of(state: ScaleSetState) -> datetime | None:
    """When the set looks next; None while nothing is to be looked at: switched off, or the lock is held."""
    automatic: Automatic = state.automatic
    if not automatic.enabled or state.deletion or not isinstance(state.lock, Free):
        return None
    return automatic.next_look_at if automatic.first_trigger_done else automatic.first_trigger_at


def next_moment(state: ScaleSetState) -> datetime | None:
    """The next moment at which something is due by itself; None where there is none."""
    moments = (
        state.rolling.look_after_at if state.rolling else None,
        next_look_of(state),
        next_collection_of(state),
    )
    return min((moment for moment in moments if moment), default=None)


def next_collection_of(state: ScaleSetState) -> datetime | None:
    """When to ask whether kept disks have had their time (P5); None where none are kept, or something rolls.

    What rolls may give them back (R2), and may be parked or bake for long (C1).
    """
    if not state.collect or not isinstance(state.lock, Free):
        return None
    if state.collect_at is not None:
        return state.collect_at
    return min(disks.ended_at for disks in state.collect) + keeps(state)


def keeps(state: ScaleSetState) -> timedelta:
    """How long disks are kept, as far as the set knows."""
    return state.delays.keep_previous_disks if state.keeps is None else state.keeps


def due_for_collection(state: ScaleSetState, now: datetime) -> tuple[int, ...]:
    """Numbers of the upgrades whose kept disks may have had their time (P5): the activity knows what is wished."""
    moment = next_collection_of(state)
    if moment is None or moment > now:
        return ()
    asked = state.collect_at is not None
    return tuple(disks.number for disks in state.collect if asked or disks.ended_at + keeps(state) <= now)
