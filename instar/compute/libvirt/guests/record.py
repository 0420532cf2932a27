"""What Instar writes into a domain: one metadata element of its persistent configuration, read and written whole.

The element changes together with the pointer to the OS disk, in one `defineXML`; between commits it is set by itself.
"""

from datetime import datetime
from typing import Any
from xml.etree import ElementTree as ET

import libvirt
from pydantic import BaseModel, ConfigDict, ValidationError

from instar.compute.fences import Seen
from instar.compute.provider import Effect, MachineModel, Made, Step
from instar.domain.health.sources import HEALTH_PUBLISHER, HEALTH_TYPES
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import DataDisk, ExtensionStatus, OsDisk
from instar.domain.sets.scale_sets import ScaleSetIdentity

NAMESPACE = "urn:instar:machine:1"
PREFIX = "instar"

CREATION = "creation"
"""What `out_for` says of a machine that was never started: it does not count as made yet."""

ADOPTION = "adoption"
"""What it says of a machine that was there before us and that its set has not asked for yet: it does not count."""


class DiskRecord(BaseModel):
    """An OS disk: a volume of our pool, or (of an adopted machine) a file somewhere else."""

    model_config = ConfigDict(frozen=True)

    name: str
    """The volume's name; for a file outside the pool its path."""
    image: ImageReference
    made_by: str = ""
    generation: int = 0
    seed: str = ""
    """The volume with the custom data that goes with this disk."""
    format: str = "qcow2"
    replaced_by: str = ""
    """The operation that put it aside; "" of the one in use."""

    @property
    def is_file(self) -> bool:
        """Whether it lies outside the pool."""
        return self.name.startswith("/")

    def is_of(self, effect: Effect, made: Made | None) -> bool:
        """Whether that operation made it, from that (None: from whatever); the key alone does not say it (F7)."""
        return self.made_by == effect.key and (made is None or made.is_of(self.image, self.generation))

    def is_made(self, made: Made | None) -> bool:
        """Whether it was made from that, whoever made it."""
        return made is not None and made.is_of(self.image, self.generation)

    @property
    def os_disk(self) -> OsDisk:
        """As the port has it."""
        return OsDisk(self.name, self.image, self.made_by, self.replaced_by, self.generation)


class DataDiskRecord(BaseModel):
    """A data disk."""

    model_config = ConfigDict(frozen=True)

    lun: int
    name: str
    marker: str

    @property
    def data_disk(self) -> DataDisk:
        """As the port has it."""
        return DataDisk(self.lun, self.name, self.marker)


class ExtensionRecord(BaseModel):
    """How an extension ended on the present OS disk."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    version: str = ""
    error: str = ""

    @property
    def status(self) -> ExtensionStatus:
        """As the port has it."""
        return ExtensionStatus(self.name, self.error, self.kind, self.version)


class MachineRecord(BaseModel):
    """One machine of a scale set."""

    model_config = ConfigDict(frozen=True)

    unique_id: str
    set_name: str
    instance_id: str
    generation: int
    created_at: datetime
    os_disk: DiskRecord
    os_target: str = "vda"
    """Which of the domain's disks is the OS disk, by its target."""
    kept: tuple[DiskRecord, ...] = ()
    """Previous OS disks, the one put aside last first (P5)."""
    data_disks: tuple[DataDiskRecord, ...] = ()
    fence: tuple[int, int, int] = (0, 0, 0)
    """The newest attempt seen: operation, step, attempt (F2)."""
    fence_keys: tuple[str, ...] = ("",)
    """What was drawn for the operations that had this number, the newest last (F7)."""
    out_for: str = ""
    """What stopped it (`mark`) and has yet to see it running again; "": a stop is its owner's doing (P18)."""
    power_done: str = ""
    """The newest of its owner's wishes that was fulfilled: each once (P18)."""
    extensions: tuple[ExtensionRecord, ...] = ()
    protected: bool = False
    protected_from_scale_in: bool = False
    zone: str = ""
    update_domain: int = 0
    started_at: datetime | None = None
    """When we last started it: from then on its grace period counts (H5)."""
    trouble: str = ""
    """Why it could not be started."""
    deleting: bool = False
    adopted: bool = False
    host_port: int = 0
    guest_port: int = 0
    """With user networking: the port of the loopback that leads to that port of the guest."""

    @property
    def prefix(self) -> str:
        """How the names of its volumes begin."""
        return machine_name(self.set_name, self.unique_id, self.instance_id)

    @property
    def seen(self) -> Seen:
        """The newest attempt seen."""
        return Seen(*self.fence, keys=self.fence_keys)

    @property
    def is_reserved(self) -> bool:
        """Adopted, and not yet asked for by its set."""
        return self.out_for == ADOPTION

    def belongs_to(self, scale_set: ScaleSetIdentity) -> bool:
        """Whether it is one of that set."""
        return self.unique_id == scale_set.unique_id

    def changed(self, **facts: Any) -> "MachineRecord":
        """The same with other facts."""
        return self.model_copy(update=facts)


def machine_name(set_name: str, unique_id: str, instance_id: str) -> str:
    """A domain's name, and how the names of its volumes begin.

    >>> machine_name("web", "0b6c", "7")
    'web_0b6c_7'
    """
    return f"{set_name}_{unique_id}_{instance_id}"


def os_volume(prefix: str, tag: str) -> str:
    """The OS disk that an operation makes, by its tag ("0": creation). A name is never used for another disk.

    >>> os_volume("web_0b6c_7", "3_71f0c2a9")
    'web_0b6c_7.os.3_71f0c2a9.qcow2'
    """
    return f"{prefix}.os.{tag}.qcow2"


def seed_volume(prefix: str, tag: str) -> str:
    """The custom data that goes with it."""
    return f"{prefix}.seed.{tag}.iso"


def free_tag(machine: MachineRecord, effect: Effect) -> str:
    """The effect's tag, or one that no disk of the machine has: a number of release 0.1 may be given again (F7)."""
    taken = {machine.os_disk.name, *(kept_disk.name for kept_disk in machine.kept)}
    tags = (effect.tag, *(f"{effect.tag}_{number}" for number in range(2, len(taken) + 3)))
    return next(tag for tag in tags if os_volume(machine.prefix, tag) not in taken)


def data_volume(prefix: str, lun: int) -> str:
    """A data disk."""
    return f"{prefix}.data.{lun}.qcow2"


def mark(effect: Effect) -> str:
    """What `out_for` says of a machine that an effect stopped: the operation, and whether it was for a restore."""
    return f"{effect.key}/{'restore' if of_restore(effect) else effect.fence.step.name.lower().removeprefix('end_')}"


def of_restore(effect: Effect) -> bool:
    """Whether it gives the previous disk back."""
    return effect.fence.step in (Step.RESTORE, Step.END_RESTORE)


def gives_back(effect: Effect) -> bool:
    """Whether it gives a kept disk back, whichever operation put it aside (R2)."""
    return effect.fence.step in (Step.GIVE_BACK, Step.END_GIVE_BACK)


def ended(model: MachineModel) -> tuple[ExtensionRecord, ...]:
    """How the extensions of a model end here: health is asked from outside, and nothing else can be run.

    One that failed stops those after it.
    """
    found = []
    for extension in model.extensions:
        kind = extension.kind.lower()
        can_be = any(kind == f"{HEALTH_PUBLISHER}.{name}" for name in HEALTH_TYPES)
        error = "" if can_be else f"libvirt machines run no extensions: {extension.kind} was not run"
        found.append(ExtensionRecord(name=extension.name, kind=extension.kind, version=extension.version, error=error))
        if error:
            break
    return tuple(found)


def read(domain: Any) -> MachineRecord | None:
    """What is written in a domain; None if it is none of ours. Raises libvirtError."""
    try:
        text = domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    except libvirt.libvirtError as error:
        # A transient domain has no persistent configuration, and is none of ours.
        if error.get_error_code() in (libvirt.VIR_ERR_NO_DOMAIN_METADATA, libvirt.VIR_ERR_OPERATION_INVALID):
            return None
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None  # it went between the list and the look
        raise
    try:
        return MachineRecord.model_validate_json(ET.fromstring(text).text or "")  # noqa: S314  # libvirt's own XML
    except (ValidationError, ET.ParseError):
        return None


def write(domain: Any, record: MachineRecord) -> None:
    """Write it into the persistent configuration. Raises libvirtError."""
    element = ET.Element("machine")
    element.text = record.model_dump_json(exclude_defaults=True)
    domain.setMetadata(
        libvirt.VIR_DOMAIN_METADATA_ELEMENT,
        ET.tostring(element, encoding="unicode"),
        PREFIX,
        NAMESPACE,
        libvirt.VIR_DOMAIN_AFFECT_CONFIG,
    )


def remove(domain: Any) -> None:
    """Take it out again. Raises libvirtError."""
    domain.setMetadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, None, PREFIX, NAMESPACE, libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def put_into(domain: ET.Element, record: MachineRecord) -> None:
    """Write it into a domain's XML."""
    metadata = domain.find("metadata")
    if metadata is None:
        metadata = ET.SubElement(domain, "metadata")
    tag = f"{{{NAMESPACE}}}machine"
    for old in metadata.findall(tag):
        metadata.remove(old)
    ET.SubElement(metadata, tag).text = record.model_dump_json(exclude_defaults=True)


ET.register_namespace(PREFIX, NAMESPACE)
