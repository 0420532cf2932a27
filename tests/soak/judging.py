"""What must hold once everything is up again and has come to rest (docs/rules.md B2, P15, F1, F2, F6, F10)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.judgement import judge
from instar.compute.simulated.flight.recorder import FlightRecord, Kind
from instar.domain.records.upgrades import UpgradeStatus
from instar.domain.sets.scale_sets import ScaleSetIdentity, ScaleSetModel
from instar.store.store import Store


@dataclass(frozen=True)
class Left:
    """What a run has left: the store, the fleet, the sets that ever were, and the operations that were answered."""

    store: Store
    fleet: SimulatedFleet
    identities: tuple[ScaleSetIdentity, ...]
    operations: tuple[str, ...]


async def harm(left: Left, percent: int = 20) -> list[str]:
    """Everything that is not as it must be, a sentence each."""
    found: list[str] = []
    for operation_id in left.operations:
        operation = left.store.operations.get(operation_id)
        # One that is not known was refused after its answer had been lost: it never was.
        if operation is not None and operation.ended_at is None:
            waits = f", waits for {operation.waits_for}" if operation.waits_for else ""
            found.append(f"operation {operation.kind} {operation_id} has not ended{waits}")
    for identity in left.identities:
        found += await _of_set(left, identity)
    for one in judge(of_those_that_served(left.fleet.recorder.records()), max_batch_percent=percent).violations:
        # What its owner asks of all machines at once (a restart, mode Automatic) is no batch of an upgrade.
        if "with batch 0," not in one.sentence:
            found.append(f"recorder: {one}")
    return found


def of_those_that_served(records: Iterable[FlightRecord]) -> Iterable[FlightRecord]:
    """Without the records of machines that have not been healthy yet, on no disk.

    B2 is kept when a batch is chosen. Whoever has a set grow in the middle of one, on a version that is bad, puts more
    machines out of service than were when it was chosen, and no orchestrator can take a swap back for that.
    """
    served = set()
    for record in records:
        place = (record.unique_id, record.instance_id)
        if record.kind is Kind.CREATE and record.healthy_from is None:
            served.discard(place)
        elif record.healthy_from is not None and place not in served:
            served.add(place)
            if record.kind is not Kind.CREATE:
                yield replace(record, kind=Kind.CREATE)
                continue
        if place in served:
            yield record


async def _of_set(left: Left, identity: ScaleSetIdentity) -> Iterable[str]:
    name = f"{identity.name} ({identity.unique_id[:8]})"
    found = [f"{name}: {one.kind} has not ended" for one in left.store.operations.running(identity.unique_id)]
    left.fleet.take_stock(identity)
    machines = await left.fleet.list_instances(identity)
    stored = left.store.scale_sets.by_unique_id(identity.unique_id)
    if stored is None:
        return [*found, *([f"{name} is deleted and has {len(machines)} machines"] if machines else [])]
    if stored.deleting:
        return [*found, f"{name} is still being deleted"]
    capacity = ScaleSetModel.from_arm(stored.document, stored.generation).capacity
    if len(machines) != capacity:
        found.append(f"{name} has {len(machines)} machines and not {capacity}")
    found += [f"{name}: machine {one.instance_id} has no OS disk" for one in machines if one.os_disk is None]
    latest = left.store.upgrades.latest(identity.unique_id)
    if latest is not None and not latest.status.ended:
        found.append(f"{name}: upgrade {latest.number} has not ended")
    if latest is not None and latest.status is UpgradeStatus.COMPLETED:
        upgraded = {
            one
            for one, row in left.store.upgrades.instances(identity.unique_id, latest.number).items()
            if row.outcome == "upgraded"
        }
        for one in machines:
            disk = one.os_disk
            if disk and one.instance_id in upgraded and latest.kind == "osUpgrade" and disk.image.version:
                older = disk.image.version < latest.target.version
                if older:
                    found.append(f"{name}: {one.instance_id} was upgraded to {latest.target.version} and is older")
    return found
