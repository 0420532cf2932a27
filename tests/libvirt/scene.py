"""One hypervisor of libvirt's mock driver, two image versions in its pool, and a scale set."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import libvirt

from instar.compute.libvirt import disks, machines
from instar.compute.libvirt.fleet import LibvirtFleet
from instar.compute.libvirt.gates import Gates
from instar.compute.libvirt.guests import record
from instar.compute.libvirt.guests.record import MachineRecord
from instar.compute.libvirt.settings import LibvirtSettings, VirtType
from instar.compute.libvirt.sizes import Size
from instar.compute.libvirt.storage import images, volumes
from instar.compute.provider import Effect, Fence, MachineExtension, MachineModel, Made, Step
from instar.domain.images.images import ImageReference
from instar.domain.sets.scale_sets import ScaleSetIdentity

LINE = ImageReference(publisher="Canonical", offer="UbuntuServer", sku="18.04-LTS")
OLD, NEW = LINE.at("18.04.1"), LINE.at("18.04.2")
HEALTH = MachineExtension(name="health", publisher="Microsoft.ManagedServices", type="ApplicationHealthLinux")
SCRIPT = MachineExtension(name="script", publisher="Contoso", type="Script", version="1.2")
MODEL = MachineModel(generation=1, data_disks=2, size="Tiny", extensions=(HEALTH,))
ON_OLD = Made(OLD, MODEL.generation)
NEWER = MachineModel(generation=2, data_disks=2, size="Tiny", extensions=(HEALTH,))

WORLD = """<node><network><name>default</name><forward mode='nat'/><bridge name='virbr0'/>
<ip address='192.168.122.1' netmask='255.255.255.0'><dhcp><range start='192.168.122.2' end='192.168.122.4'/></dhcp></ip>
</network></node>"""
"""A file of its own makes a world of its own; `test:///default` is one for the whole process."""

POOL = "<pool type='dir'><name>instar</name><target><path>/instar</path></target></pool>"
SETTINGS = LibvirtSettings(
    uri="test:///default",
    pool="instar",
    virt_type=VirtType.TEST,
    sizes={"Tiny": Size(memory_mib=64)},
    stop_seconds=0.5,
)


class Scene:
    """What a test reads and changes. Each is a world of its own."""

    def __init__(self, folder: Path, settings: LibvirtSettings = SETTINGS) -> None:
        world = folder / "world.xml"
        world.write_text(WORLD)
        self.connection: Any = libvirt.open(f"test://{world}")
        self.pool: Any = self.connection.storagePoolDefineXML(POOL)
        self.pool.create()
        self.fleet = LibvirtFleet(settings, Gates(folder / "gates"), opened=self.connection)
        self.host = self.fleet._host
        self.scale_set = identity()
        for version in (OLD, NEW):
            self.publish(version)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.fleet.close()

    def publish(self, image: ImageReference, *, complete: bool = True) -> None:
        name = images.image_volume(image)
        volumes._made(self.pool, volumes._described(name, 1 << 20, "qcow2", "0444"), name)
        if complete:
            volumes.make_marker(self.pool, images.marker_volume(name, "0" * 64))

    async def has(self, count: int, model: MachineModel = MODEL) -> None:
        for number in range(count):
            await self.fleet.create_instance(self.scale_set, str(number), OLD, model)

    def domain(self, instance_id: str = "0") -> Any:
        return machines.find(self.connection, self.scale_set, instance_id)[0]

    def record(self, instance_id: str = "0") -> MachineRecord:
        return machines.find(self.connection, self.scale_set, instance_id)[1]

    def xml(self, instance_id: str = "0") -> str:
        return str(self.domain(instance_id).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    def volumes(self) -> set[str]:
        """All but images and markers."""
        return {name for name in self.pool.listVolumes() if not name.startswith(("img.", "deleted."))}

    def effect(
        self, operation: int = 1, attempt: int = 1, instance_id: str = "0", step: Step = Step.SWAP, drawn: str = ""
    ) -> Effect:
        return Effect(self.scale_set, Fence(operation, step, attempt), instance_id, drawn=drawn)

    def restore(self, operation: int = 1, attempt: int = 1, instance_id: str = "0") -> Effect:
        return self.effect(operation, attempt, instance_id, Step.RESTORE)

    def give_back(self, operation: int = 2, attempt: int = 1, instance_id: str = "0") -> Effect:
        return self.effect(operation, attempt, instance_id, Step.GIVE_BACK)

    def os_volume(self, operation: int | str, instance_id: str = "0") -> str:
        return record.os_volume(
            record.machine_name(self.scale_set.name, self.scale_set.unique_id, instance_id), str(operation)
        )

    def swap_steps(self, effect: Effect) -> list[Callable[[], object]]:
        """The steps of a swap before its last: a process may be killed after any of them."""
        return [
            lambda: disks.prepare_swap(self.connection, self.host, effect, NEW, NEWER),
            lambda: disks.ask_to_stop(self.connection, self.host, effect),
            lambda: disks.commit_swap(self.connection, self.host, effect, NEW, NEWER),
            lambda: disks.start_again(self.connection, self.host, effect),
        ]

    def restore_steps(self, effect: Effect) -> list[Callable[[], object]]:
        return [
            lambda: disks.prepare_restore(self.connection, self.host, effect),
            lambda: disks.ask_to_stop(self.connection, self.host, effect),
            lambda: disks.commit_restore(self.connection, self.host, effect, MODEL),
            lambda: disks.start_again(self.connection, self.host, effect),
        ]

    def give_back_steps(self, effect: Effect) -> list[Callable[[], object]]:
        return [
            lambda: disks.prepare_restore(self.connection, self.host, effect, ON_OLD),
            lambda: disks.ask_to_stop(self.connection, self.host, effect, ON_OLD),
            lambda: disks.commit_restore(self.connection, self.host, effect, MODEL, ON_OLD),
            lambda: disks.start_again(self.connection, self.host, effect),
        ]


async def models(generation: int) -> MachineModel:
    """The models of a set by generation."""
    return {one.generation: one for one in (MODEL, NEWER)}[generation]


def identity(name: str = "web") -> ScaleSetIdentity:
    return ScaleSetIdentity(
        resource_id=f"/scale-sets/{name}", name=name, unique_id=str(uuid.uuid4()), location="westeurope"
    )
