"""A fleet on a file of its own, a clock that the test moves, and short words for effects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from instar.compute.provider import Effect, Fence, MachineExtension, MachineModel, Made, Step
from instar.compute.simulated.fleet import SimulatedFleet
from instar.compute.simulated.flight.judgement import Judgement, judge
from instar.compute.simulated.pace import NoPace
from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import HealthObservation, Instance, OsDisk
from instar.domain.machines.placement import placements
from instar.domain.sets.scale_sets import ScaleSetIdentity

SET = ScaleSetIdentity(resource_id="/subscriptions/s/web", name="web", unique_id="u-1", location="here")
OLD = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS", version="18.04.1")
NEW = OLD.at("18.04.2")
MODEL = MachineModel(
    generation=1,
    data_disks=2,
    custom_data="first",
    extensions=(MachineExtension("setup"), MachineExtension("app")),
)
NEXT_MODEL = MachineModel(
    generation=2,
    data_disks=2,
    custom_data="second",
    extensions=(MachineExtension("setup"), MachineExtension("app")),
)
ON_OLD = Made(OLD, MODEL.generation)
"""What the disk was made from that a machine had before its swap."""
BOOT = timedelta(seconds=30)
BINARY = HealthSource(kind="applicationHealth", interval=timedelta(seconds=5), number_of_probes=3)
RICH = BINARY.model_copy(update={"rich": True, "grace_period": timedelta(minutes=10)})
SETTLE = timedelta(seconds=10)
"""Three equal answers, five seconds apart."""


async def models(generation: int) -> MachineModel:
    """Opens what machines are made of here."""
    return {one.generation: one for one in (MODEL, NEXT_MODEL)}[generation]


@dataclass
class ManualClock:
    now: datetime = datetime(2024, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, duration: timedelta) -> None:
        self.now += duration


@dataclass
class Scene:
    fleet: SimulatedFleet
    clock: ManualClock
    path: Path
    others: list[SimulatedFleet] = field(default_factory=list)

    async def make(self, size: int, scale_set: ScaleSetIdentity = SET) -> None:
        """Machines 0..size-1 on OLD, healthy since long."""
        for number in range(size):
            await self.fleet.create_instance(scale_set, str(number), OLD, MODEL)
        self.clock.move(timedelta(hours=1))

    async def make_in_zones(self, size: int, zones: tuple[str, ...] = ("1", "2", "3")) -> None:
        """The same, one after the other round the zones: 0 in zone 1, 1 in zone 2, …"""
        for number, place in enumerate(placements((), zones, size)):
            await self.fleet.create_instance(SET, str(number), OLD, MODEL, place)
        self.clock.move(timedelta(hours=1))

    def another(self) -> SimulatedFleet:
        """A second process's fleet on the same file."""
        self.others.append(SimulatedFleet(self.path, clock=self.clock, pace=NoPace()))
        return self.others[-1]

    async def instance(self, instance_id: str = "0") -> Instance:
        return {one.instance_id: one for one in await self.fleet.list_instances(SET)}[instance_id]

    async def disk(self, instance_id: str = "0") -> OsDisk:
        disk = (await self.instance(instance_id)).os_disk
        assert disk is not None
        return disk

    async def health(self, source: HealthSource = BINARY, instance_id: str = "0") -> HealthObservation:
        [observation] = await self.fleet.observe_health(SET, source, [instance_id])
        return observation

    async def swap(self, instance_id: str = "0", image: ImageReference = NEW, **who: int) -> OsDisk:
        return await self.fleet.swap_os_disk(swap(instance_id, **who), image, NEXT_MODEL)

    async def restore(self, instance_id: str = "0", **who: int) -> OsDisk:
        return await self.fleet.restore_os_disk(restore(instance_id, **who), models)

    async def give_back(self, instance_id: str = "0", kept: Made = ON_OLD, **who: int) -> OsDisk:
        return await self.fleet.give_back_os_disk(give_back(instance_id, **who), kept, models)


def swap(instance_id: str = "0", *, operation: int = 1, attempt: int = 1, batch: int = 1) -> Effect:
    return Effect(SET, Fence(operation, Step.SWAP, attempt), instance_id, batch)


def restore(instance_id: str = "0", *, operation: int = 1, attempt: int = 1, batch: int = 1) -> Effect:
    return Effect(SET, Fence(operation, Step.RESTORE, attempt), instance_id, batch)


def give_back(instance_id: str = "0", *, operation: int = 2, attempt: int = 1, batch: int = 1) -> Effect:
    return Effect(SET, Fence(operation, Step.GIVE_BACK, attempt), instance_id, batch)


def rules_broken(judgement: Judgement) -> list[str]:
    return sorted({one.rule for one in judgement.violations})


def verdict(scene: Scene, percent: int = 20) -> Judgement:
    scene.fleet.take_stock(SET)
    return judge(scene.fleet.recorder.records(), max_batch_percent=percent)


async def swap_batch(scene: Scene, ids: Iterable[int], batch: int, operation: int = 1) -> None:
    for number in ids:
        await scene.swap(str(number), batch=batch, operation=operation)
