"""What came of it: what a test reads of the store and the fleet."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.judgement import Judgement, judge
from instar.domain.machines.instances import Instance
from instar.domain.records.scale_set_status import ScaleSetStatus
from instar.domain.records.upgrades import UpgradeRecord
from instar.domain.sets.scale_sets import ScaleSetIdentity
from instar.store.store import Store


@dataclass
class Seen:
    """A scale set, read where it is written down."""

    fleet: SimulatedFleet
    store: Store
    scale_set: ScaleSetIdentity = field(init=False)

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
