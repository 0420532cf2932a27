"""A small world for workflow tests: a time-skipping server, the real activities, a real store, the simulated fleet."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from temporalio.client import (
    Client,
    Plugin,
    WithStartWorkflowOperation,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowUpdateStage,
)
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from api.services.first_state import first_state
from instar.compute.simulated.file.scripts import FleetDefaults, InstanceScript, VersionScript
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.pace import NoPace
from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.delays import Delays
from instar.domain.machines.actions import ActionKind
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import PowerState
from instar.domain.messages.instance_actions import InstanceAction
from instar.domain.messages.os_upgrade import UpgradeResult
from instar.domain.messages.scale_set import (
    ApplyModel,
    CancelUpgrade,
    DeleteScaleSet,
    LiftQuarantine,
    NudgeLook,
    StartUpgrade,
    UpgradeStarted,
)
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.names import WORKFLOW_QUEUE, os_upgrade_workflow_id, scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.domain.steering.start_wishes import StartWishes
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from tests.support.heard import heard
from tests.support.models import GROUP, IMAGE, LOCATION, OLD, arm
from tests.support.seen import Seen
from tests.support.servers import forgetful, register_search_attributes, time_skipping
from tests.support.stores import open_store
from tests.support.virtual_clock import VirtualClock
from worker.composition import workers
from worker.outside import Outside
from workflows.sets.scale_set import ScaleSetWorkflow
from workflows.upgrades.os_upgrade import OsUpgradeWorkflow
from workflows.visibility import scale_set_attributes

BOOT = timedelta(seconds=30)
"""Virtual time from a swap to the first good answer, where a test does not say otherwise."""


REAL_PATIENCE = 60.0
"""Real seconds for what needs no virtual time; the shortest timer of an upgrade that is waited for has five minutes."""


class StartRefused(Exception):
    """A start by hand that was accepted and could not begin; the message says why."""


@dataclass(kw_only=True)
class World(Seen):
    """What a test reads and changes."""

    env: WorkflowEnvironment
    clock: VirtualClock
    delays: Delays = field(default_factory=Delays)
    outside: Outside | None = None
    _generation: int = 0
    _workers: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def client(self) -> Client:
        return self.env.client

    # --- the scene ---------------------------------------------------------------------------------------------------

    def publish(self, version: str, script: VersionScript | None = None) -> None:
        """Publish a version, with its behaviour. Nobody is told: sets find it at their next look, or when nudged."""
        self.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, LOCATION, {}, self.clock())
        for one in self.store.publications.all():
            self.store.publications.told(one)
        self.fleet.script_version(IMAGE.at(version), script or VersionScript())

    def beside(self) -> "World":
        """The same server, clock, store and machines, for another set."""
        return World(env=self.env, clock=self.clock, fleet=self.fleet, store=self.store, delays=self.delays)

    async def has_set(
        self, size: int, *, boot: timedelta = BOOT, aged: bool = True, name: str = "web", **model: Any
    ) -> ScaleSetIdentity:
        """A set of that many machines on OLD, up and running since an hour (not `aged`, or no boot time: since now)."""
        self.fleet.set_defaults(FleetDefaults(swap=timedelta(0), boot=boot))
        self.publish(OLD)
        document = arm(size, **model)
        resource_id = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}"
        self.scale_set = ScaleSetIdentity(
            resource_id=resource_id, name=name, unique_id=str(uuid.uuid4()), location=LOCATION
        )
        self.store.scale_sets.create(self.scale_set, GROUP.split("/")[2], "test", document, self.clock())
        await self.put(automatic=False)
        if boot and aged:
            await self.env.sleep(timedelta(hours=1))
        await self.look_at_the_clock()
        return self.scale_set

    async def put(self, *, automatic: bool, document: dict[str, Any] | None = None) -> Operation:
        """Store a model, announce it, and wait until it is applied; returns its operation."""
        return await self.ended(await self.announce(automatic=automatic, document=document))

    async def announce(self, *, automatic: bool = False, document: dict[str, Any] | None = None) -> str:
        """Store a model and announce it, as the API does; returns the operation's id."""
        stored = self.store.scale_sets.by_unique_id(self.scale_set.unique_id)
        assert stored is not None
        if document is not None:
            stored = self.store.scale_sets.put_model(
                self.scale_set.unique_id, document, stored.generation, self.clock()
            )
        operation = self.operation(OperationKind.PUT)
        await self._update(
            ScaleSetWorkflow.apply_model,
            ApplyModel(
                generation=stored.generation,
                operation_id=operation,
                automatic=automatic,
                mode=ScaleSetModel.from_arm(stored.document, stored.generation).upgrade_policy.mode,
                machine_generation=stored.machine_generation,
            ),
            operation,
        )
        return operation

    def operation(self, kind: OperationKind) -> str:
        """A row as the API makes one; returns its id."""
        row = Operation(
            id=str(uuid.uuid4()),
            kind=kind,
            scale_set_unique_id=self.scale_set.unique_id,
            subscription_id=GROUP.split("/")[2],
            location=LOCATION,
            status=OperationStatus.IN_PROGRESS,
            started_at=self.clock(),
        )
        self.store.operations.create(row)
        return row.id

    async def ended(self, operation_id: str) -> Operation:
        """The operation once it has ended (real time: nothing here waits for a virtual timer)."""
        for _ in range(600):
            row = self.store.operations.get(operation_id)
            assert row is not None
            if row.status is not OperationStatus.IN_PROGRESS:
                return row
            await asyncio.sleep(0.02)
        raise AssertionError(f"operation {operation_id} has not ended")

    def script(self, instance_id: str, **script: Any) -> None:
        """Script one machine."""
        self.fleet.script_instance(self.scale_set, instance_id, InstanceScript(**script))

    def sick(self, *ids: str) -> None:
        """Unhealthy from now on, on every image."""
        for one in ids:
            self.script(one, sick_from=self.clock() - timedelta(minutes=1))

    def stopped(self, *ids: str) -> None:
        """Stopped by their owner."""
        for one in ids:
            self.script(one, power=PowerState.STOPPED)

    # --- what happens ------------------------------------------------------------------------------------------------

    async def start(self, wishes: StartWishes | None = None) -> UpgradeStarted:
        """Start an upgrade by hand, and wait until it has begun. Raises StartRefused where it could not begin."""
        operation = self.operation(OperationKind.OS_UPGRADE)
        started: UpgradeStarted = await self._update(
            ScaleSetWorkflow.start_upgrade, StartUpgrade(operation_id=operation, wishes=wishes), operation
        )
        for _ in range(600):
            row = self.store.operations.get(operation)
            if row and row.error_code == "OperationNotAllowed":
                raise StartRefused(row.error_message)
            if await self._is_there(started.workflow_id):
                return started
            await asyncio.sleep(0.02)
        raise AssertionError(f"{started.workflow_id} has not begun")

    async def start_without_waiting(self) -> str:
        """Start an upgrade by hand; returns the operation's id as soon as the start was accepted."""
        operation = self.operation(OperationKind.OS_UPGRADE)
        await self._update(ScaleSetWorkflow.start_upgrade, StartUpgrade(operation_id=operation), operation)
        return operation

    async def _is_there(self, workflow_id: str) -> bool:
        try:
            await self.client.get_workflow_handle(workflow_id).describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise
        return True

    async def cancel(self) -> str:
        """Cancel what runs; returns the operation's id."""
        operation = self.operation(OperationKind.CANCEL)
        await self._update(ScaleSetWorkflow.cancel_upgrade, CancelUpgrade(operation_id=operation), operation)
        # Before its first activity there is nothing written down of an upgrade, and nothing that its cancel may race.
        if number := self.store.upgrades.last_number(self.scale_set.unique_id):
            await heard(self.upgrade(number))
        return operation

    async def delete(self) -> str:
        """Delete the set; returns the operation's id."""
        operation = self.operation(OperationKind.DELETE)
        await self._update(ScaleSetWorkflow.delete_scale_set, DeleteScaleSet(operation_id=operation), operation)
        return operation

    async def lift(self, version: str) -> None:
        """Lift a version's quarantine by hand."""
        request = LiftQuarantine(operation_id=str(uuid.uuid4()), version=version)
        await self._update(ScaleSetWorkflow.lift_quarantine, request, request.operation_id)

    async def nudge(self) -> None:
        """What the API does once something was published."""
        await self.its_workflow().signal(ScaleSetWorkflow.nudge_look, NudgeLook())

    def its_workflow(self) -> WorkflowHandle[ScaleSetWorkflow, None]:
        """The handle of the set's own workflow."""
        return self.client.get_workflow_handle_for(ScaleSetWorkflow.run, scale_set_workflow_id(self.scale_set))

    async def start_workers(self, cached_workflows: int = 1000) -> None:
        """Workers that know nothing of what others have cached."""
        made = workers(
            self.client,
            self.fleet,
            self.store,
            clock=self.clock,
            cached_workflows=cached_workflows,
            outside=self.outside,
            looks_for=timedelta(0),
        )
        for one in made:
            await self._workers.enter_async_context(one)

    async def stop_workers(self) -> None:
        """Nobody works any more; and the server had the time to notice that nobody asks for work."""
        await self.workers_end()
        await asyncio.sleep(0.5)

    async def workers_end(self) -> None:
        """They stop."""
        await self._workers.aclose()

    async def upgraded(self) -> UpgradeResult:
        """Start by hand and wait, in virtual time, for the end."""
        return await self.end_of((await self.start()).number)

    def upgrade(self, number: int = 1) -> WorkflowHandle[OsUpgradeWorkflow, UpgradeResult]:
        """The handle of one upgrade."""
        return self.client.get_workflow_handle_for(
            OsUpgradeWorkflow.run, os_upgrade_workflow_id(self.scale_set, number)
        )

    async def end_of(self, number: int = 1) -> UpgradeResult:
        """The end of an upgrade, in virtual time."""
        for _ in range(600):
            if await self._is_there(os_upgrade_workflow_id(self.scale_set, number)):
                break
            await asyncio.sleep(0.02)
        async with self.env.time_skipping_unlocked():  # type: ignore[attr-defined]  # the time-skipping one has it
            result = await self._result(number)
        await self.look_at_the_clock()
        return result

    async def end_without_timers(self, number: int = 1) -> UpgradeResult:
        """The end of an upgrade that waits for nothing more: virtual time stands still, so no timer fires.

        How much virtual time passes otherwise says little: the server skips it whenever a busy machine is late to take
        up an activity.
        """
        with self.env.auto_time_skipping_disabled():
            async with asyncio.timeout(REAL_PATIENCE):
                result = await self._result(number)
        await self.look_at_the_clock()
        return result

    async def _result(self, number: int) -> UpgradeResult:
        """Asked again where the server, which has failed a task (see `at_rest`), answers without an end."""
        for _ in range(10):
            try:
                return await result_of(self.upgrade(number))
            except RuntimeError as error:
                if "No completion event" not in str(error):
                    raise
        described = (await self.upgrade(number).describe()).raw_description
        raise AssertionError(f"the server never says how upgrade {number} ended: {described}")

    async def look_at_the_clock(self) -> datetime:
        """Virtual now."""
        self.clock.seen = await self.env.get_current_time()
        return self.clock.seen

    async def pass_time(self, duration: timedelta) -> None:
        """Let virtual time pass.

        Not to a moment at which a timer of the set fires, every 5 minutes of an upgrade: the time-skipping server can
        lose the workflow task of an update that arrives in the same instant.
        """
        await self.env.sleep(duration)
        await self.look_at_the_clock()

    async def ask(self, kind: ActionKind, *ids: str, operation: str = "", **more: Any) -> str:
        """Ask something of these instances, or of everyone; returns the operation's id."""
        operation = operation or self.operation(OperationKind(kind.value))
        action = InstanceAction(
            operation_id=operation, kind=kind, ids=InstanceIds.of(ids), **({"everyone": not ids} | more)
        )
        await self._update(ScaleSetWorkflow.act_on_instances, action, operation)
        return operation

    async def until(self, so: Callable[[], bool]) -> None:
        """Wait in real time until it is so."""
        for _ in range(3000):
            if so():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it never came to that")

    async def workflow_history(self) -> WorkflowHistory:
        """What the set's own workflow has left."""
        return await self.client.get_workflow_handle(scale_set_workflow_id(self.scale_set)).fetch_history()

    async def at_rest(self, workflow: WorkflowHandle[Any, Any] | None = None) -> None:
        """Wait, in real time, until a workflow, the set's own by default, has no activity under way.

        The time-skipping server fails the task of a workflow that cancels an activity which has just ended.
        """
        for _ in range(600):
            description = await (workflow or self.its_workflow()).describe()
            if not description.raw_description.pending_activities and not description.raw_description.HasField(
                "pending_workflow_task"
            ):
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the workflow never comes to rest")

    async def begun(self, number: int = 1) -> UpgradeRecord:
        """The record of an operation on instances once there is one (real time)."""
        for _ in range(600):
            if record := self.store.upgrades.get(self.scale_set.unique_id, number):
                return record
            await asyncio.sleep(0.02)
        raise AssertionError(f"nothing of number {number} has begun")

    def document(self, **profile: Any) -> dict[str, Any]:
        """The set's model with these members of its machine profile."""
        stored = self.store.scale_sets.by_unique_id(self.scale_set.unique_id)
        assert stored is not None
        properties = stored.document["properties"]
        changed = properties["virtualMachineProfile"] | profile
        return stored.document | {"properties": properties | {"virtualMachineProfile": changed}}

    async def _update(self, update: Any, request: Any, update_id: str) -> Any:
        start = WithStartWorkflowOperation(
            ScaleSetWorkflow.run,
            first_state(self.store, self.scale_set, self.delays),
            id=scale_set_workflow_id(self.scale_set),
            task_queue=WORKFLOW_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            search_attributes=scale_set_attributes(self.scale_set),
        )
        handle = await self.client.start_update_with_start_workflow(
            update, request, wait_for_stage=WorkflowUpdateStage.COMPLETED, start_workflow_operation=start, id=update_id
        )
        return await handle.result()


async def result_of(upgrade: WorkflowHandle[OsUpgradeWorkflow, UpgradeResult]) -> UpgradeResult:
    """How an upgrade ended: what its workflow returns, or, Faulted, fails with."""
    try:
        return await upgrade.result()
    except WorkflowFailureError as failed:
        [result] = cast("ApplicationError", failed.cause).details
        return UpgradeResult.model_validate(result)


@asynccontextmanager
async def a_world(
    folder: Path,
    *,
    cached_workflows: int = 1000,
    forgetful_after: int = 0,
    sealed: bool = True,
    outside: Outside | None = None,
    plugins: Sequence[Plugin] = (),
) -> AsyncIterator[World]:
    """Start a server of its own: one stuck test must not freeze the clock of the next.

    With `forgetful_after` it is the real dev server, in real time, which suggests continue-as-new after so many events.
    What is not `sealed` leaves histories in clear.
    """
    async with AsyncExitStack() as stack:
        codec = SealedPayloads(KeyFile(folder / "seal.keys")) if sealed else None
        starting = forgetful(forgetful_after, codec) if forgetful_after else time_skipping(codec, plugins)
        env = await stack.enter_async_context(await starting)
        await register_search_attributes(env.client)
        clock = VirtualClock(await env.get_current_time())
        store = open_store(folder / "store.sqlite", Sealer.from_file(folder / "seal.keys"))
        stack.callback(store.close)
        fleet = SimulatedFleet(folder / "fleet.sqlite", clock=clock, pace=NoPace())
        stack.callback(fleet.close)
        world = World(env=env, clock=clock, fleet=fleet, store=store, outside=outside)
        await world.start_workers(cached_workflows)
        # Nobody is left who would have to notice that they are away.
        stack.push_async_callback(world.workers_end)
        yield world
