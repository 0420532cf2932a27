"""Instar as `instar up` starts it, on free ports of the loopback and a data directory of its own."""

import asyncio
import os
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client, WorkflowHistoryEventFilterType
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError

from api.services.scale_set_gateway import ScaleSetGateway
from api.wire.errors import ArmError
from instar.compute.clock import utc_now
from instar.compute.simulated.fleet import SimulatedFleet
from instar.connection.client import LOCAL_CONFIG
from instar.connection.sealed_payloads import SealedPayloads
from instar.domain.delays import Delays
from instar.domain.messages.scale_set import ApplyModel, StartUpgrade
from instar.domain.messages.updates import Update
from instar.domain.records.operations import Operation, OperationKind, OperationStatus
from instar.domain.records.upgrades import UpgradeRecord, UpgradeStatus
from instar.domain.sets.names import os_upgrade_workflow_id, scale_set_workflow_id
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.stack.processes import ProcessGroup
from instar.stack.stack import Ports, start_stack
from instar.store.database.key_file import KeyFile
from instar.store.database.sealing import Sealer
from instar.store.store import Store
from tests.bench import scene
from tests.bench.stopping import stop_where_it_stands
from tests.support.models import IMAGE, LOCATION, NEW, OLD
from workflows.plugin import instar_plugin


@contextmanager
def stack(folder: Path) -> Iterator[tuple[Ports, int]]:
    """Temporal, worker and API, fresh; gives the worker's process id too."""
    with processes(folder) as (ports, pids):
        yield ports, pids["worker"]


@contextmanager
def processes(folder: Path) -> Iterator[tuple[Ports, dict[str, int]]]:
    """The same with the process id of each, by name."""
    ports = Ports.chosen(0, 0, 0)
    data = folder / "data"
    data.mkdir(parents=True, mode=0o700, exist_ok=True)
    with ProcessGroup(folder / "logs", print) as group:
        start_stack(group, data, ports, os.environ)
        stop_where_it_stands()  # nobody asks the group whether there was a signal
        pids = {child.name: child.process.pid for child in group._children}
        # What costs is the server behind the guard.
        guard = pids["temporal"]
        [server] = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
        yield ports, pids | {"temporal": int(server)}


SENDS = 30


@dataclass
class Site:
    """A client of that stack."""

    client: Client
    store: Store
    fleet: SimulatedFleet
    gateway: ScaleSetGateway

    async def has_set(self, name: str, size: int, *, automatic: bool = False) -> ScaleSetIdentity:
        """Store a set and announce its model; `made` says when its machines are there."""
        one = scene.identity(name)
        self.store.scale_sets.create(one, scene.SUBSCRIPTION, "test", scene.document(size), utc_now())
        operation = self._operation(one, OperationKind.PUT)
        await self._send(one, ApplyModel(generation=1, operation_id=operation, automatic=automatic))
        await scene.until(lambda: self._has_ended(operation), f"{size} machines of {name}")
        return one

    async def booted(self) -> None:
        """Let the machines come up, and publish the newer version."""
        await asyncio.sleep(scene.BOOT.total_seconds() + 1)
        self.publish(NEW)

    def publish(self, version: str) -> None:
        """Offer a version."""
        self.store.images.publish(IMAGE.publisher, IMAGE.offer, IMAGE.sku, version, LOCATION, {}, utc_now())

    async def start(self, one: ScaleSetIdentity) -> None:
        """Start an upgrade by hand."""
        message: Update = StartUpgrade(operation_id=self._operation(one, OperationKind.OS_UPGRADE))
        await self._send(one, message)

    async def _send(self, one: ScaleSetIdentity, message: Update) -> None:
        """Again where a busy machine took too long: an update has the id of its operation, so that it counts once."""
        for _ in range(SENDS):
            try:
                return await self.gateway.send(one, message)
            except (ArmError, RPCError):
                await asyncio.sleep(2)
        return await self.gateway.send(one, message)

    async def ended(self, one: ScaleSetIdentity) -> UpgradeRecord:
        """Its record at the end. Raises RuntimeError unless it was completed."""

        def record() -> UpgradeRecord | None:
            return self.store.upgrades.get(one.unique_id, 1)

        await scene.until(lambda: (found := record()) is not None and found.status.ended, f"upgrade of {one.name}")
        found = record()
        if found is None or found.status is not UpgradeStatus.COMPLETED:
            raise RuntimeError(f"the upgrade of {one.name} was not completed: {found and found.error}")
        return found

    def batches(self, one: ScaleSetIdentity) -> int:
        """How many batches it took."""
        return max(decision.batch for decision in self.store.upgrades.decisions(one.unique_id, 1))

    async def events(self, one: ScaleSetIdentity) -> int:
        """History events of the upgrade, over all its runs."""
        workflow_id = os_upgrade_workflow_id(one, 1)
        # The record is written a moment before the workflow closes.
        await self.client.get_workflow_handle(workflow_id).result()
        execution = (await self.client.get_workflow_handle(workflow_id).describe()).raw_description
        run_id = execution.workflow_execution_info.first_run_id
        count = 0
        while run_id:
            run = self.client.get_workflow_handle(workflow_id, run_id=run_id)
            closed = WorkflowHistoryEventFilterType.CLOSE_EVENT
            [end] = [event async for event in run.fetch_history_events(event_filter_type=closed)]
            count += end.event_id
            run_id = end.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return count

    async def events_of_set(self, one: ScaleSetIdentity) -> int:
        """History events of the set's own workflow so far, in its present run."""
        return (await self.client.get_workflow_handle(scale_set_workflow_id(one)).describe()).history_length

    async def starved(self, one: ScaleSetIdentity) -> Counter[str]:
        """Attempts of its upgrade that the server gave up for lost, and workflow tasks that came too late."""
        late = Counter[str]()
        async for event in self.client.get_workflow_handle(os_upgrade_workflow_id(one, 1)).fetch_history_events():
            begun = event.activity_task_started_event_attributes
            late["attempts"] += begun.last_failure.HasField("timeout_failure_info")
            late["workflow tasks"] += event.HasField("workflow_task_timed_out_event_attributes")
        return late

    def _operation(self, one: ScaleSetIdentity, kind: OperationKind) -> str:
        row = Operation(
            id=str(uuid.uuid4()),
            kind=kind,
            scale_set_unique_id=one.unique_id,
            subscription_id=scene.SUBSCRIPTION,
            location=LOCATION,
            status=OperationStatus.IN_PROGRESS,
            started_at=utc_now(),
        )
        self.store.operations.create(row)
        return row.id

    def _has_ended(self, operation_id: str) -> bool:
        row = self.store.operations.get(operation_id)
        return row is not None and row.status is not OperationStatus.IN_PROGRESS


@asynccontextmanager
async def site(folder: Path, delays: Delays = scene.DELAYS) -> AsyncIterator[Site]:
    """Connect, with the older version published."""
    data = folder / "data"
    plugin = instar_plugin(SealedPayloads(KeyFile(data / "seal.keys")))
    client = await Client.connect(
        **ClientConfig.load_client_connect_config(config_file=str(data / LOCAL_CONFIG)), plugins=[plugin]
    )
    store = Store.open(f"sqlite:///{data / 'store.sqlite'}", Sealer.from_file(data / "seal.keys"))
    fleet = SimulatedFleet(data / "fleet.sqlite")
    try:
        scene.script(fleet)
        one = Site(client, store, fleet, ScaleSetGateway(client, store, delays))
        one.publish(OLD)
        yield one
    finally:
        fleet.close()
        store.close()
