"""The lock of a scale set: at most one upgrade at a time, never a lock that nobody holds (docs/rules.md P15, F1)."""

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, WorkflowAlreadyStartedError

from activities.images import ImageActivities
from activities.model_changes import ModelChangeActivities
from activities.records.upgrades import RecordActivities
from instar.domain.lifecycle import results, upgrades
from instar.domain.lifecycle.state import RunningUpgrade
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.messages.instance_actions import ModelChange, ResolveModelChange
from instar.domain.messages.os_upgrade import UpgradeState
from instar.domain.messages.scale_set import ClosedAs, RecordClosed, Resolution, ResolveUpgrade, UpgradeClosed
from instar.domain.records.quarantine import Quarantine
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.names import COMPUTE_QUEUE, os_upgrade_workflow_id
from instar.domain.sets.policies import StartedBy
from instar.domain.steering.start_wishes import StartWishes
from workflows import options
from workflows.operations import held_by, refusal_of
from workflows.sets.memory import Memory
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow
from workflows.upgrades.upgrade_end import learns_its_end_by_a_signal
from workflows.visibility import upgrade_attributes, upgrade_began_with, upgrade_summary

LESS_OFTEN = 12
"""A parked upgrade may wait for weeks: it is looked after once an hour, by default, instead of every five minutes."""


async def begin_by_hand(memory: Memory) -> None:
    """What a start is pinned to, and the start; or why it cannot be (P1, T4)."""
    asked = memory.state.start_asked
    if asked is None:
        return
    resolution = await _resolved(memory, asked.wishes)
    if memory.state.start_asked != asked:
        return  # cancelled or deleted in the same moment
    if resolution.plan is None:
        workflow.logger.info("%s: upgrade %d: %s", memory.scale_set.name, asked.number, resolution.reason)
        reason = resolution.reason if resolution.refused else ""
        memory.state = upgrades.start_refused(memory.state, asked.number, reason, memory.now)
        return
    await begin(memory, resolution.plan, StartedBy.USER, *asked.operations, number=asked.number)


async def bring(memory: Memory) -> None:
    """Bring the instances to the newest model, in the way of its mode (docs/rules.md K5)."""
    operations = memory.state.model.waiting
    change = await _change(memory)
    workflow.logger.info("%s: %s", memory.scale_set.name, change.reason)
    operations = tuple(operation for operation in operations if operation in memory.state.model.waiting)
    if not operations:
        return  # deleted in the same moment
    memory.state = results.brought(memory.state, change, operations, memory.now)
    if change.plan is not None and change.rolling:
        await begin(memory, change.plan, StartedBy.USER, *operations)


async def begin(
    memory: Memory,
    plan: UpgradePlan,
    started_by: StartedBy,
    operation_id: str,
    *more_operations: str,
    number: int = 0,
) -> None:
    """Take the lock and start an upgrade. `operation_id` is "" where nobody asked for it; `more` end with it."""
    number = number or memory.state.last_number + 1
    while True:
        running = RunningUpgrade(
            number=number,
            workflow_id=os_upgrade_workflow_id(memory.scale_set, number),
            operation_id=operation_id,
            started_by=started_by,
            target=plan.target,
            kind=plan.kind,
            more_operations=more_operations,
            key=plan.key or str(workflow.uuid4()),
            instances=plan.wishes.instances if plan.wishes else InstanceIds(),
        )
        memory.state = upgrades.upgrade_begun(memory.state, running, memory.now)
        memory.state = upgrades.versions_left(memory.state, plan, number, memory.now)
        upgrade = UpgradeState(
            scale_set=memory.scale_set,
            number=number,
            operation_id=operation_id,
            started_by=started_by,
            started_at=memory.now,
            plan=plan,
            delays=memory.state.delays,
            more_operations=more_operations,
            key=running.key,
        )
        try:
            child = await workflow.start_child_workflow(
                OsUpgradeWorkflow.run,
                upgrade,
                id=running.workflow_id,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=upgrade_summary(upgrade),
                static_details=upgrade_began_with(upgrade),
                search_attributes=upgrade_attributes(upgrade),
            )
            learns_its_end_by_a_signal(child)
        except WorkflowAlreadyStartedError:
            # This set's workflow was terminated and begun anew: its count starts where the records end.
            number = memory.state.last_number + 1
            continue
        return


async def tell(memory: Memory) -> None:
    """Ask what runs to end (P14)."""
    rolling = memory.state.rolling
    if rolling is None or rolling.cancel is None:
        return
    handle = workflow.get_external_workflow_handle(rolling.upgrade.workflow_id)
    try:
        await handle.signal(OsUpgradeWorkflow.cancel, rolling.cancel.reason)
    except ApplicationError:
        # It is closed already: find out at once how.
        memory.state = upgrades.look_after_at(memory.state, memory.now)
    memory.state = upgrades.upgrade_told(memory.state, rolling.upgrade.number)


async def look_after(memory: Memory) -> None:
    """A terminated workflow says no word: its lock is freed here (F1)."""
    running = memory.state.running
    if running is None:
        return
    usual = memory.state.delays.look_after_upgrade
    memory.state = upgrades.look_after_at(memory.state, memory.now + usual)
    request = UpgradeClosed(workflow_id=running.workflow_id)
    if memory.looked_after == running.number:
        request = request.model_copy(update={"unique_id": memory.scale_set.unique_id, "number": running.number})
    memory.looked_after = running.number
    try:
        closed: ClosedAs = await workflow.execute_activity_method(
            RecordActivities.upgrade_closed,
            request,
            summary="was the running upgrade terminated by hand?",
            **options.DESCRIBE,
        )
    except ActivityError as failure:
        workflow.logger.warning("upgrade %d was not looked after: %s", running.number, refusal_of(failure))
        return
    if closed.parked and memory.state.running == running:
        memory.state = upgrades.look_after_at(memory.state, memory.now + LESS_OFTEN * usual)
    if not closed.status or memory.state.running != running:
        return
    await workflow.execute_activity_method(
        RecordActivities.record_closed,
        RecordClosed(
            scale_set=memory.scale_set,
            number=running.number,
            operation_id=running.operation_id,
            status=closed.status,
            at=memory.now,
        ),
        summary=f"upgrade {running.number} was closed from outside: {closed.status}",
        **options.RECORD,
    )
    memory.state = upgrades.upgrade_closed(memory.state, running, closed.status, memory.now)


async def _resolved(memory: Memory, wishes: StartWishes | None) -> Resolution:
    # What is quarantined matters to a start with wishes alone: any other takes the newest whatever it is (T4).
    quarantine = memory.state.automatic.quarantine if wishes else Quarantine()
    asked = ResolveUpgrade(scale_set=memory.scale_set, started_by=StartedBy.USER, quarantine=quarantine, wishes=wishes)
    goes_back = wishes is not None and wishes.goes_back
    try:
        return await memory.cut.done(
            workflow.start_activity_method(
                ImageActivities.resolve_upgrade,
                asked,
                summary="which disks are kept?" if goes_back else "which version is the newest?",
                **options.READ,
            )
        )
    except ActivityError as failure:
        memory.state = results.held(memory.state, held_by(failure) or memory.state.held)
        return Resolution(plan=None, reason=refusal_of(failure), refused=True)


async def _change(memory: Memory) -> ModelChange:
    try:
        return await memory.cut.done(
            workflow.start_activity_method(
                ModelChangeActivities.resolve_model_change,
                ResolveModelChange(scale_set=memory.scale_set),
                task_queue=COMPUTE_QUEUE,
                summary="which instances are not on the newest model?",
                **options.READ,
            )
        )
    except ActivityError as failure:
        memory.state = results.held(memory.state, held_by(failure) or memory.state.held)
        return ModelChange(generation=memory.state.model.brought_generation, reason=refusal_of(failure), refused=True)
