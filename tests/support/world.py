"""A small world for workflow tests: a time-skipping server, the real activities, a real store, the simulated fleet."""

import asyncio
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle, WorkflowHistory, WorkflowUpdateStage
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment

from api.first_state import first_state
from compute.simulated.fleet import SimulatedFleet
from compute.simulated.judgement import Judgement, judge
from compute.simulated.pace import NoPace
from compute.simulated.scripts import FleetDefaults, InstanceScript, VersionScript
from domain.delays import Delays
from domain.images import ImageReference
from domain.instance_ids import InstanceIds
from domain.instances import Instance, PowerState
from domain.messages.instance_actions import ActionKind, InstanceAction
from domain.messages.os_upgrade import UpgradeResult
from domain.messages.scale_set import (
    ApplyModel,
    CancelUpgrade,
    DeleteScaleSet,
    LiftQuarantine,
    NudgeLook,
    StartUpgrade,
    UpgradeStarted,
)
from domain.names import NAMESPACE, WORKFLOW_QUEUE, Attribute, os_upgrade_workflow_id, scale_set_workflow_id
from domain.operations import Operation, OperationKind, OperationStatus
from domain.records import UpgradeRecord
from domain.scale_set_status import ScaleSetStatus
from domain.scale_sets import ScaleSetIdentity, ScaleSetModel
from store.sealing import Sealer
from store.store import Store
from worker.composition import workers
from workflows.os_upgrade import OsUpgradeWorkflow
from workflows.plugin import INSTAR
from workflows.scale_set import ScaleSetWorkflow
from workflows.visibility import scale_set_attributes

IMAGE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="latest")
OLD, NEW = "18.04.202401010", "18.04.202402020"
LOCATION = "westeurope"
GROUP = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/test"

BOOT = timedelta(seconds=30)
"""Virtual time from a swap to the first good answer, where a test does not say otherwise."""


def binary(name: str) -> str:
    """The server beside this interpreter."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        raise RuntimeError(f"{name} is not installed: run make test, which installs it")
    return found


class VirtualClock:
    """The server's time inside an activity, and what the test last saw outside."""

    def __init__(self, start: datetime) -> None:
        self.seen = start

    def __call__(self) -> datetime:
        if activity.in_activity():
            self.seen = max(self.seen, activity.info().started_time)
        return self.seen


@dataclass
class World:
    """What a test reads and changes."""

    env: WorkflowEnvironment
    clock: VirtualClock
    fleet: SimulatedFleet
    store: Store
    scale_set: ScaleSetIdentity = field(init=False)
    delays: Delays = field(default_factory=Delays)
    _generation: int = 0
    _workers: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def client(self) -> Client:
        return self.env.client

    # --- the scene ---------------------------------------------------------------------------------------------------

    def publish(self, version: str, script: VersionScript | None = None) -> None:
        """Publish a version, with its behaviour."""
        self.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, LOCATION, {}, self.clock())
        self.fleet.script_version(IMAGE.at(version), script or VersionScript())

    async def has_set(self, size: int, *, boot: timedelta = BOOT, **model: Any) -> ScaleSetIdentity:
        """A set of that many machines on OLD, up and running since an hour (with no boot time: since now)."""
        self.fleet.set_defaults(FleetDefaults(swap=timedelta(0), boot=boot))
        self.publish(OLD)
        document = arm(size, **model)
        resource_id = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/web"
        self.scale_set = ScaleSetIdentity(
            resource_id=resource_id, name="web", unique_id=str(uuid.uuid4()), location=LOCATION
        )
        self.store.scale_sets.create(self.scale_set, GROUP.split("/")[2], "test", document, self.clock())
        await self.put(automatic=False)
        if boot:
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

    async def start(self) -> UpgradeStarted:
        """Start an upgrade by hand."""
        operation = self.operation(OperationKind.OS_UPGRADE)
        started: UpgradeStarted = await self._update(
            ScaleSetWorkflow.start_upgrade, StartUpgrade(operation_id=operation), operation
        )
        return started

    async def cancel(self) -> str:
        """Cancel what runs; returns the operation's id."""
        operation = self.operation(OperationKind.CANCEL)
        await self._update(ScaleSetWorkflow.cancel_upgrade, CancelUpgrade(operation_id=operation), operation)
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
        for one in workers(self.client, self.fleet, self.store, clock=self.clock, cached_workflows=cached_workflows):
            await self._workers.enter_async_context(one)

    async def stop_workers(self) -> None:
        """Nobody works any more; and the server had the time to notice that nobody asks for work."""
        await self._workers.aclose()
        await asyncio.sleep(0.5)

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
        async with self.env.time_skipping_unlocked():  # type: ignore[attr-defined]  # the time-skipping one has it
            result = await self.upgrade(number).result()
        await self.look_at_the_clock()
        return result

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
        for _ in range(600):
            if so():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it never came to that")

    async def workflow_history(self) -> WorkflowHistory:
        """What the set's own workflow has left."""
        return await self.client.get_workflow_handle(scale_set_workflow_id(self.scale_set)).fetch_history()

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

    # --- what came of it ---------------------------------------------------------------------------------------------

    def record(self, number: int = 1) -> UpgradeRecord:
        """What is written down of an upgrade."""
        record = self.store.upgrades.get(self.scale_set.unique_id, number)
        assert record is not None
        return record

    def status(self) -> ScaleSetStatus:
        """What is written down of the set's automatic upgrades."""
        return self.store.statuses.get(self.scale_set.unique_id) or ScaleSetStatus()

    def history(self) -> list[UpgradeRecord]:
        """Every upgrade, oldest first."""
        records = self.store.upgrades.history(self.scale_set.unique_id, datetime(1970, 1, 1, tzinfo=UTC), 1000)
        return records[::-1]

    def decisions(self, number: int = 1) -> list[str]:
        """Actions of the upgrade's decisions, in order."""
        return [one.action for one in self.store.upgrades.decisions(self.scale_set.unique_id, number)]

    def reasons(self, number: int = 1) -> str:
        """All reasons of an upgrade."""
        return "\n".join(one.reason for one in self.store.upgrades.decisions(self.scale_set.unique_id, number))

    def outcomes(self, number: int = 1) -> dict[str, str]:
        """Outcome of each instance."""
        rows = self.store.upgrades.instances(self.scale_set.unique_id, number)
        return {instance_id: str(row.outcome) for instance_id, row in rows.items()}

    async def instances(self) -> dict[str, Instance]:
        """The machines, by id."""
        return {one.instance_id: one for one in await self.fleet.list_instances(self.scale_set)}

    async def versions(self) -> dict[str, str]:
        """The exact version of each machine's OS disk."""
        found = await self.instances()
        return {one: view.os_disk.image.version if view.os_disk else "none" for one, view in found.items()}

    async def disks(self) -> dict[str, str]:
        """The name of each machine's OS disk."""
        return {one: view.os_disk.name for one, view in (await self.instances()).items() if view.os_disk}

    def judgement(self, percent: int = 20, *, cross_zone: bool = False) -> Judgement:
        """The flight recorder's verdict."""
        return judge(self.fleet.recorder.records(), max_batch_percent=percent, cross_zone=cross_zone)

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


def arm(
    size: int,
    *,
    policy: dict[str, Any] | None = None,
    automatic: dict[str, Any] | None = None,
    mode: str = "Automatic",
    health: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
    zones: tuple[str, ...] = (),
    scale_in: str = "Default",
    extensions: Sequence[dict[str, Any]] = (),
    probe: str | None = None,
    custom_data: str = "",
) -> dict[str, Any]:
    """An ARM document of a set; `extensions` beside the one that tells its health.

    `probe`: the id of a load balancer's probe in the health extension's place, "" for neither.
    """
    extension = {
        "name": "health",
        "properties": {
            "publisher": "Microsoft.ManagedServices",
            "type": "ApplicationHealthLinux",
            "typeHandlerVersion": "1.0",
            "settings": {"protocol": "http", "port": 80, "requestPath": "/health", "intervalInSeconds": 5},
        }
        | (health or {}),
    }
    return {
        "location": LOCATION,
        "sku": {"name": "Standard_D2s_v3", "capacity": size},
        **({"zones": list(zones)} if zones else {}),
        "properties": {
            "scaleInPolicy": {"rules": [scale_in]},
            "upgradePolicy": {
                "mode": mode,
                "rollingUpgradePolicy": policy or {},
                "automaticOSUpgradePolicy": automatic or {},
            },
            "virtualMachineProfile": {
                "storageProfile": {
                    "imageReference": image or IMAGE.model_dump(by_alias=True, exclude={"id"}),
                    "dataDisks": [{"lun": 0, "createOption": "Empty", "diskSizeGB": 10}],
                },
                "extensionProfile": {"extensions": [*([extension] if probe is None else []), *extensions]},
                "networkProfile": {"healthProbe": {"id": probe}} if probe else {},
            }
            | ({"osProfile": {"customData": custom_data}} if custom_data else {}),
        },
    }


@asynccontextmanager
async def a_world(folder: Path, *, cached_workflows: int = 1000, forgetful_after: int = 0) -> AsyncIterator[World]:
    """Start a server of its own: one stuck test must not freeze the clock of the next.

    With `forgetful_after` it is the real dev server, in real time, which suggests continue-as-new after so many events.
    """
    async with AsyncExitStack() as stack:
        if forgetful_after:
            starting = WorkflowEnvironment.start_local(
                dev_server_existing_path=binary("temporal"),
                dev_server_extra_args=[
                    "--dynamic-config-value",
                    f"limit.historyCount.suggestContinueAsNew={forgetful_after}",
                ],
                plugins=[INSTAR],
            )
        else:
            starting = WorkflowEnvironment.start_time_skipping(
                test_server_existing_path=binary("temporal-test-server"), plugins=[INSTAR]
            )
        env = await stack.enter_async_context(await starting)
        await register_search_attributes(env.client)
        clock = VirtualClock(await env.get_current_time())
        store = Store.open(f"sqlite:///{folder / 'store.sqlite'}", Sealer.from_file(folder / "seal.keys"))
        stack.callback(store.close)
        fleet = SimulatedFleet(folder / "fleet.sqlite", clock=clock, pace=NoPace())
        stack.callback(fleet.close)
        world = World(env=env, clock=clock, fleet=fleet, store=store)
        await world.start_workers(cached_workflows)
        stack.push_async_callback(world.stop_workers)
        yield world


async def register_search_attributes(client: Client) -> None:
    """What deployment does with the command line."""
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=NAMESPACE,
            search_attributes=dict.fromkeys(Attribute, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
        )
    )
