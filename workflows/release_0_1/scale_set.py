"""One scale set, for ever: its timers, its lock, what it looks at next (docs/rules.md P15, T1, F1, P5)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, is_cancelled_exception

from activities.disks import DiskActivities
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.scale_set import (
    ApplyModel,
    CancelUpgrade,
    CollectDisks,
    DeleteScaleSet,
    LiftQuarantine,
    NudgeLook,
    StartUpgrade,
    UpgradeEnded,
    UpgradeStarted,
)
from instar.domain.sets.names import COMPUTE_QUEUE, MOVE_ON, Refusal, WorkflowType
from instar.domain.sets.policies import StartedBy
from workflows import options
from workflows.release_0_1.details import scale_set_details
from workflows.release_0_1.ends import end_operations
from workflows.release_0_1.instance_work import InstanceWork, refused
from workflows.release_0_1.memory import Memory
from workflows.release_0_1.running_upgrade import UpgradeLock
from workflows.release_0_1.state import ScaleSetState, moved_on
from workflows.release_0_1.status import StatusRecord
from workflows.release_0_1.stored_model import StoredModel
from workflows.release_0_1.triggers import Triggers, resolve

EVENTS_AT_MOST = 1000
"""Three days of an idle set. The server suggests no end before 4,096, and a worker that takes many sets over after a
restart reads the history of each."""


@workflow.defn(name=WorkflowType.SCALE_SET_0_1)
class ScaleSetWorkflow:
    """Holds the lock of one scale set and starts its upgrades."""

    @workflow.init
    def __init__(self, state: ScaleSetState) -> None:
        self._memory = Memory(state)
        # Two starts at once must not both find the set idle: resolving awaits in between.
        self._starting = asyncio.Lock()
        self._lock = UpgradeLock(self._memory)
        self._model = StoredModel(self._memory)
        self._instances = InstanceWork(self._memory, self._lock, self._starting)
        self._record = StatusRecord(self._memory)
        self._triggers = Triggers(self._memory, self._lock, self._starting, self._record)
        self._moves_on = False
        self._at_work: list[asyncio.Task[Any]] = []

    @workflow.run
    async def run(self, _state: ScaleSetState) -> None:
        """Live as ever until told to move on; then whatever is under way is cut short, and goes on there."""
        try:
            with self._working():
                await self._live()
                if not self._moves_on:
                    return
        except BaseException as error:
            if not self._moves_on or not is_cancelled_exception(error):
                raise
        await workflow.wait_condition(workflow.all_handlers_finished)
        moved = moved_on(self._state, workflow.now(), self._memory.to_end, self._instances.number_begun)
        workflow.continue_as_new(workflow=WorkflowType.SCALE_SET.value, args=[moved])

    @workflow.signal(name=MOVE_ON, description="Continue under the workflow of today's release")
    def move_on(self) -> None:
        """Whatever is under way is cut short: it is keyed, and is done again or found done (F2)."""
        self._moves_on = True
        for task in self._at_work:
            task.cancel()

    @contextmanager
    def _working(self) -> Iterator[None]:
        """What waits in here is cut short when the set moves on."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a workflow's code runs in a task")
        self._at_work.append(task)
        try:
            yield
        except BaseException as error:
            if self._moves_on and is_cancelled_exception(error) and workflow.current_update_info():
                raise ApplicationError("the set moves on: ask again", type="MovesOn", non_retryable=True) from error
            raise
        finally:
            self._at_work.remove(task)

    async def _live(self) -> None:
        """Wait for something to be due, do it, and wait again, until the set is deleted."""
        while not self._moves_on:
            await self._plan_and_record()
            workflow.set_current_details(scale_set_details(self._state))
            await self._until_due()
            if self._model.waits:
                await self._model.apply()
            if not self._state.running:
                await self._end_cancels()
                if self._state.deleting:
                    await self._model.delete()
                    await workflow.wait_condition(workflow.all_handlers_finished)
                    return
            if self._instances.waits:
                await self._instances.go_on()
            await self._do_what_is_due()
            if self._history_is_long():
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self._record.is_stale:
                    workflow.continue_as_new(self._state)

    # --- messages ---------------------------------------------------------------------------------------------------

    @workflow.update(description="Start an OS upgrade by hand, at once (T4); refused while one runs (P15)")
    async def start_upgrade(self, request: StartUpgrade) -> UpgradeStarted:
        """Pin version and generation (P1) and start. Raises OperationNotAllowed."""
        with self._working():
            return await self._started(request)

    async def _started(self, request: StartUpgrade) -> UpgradeStarted:
        async with self._starting:
            if answered := self._lock.answered(request.operation_id):
                return answered
            if self._state.deleting:
                raise refused("Operation 'osRollingUpgrade' is not allowed because the scale set is being deleted.")
            if self._state.running:
                raise refused(
                    "Operation 'osRollingUpgrade' is not allowed because a Rolling Upgrade is in progress: "
                    f"{self._state.running.workflow_id}.",
                )
            self._instances.refuse_a_start()
            resolution = await resolve(self._memory)
            if resolution.plan is None:
                raise refused(resolution.reason)
            return await self._lock.begin(resolution.plan, StartedBy.USER, request.operation_id)

    @workflow.update(description="Cancel the upgrade that runs (P14)")
    async def cancel_upgrade(self, request: CancelUpgrade) -> None:
        """Pass the cancel on; the operation ends when the upgrade has. Raises OperationNotAllowed."""
        if self._state.running is None:
            raise refused("There is no ongoing Rolling Upgrade to cancel.")
        cancels = (*self._state.cancel_operations, request.operation_id)
        self._memory.change(cancel_operations=tuple(dict.fromkeys(cancels)))
        await self._lock.cancel("cancelled by a user")

    @workflow.update(description="A model was stored: apply capacity and the switch of automatic upgrades")
    def apply_model(self, request: ApplyModel) -> None:
        """Remember it; the main loop applies it. Only the newest generation counts."""
        self._model.announced(request)
        self._triggers.switched()

    @workflow.update(description="Something is asked of instances: manualupgrade, reimage, power, deletion, protection")
    async def act_on_instances(self, action: InstanceAction) -> None:
        """Remember it; the main loop does one after the other. Raises OperationNotAllowed while an upgrade runs."""
        with self._working():
            await self._instances.ask(action)

    @workflow.update(description="Delete the set, after a running upgrade came to its end (P15)")
    async def delete_scale_set(self, request: DeleteScaleSet) -> None:
        """Remember it; the main loop deletes."""
        self._memory.change(deleting=request.operation_id, automatic=False)
        self._triggers.switched()
        await self._lock.cancel("the scale set is being deleted")

    @workflow.update(description="Lift a version's quarantine by hand (T5)")
    async def lift_quarantine(self, request: LiftQuarantine) -> None:
        """The version, and the instances that it did not suit, are free again. Raises ResourceNotFound."""
        quarantine = self._state.quarantine.without(request.version)
        if quarantine == self._state.quarantine:
            message = f"Version {request.version} is not quarantined for this Virtual Machine Scale Set."
            raise ApplicationError(message, type=Refusal.NOT_FOUND, non_retryable=True)
        self._memory.change(quarantine=quarantine, settled=None)
        self._triggers.nudged()
        # The caller who lifted the quarantine reads the status next, and must find it lifted.
        await self._record.write()

    @workflow.signal(description="A version was published that the set may be waiting for: look within minutes (T2)")
    def nudge_look(self, _nudge: NudgeLook) -> None:
        """Look sooner."""
        self._triggers.nudged()

    @workflow.signal(description="An upgrade ended")
    def upgrade_ended(self, ended: UpgradeEnded) -> None:
        """Free the lock."""
        self._lock.ended(ended)

    # --- what can be due --------------------------------------------------------------------------------------------

    @property
    def _state(self) -> ScaleSetState:
        return self._memory.state

    def _history_is_long(self) -> bool:
        """While an upgrade runs the server's word counts alone: the run that started it stays its parent to look at."""
        info = workflow.info()
        idle_for_long = not self._state.running and info.get_current_history_length() >= EVENTS_AT_MOST
        return idle_for_long or info.is_continue_as_new_suggested()

    async def _plan_and_record(self) -> None:
        """Draw the next look, and write down what is new; what comes in meanwhile is planned and written as well."""
        self._triggers.plan_next()
        while self._record.is_stale:
            await self._record.write()
            self._triggers.plan_next()

    async def _until_due(self) -> None:
        state = self._state
        moments = [
            state.look_after_at,
            self._triggers.next_moment,
            *(one.ended_at + state.delays.keep_previous_disks for one in state.collect[:1]),
        ]
        next_moment = min((moment for moment in moments if moment), default=None)
        timeout = None if next_moment is None else max(next_moment - workflow.now(), timedelta(0))
        try:
            # Any message may change what comes next: the loop then looks anew.
            await workflow.wait_condition(
                lambda: self._state is not state or self._something_to_do(),
                timeout=timeout,
                timeout_summary="until the next moment in this set's life",
            )
        except TimeoutError:
            return

    def _something_to_do(self) -> bool:
        state = self._state
        waiting = bool(state.cancel_operations or state.deleting) and not state.running
        return waiting or self._model.waits or self._instances.waits

    def _collectable(self) -> tuple[int, ...]:
        kept = self._state.delays.keep_previous_disks
        return tuple(one.number for one in self._state.collect if one.ended_at + kept <= workflow.now())

    # --- what is done then ------------------------------------------------------------------------------------------

    async def _do_what_is_due(self) -> None:
        if self._lock.look_is_due:
            await self._lock.look_after()
        if self._triggers.is_due:
            await self._triggers.look(self._something_to_do)
        if self._collectable():
            await self._collect_disks()

    async def _end_cancels(self) -> None:
        operations = self._state.cancel_operations
        self._memory.change(cancel_operations=())
        await end_operations(self._memory, operations)

    async def _collect_disks(self) -> None:
        numbers = self._collectable()
        await workflow.execute_activity_method(
            DiskActivities.collect_os_disks,
            CollectDisks(scale_set=self._state.scale_set, numbers=numbers),
            task_queue=COMPUTE_QUEUE,
            summary="delete kept OS disks whose time is over",
            **options.DISKS,
        )
        self._memory.change(collect=tuple(one for one in self._state.collect if one.number not in numbers))
