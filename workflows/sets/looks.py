"""What starts upgrades without anyone's hand: the first trigger, then a look every now and then (T1, T2, T3, T5)."""

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.images import ImageActivities
from instar.domain.lifecycle import results
from instar.domain.lifecycle.next_step import next_step
from instar.domain.lifecycle.state import ScaleSetState
from instar.domain.lifecycle.status import status_of
from instar.domain.lifecycle.steps import Look
from instar.domain.messages.scale_set import Resolution, ResolveUpgrade
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.sets.policies import StartedBy
from workflows import options
from workflows.operations import held_by
from workflows.sets.memory import Memory
from workflows.sets.upgrade_lock import begin


async def look(memory: Memory) -> None:
    """One look at the catalogue, and an upgrade if there is something newer. If not, further looks are made for it.

    Switched off, deleted or started by hand while it lasts, it is dropped at once (T3); so it is when the set has
    something else to do, and made again after that.
    """
    state = memory.state
    this = results.Looking(memory.now, state.automatic.next_look_at, workflow.random().random())
    # What readers are told if nothing starts: written by the look itself, so that it costs one activity and not two.
    status = status_of(results.looked(state, Resolution(plan=None, reason=""), this, this.at))
    try:
        resolution = await _resolution(memory, state, status)
    except ActivityError as failure:
        behind = held_by(failure)
        memory.state = results.held(memory.state, behind or memory.state.held)
        reason = f"nothing is done: {behind}" if behind else f"the look failed: {failure.cause}"
        resolution = Resolution(plan=None, reason=reason, refused=True)
    else:
        status = status.model_copy(update={"last_look": resolution.reason})
        if resolution.watched and relies_on_others():
            status = status.model_copy(update={"next_look_at": None})
        else:
            resolution = resolution.model_copy(update={"watched": False})
    if not isinstance(next_step(memory.state, memory.now), Look):
        return  # something else was asked for in the same moment
    if resolution.plan is None and status.last_look:
        memory.state = results.recorded(memory.state, status)
    memory.state = results.looked(memory.state, resolution, this, memory.now)
    if resolution.plan is not None:
        await begin(memory, resolution.plan, StartedBy.PLATFORM, "")


async def _resolution(memory: Memory, state: ScaleSetState, status: ScaleSetStatus) -> Resolution:
    automatic = state.automatic
    settled = automatic.settled if automatic.settled and memory.now < automatic.settled.until else None
    request = ResolveUpgrade(
        scale_set=state.scale_set,
        started_by=StartedBy.PLATFORM,
        at=memory.now,
        quarantine=automatic.quarantine,
        held=automatic.held,
        settled=settled,
        status=status,
        delays=state.delays,
    )
    return await memory.cut.done(
        workflow.start_activity_method(
            ImageActivities.resolve_upgrade, request, summary="which version is the newest?", **options.READ
        )
    )


def relies_on_others() -> bool:
    """Whether this run relies on the looks that are made for it (T2).

    One in which a worker of before has heard of such a look, and went on by a timer of its own, does so with its next
    run: until then looks are made twice.
    """
    return workflow.patched("looks-are-made-for-idle-sets")
