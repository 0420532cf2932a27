"""The port to whatever runs the machines. A backend keeps these contracts; nothing above knows which one it talks to.

Every effect is looked at before it is done, keyed, and commits in one step (behaviour.md F2). Killed at any point and
called again with the same key it comes to the same end; called twice it is done once.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

from domain.images import ImageReference
from domain.instances import HealthObservation, Instance, OsDisk
from domain.scale_sets import HealthSource, ScaleSetIdentity


class Step(IntEnum):
    """The steps that one operation may take on an instance, in the order in which they may follow each other."""

    SWAP = 1
    RESTORE = 2


@dataclass(frozen=True, slots=True, order=True)
class Fence:
    """Who acts: a later operation, a later step of it and a later attempt at that step each shut out the earlier.

    operation: number of the rolling operation in the set's life, from 1; step: `Step`; attempt: from 1.
    """

    operation: int
    step: Step
    attempt: int


@dataclass(frozen=True, slots=True)
class Effect:
    """The key of an effect on one instance. The key holds the set's unique id (F2)."""

    scale_set: ScaleSetIdentity
    fence: Fence
    instance_id: str
    batch: int = 0
    """Which batch of the upgrade asked; only for the record."""

    @property
    def key(self) -> str:
        """The same for every attempt: `<unique id>/<operation>`."""
        return operation_key(self.scale_set, self.fence.operation)


def operation_key(scale_set: ScaleSetIdentity, operation: int) -> str:
    """What marks a disk as made, or put aside, by one operation of one set."""
    return f"{scale_set.unique_id}/{operation}"


@dataclass(frozen=True, slots=True)
class MachineModel:
    """The pinned model as a machine gets it (P4). `custom_data` is open here: never log it, never store it in clear."""

    generation: int
    data_disks: int = 0
    size: str = ""
    """`sku.name`: for backends that make machines of different sizes."""
    data_disk_gibibytes: tuple[int, ...] = ()
    """`diskSizeGB` of each data disk in the order of their luns, 0 where the model says nothing."""
    custom_data: str = field(default="", repr=False)
    extensions: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    health_source: HealthSource = HealthSource()  # noqa: RUF009  # frozen


class Provider(Protocol):
    """Machines of scale sets. All methods may raise `TryAgain`; none blocks the event loop for long."""

    async def list_instances(self, scale_set: ScaleSetIdentity) -> tuple[Instance, ...]:
        """Every instance of the set, whatever its state; () for a set that has none or is not known."""
        ...

    async def observe_health(
        self,
        scale_set: ScaleSetIdentity,
        source: HealthSource,
        instance_ids: Iterable[str] | None = None,
    ) -> tuple[HealthObservation, ...]:
        """Take a look of its own (H6): `number_of_probes` equal answers, the source's interval apart.

        Of all instances or of those named; vanished ones are left out. A probe that got no answer is an observation
        (Unhealthy or Unknown); a look that could not be made raises `Unavailable` and says nothing (H7).
        """
        ...

    async def create_instance(
        self,
        scale_set: ScaleSetIdentity,
        instance_id: str,
        image: ImageReference,
        model: MachineModel,
    ) -> None:
        """Make and start a machine; does nothing if that instance id exists or ever existed."""
        ...

    async def delete_instance(self, scale_set: ScaleSetIdentity, instance_id: str) -> None:
        """Delete a machine with all its disks; does nothing if it is gone."""
        ...

    async def next_instance_id(self, scale_set: ScaleSetIdentity) -> int:
        """One more than the highest instance id that the set ever had; 0 for a new set. Ids are never used again."""
        ...

    async def swap_os_disk(self, effect: Effect, image: ImageReference, model: MachineModel) -> OsDisk:
        """Give the instance an OS disk made from `image` (an exact version), and the model; return that disk.

        The previous disk is kept, detached, first in `previous_os_disks` (P5). A running machine is stopped and started
        again; one stopped by its owner stays stopped (P18). Returns at once if the instance's disk is `effect.key`'s.
        Raises InstanceGone, DiskNotMade, ExtensionFailed, ImageGone, NotAllowed, Superseded.
        """
        ...

    async def restore_os_disk(self, effect: Effect) -> OsDisk:
        """Give the instance back the disk that operation `effect.key` put aside; return it (P7).

        The disk that failed is kept likewise (P5). Returns at once if the instance does not have a disk made by
        `effect.key` but one that was there before. Raises InstanceGone, NothingToRestore, ExtensionFailed, Superseded.
        """
        ...

    async def discard_os_disks(self, scale_set: ScaleSetIdentity, operations: Iterable[int]) -> int:
        """Delete the kept disks that those operations put aside, never one in use; return how many (P5)."""
        ...
