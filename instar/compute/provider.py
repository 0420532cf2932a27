"""The port to whatever runs the machines. A backend keeps these contracts; nothing above knows which one it talks to.

Every effect is looked at before it is done, keyed, and commits in one step (docs/rules.md F2). Killed at any point and
called again with the same key it comes to the same end; called twice it is done once.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import Any, Protocol

from instar.domain.health.sources import HealthSource
from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import HealthObservation, Instance, OsDisk, PowerAction
from instar.domain.machines.placement import Placement
from instar.domain.records.operation_keys import operation_key, operation_tag
from instar.domain.sets.extensions import DEFAULT_BUDGET
from instar.domain.sets.scale_sets import ScaleSetIdentity


class Step(IntEnum):
    """The steps that one operation may take on an instance, in the order in which they may follow each other."""

    SWAP = 1
    END_SWAP = 2
    """After a cancel: a swap that was begun comes to its end, none is begun (P14)."""
    RESTORE = 3
    END_RESTORE = 4
    """The same for a restore."""
    APPLY = 5
    """The model alone: nothing follows it, since there is no disk to give back."""
    POWER = 6
    """A start, stop or restart: nothing follows it."""
    END_APPLY = 7
    """After a cancel, for the model alone."""
    GIVE_BACK = 8
    """A disk that is kept, whichever operation put it aside (R2): nothing follows it."""
    END_GIVE_BACK = 9
    """After a cancel, for that."""

    @property
    def begins(self) -> bool:
        """Whether the step may begin what was not begun before."""
        return self not in (Step.END_SWAP, Step.END_RESTORE, Step.END_APPLY, Step.END_GIVE_BACK)


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
    drawn: str = ""
    """Drawn when the operation began, so that its key is unique for ever (F7); "": it began under release 0.1."""

    @property
    def key(self) -> str:
        """The same for every attempt, and for no other operation: see `operation_key`."""
        return operation_key(self.scale_set.unique_id, self.fence.operation, self.drawn)

    @property
    def tag(self) -> str:
        """The part of the names of disks that tells its operation: see `operation_tag`."""
        return operation_tag(self.key)


@dataclass(frozen=True, slots=True)
class Made:
    """What an operation makes OS disks from: with the key it says whether a disk is the operation's own (F7)."""

    image: ImageReference
    generation: int

    def is_of(self, image: ImageReference, generation: int) -> bool:
        """Whether a disk of that image and generation may be one of these."""
        return self.generation == generation and self.image.same_as(image)


@dataclass(frozen=True, slots=True)
class MachineExtension:
    """An extension as a machine gets it. Its settings are open here: never log them, never store them in clear (F5)."""

    name: str
    publisher: str = ""
    type: str = ""
    version: str = ""
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    protected_settings: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def kind(self) -> str:
        """`<publisher>.<type>`."""
        return f"{self.publisher}.{self.type}"


@dataclass(frozen=True, slots=True)
class MachineModel:
    """A model as a machine gets it (P4). `custom_data` is open here: never log it, never store it in clear."""

    generation: int
    data_disks: int = 0
    size: str = ""
    """`sku.name`: for backends that make machines of different sizes."""
    data_disk_gibibytes: tuple[int, ...] = ()
    """`diskSizeGB` of each data disk in the order of their luns, 0 where the model says nothing."""
    custom_data: str = field(default="", repr=False)
    extensions: tuple[MachineExtension, ...] = ()
    """In the order in which they run."""
    extensions_time_budget: timedelta = DEFAULT_BUDGET
    """For all of them together."""
    health_source: HealthSource = HealthSource()  # noqa: RUF009  # frozen


Models = Callable[[int], Awaitable[MachineModel]]
"""Opens the model of a generation."""


class Provider(Protocol):
    """Machines of scale sets. All methods may raise `TryAgain`; none blocks the event loop for long.

    Custom data and extensions. Whenever a machine was created or moved to another OS disk, and runs, custom data runs
    on that disk, then the extensions, one after the other, in the order of `MachineModel.extensions`; on a machine that
    its owner stopped, when it is next started. Each ends once per disk moved to, however often a call is made again.
    One that fails, or has not ended when `extensions_time_budget` is over ("exceeded extensionsTimeBudget"), stops
    those after it. That is no error of a call but a state of the machine: the call ends well, and `Instance.extensions`
    says how each ended, for this disk, until they run again. A compute that cannot run an extension reports it as
    failed with an error that says so; Application Health needs nothing run where health is probed from outside, and is
    reported as succeeded. `Instance.provisioned` is False until all that is to run has ended.
    """

    async def list_instances(
        self, scale_set: ScaleSetIdentity, instance_ids: Iterable[str] | None = None
    ) -> tuple[Instance, ...]:
        """Every instance of the set, whatever its state; () for a set that has none or is not known.

        Or of those named only; one that is not there is left out.
        """
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
        placement: Placement = Placement(),  # noqa: B008  # frozen
    ) -> None:
        """Make and start a machine in that zone and update domain; does nothing if that id exists or ever existed.

        What runs on it (see above) may still run when this returns.
        """
        ...

    async def delete_instance(self, scale_set: ScaleSetIdentity, instance_id: str) -> None:
        """Delete a machine with all its disks; does nothing if it is gone.

        Afterwards no creation of that id makes a machine, however late it comes, also where there never was one.
        """
        ...

    async def next_instance_id(self, scale_set: ScaleSetIdentity) -> int:
        """One more than the highest instance id that the set ever had; 0 for a new set. Ids are never used again."""
        ...

    async def swap_os_disk(self, effect: Effect, image: ImageReference, model: MachineModel) -> OsDisk:
        """Give the instance an OS disk made from `image` (an exact version), and the model; return that disk.

        The previous disk is kept, detached, first in `previous_os_disks` (P5). A running machine is stopped and started
        again, and the call ends when custom data and extensions have; one stopped by its owner stays stopped (P18).
        If the instance's disk is `effect.key`'s already, of that image and that generation (both: F7), only what has
        not run yet is run.
        With `Step.END_SWAP` a swap of which nothing was begun raises NotBegun, and an attempt that is overtaken thereby
        begins none; to find that out must not be subject to limits on swaps.
        Raises InstanceGone, DiskNotMade, ImageGone, NotAllowed, NotBegun, Superseded.
        """
        ...

    async def restore_os_disk(self, effect: Effect, models: Models, made: Made | None = None) -> OsDisk:
        """Give the instance back the disk that operation `effect.key` put aside; return it (P7).

        `made`: what the operation made its disk from; a disk of anything else is none of its own, whatever its key is.
        With it the instance goes back to the generation that the disk had, and that generation's custom data and
        extensions run again: `models` opens it. The disk that failed is kept likewise (P5). If the instance does not
        have a disk made by `effect.key` but one that was there before, only what has not run yet is run.
        With `Step.END_RESTORE` one of which nothing was begun raises NotBegun, as for a swap.
        Raises InstanceGone, NothingToRestore, NotBegun, Superseded.
        """
        ...

    async def give_back_os_disk(self, effect: Effect, kept: Made, models: Models) -> OsDisk:
        """Give the instance a disk that is kept for it, whichever operation put it aside; return it (R2).

        `kept`: what that disk was made from; of several the one that was put aside last. With it the instance goes back
        to the generation that the disk had, and what runs on it runs again, as for a restore. The disk that it leaves
        is kept, put aside by `effect.key` (R3). If the instance is on a disk of that image and that generation, only
        what has not run yet is run: nothing else is ever to be done. One that was stopped for it and has no such disk
        any more is started again on the disk that it has.
        With `Step.END_GIVE_BACK` one of which nothing was begun raises NotBegun, as for a swap.
        Raises InstanceGone, NothingToRestore, NotBegun, Superseded.
        """
        ...

    async def discard_os_disks(
        self, scale_set: ScaleSetIdentity, operations: Iterable[int] = (), keys: Iterable[str] = ()
    ) -> int:
        """Delete the kept disks that those operations put aside, never one in use; return how many (P5).

        `operations` are numbers, for what release 0.1 put aside; `keys` are those of `operation_key`.
        """
        ...

    async def apply_model(self, effect: Effect, model: MachineModel) -> None:
        """Give the instance the model; it keeps its OS disk (docs/rules.md K4).

        Custom data is there for its next boot on a new disk, the extensions run again. A running machine is out of
        service meanwhile; one stopped by its owner stays stopped. Returns at once if the instance is on
        `model.generation` already. Raises InstanceGone, NotAllowed, Superseded; NotBegun at a step that begins nothing.
        """
        ...

    async def set_power(self, effect: Effect, action: PowerAction) -> None:
        """Do what its owner wants (P18): afterwards it runs, or is stopped by its owner; once per `effect.key`.

        The key alone says that it is done: what its owner did to the machine since is not to be undone.

        A restart of a stopped machine leaves it stopped. Raises InstanceGone, NotAllowed, Superseded.
        """
        ...

    async def protect(
        self, scale_set: ScaleSetIdentity, instance_id: str, *, from_actions: bool, from_scale_in: bool
    ) -> None:
        """Set what the instance is protected from (docs/rules.md B6), whatever is done to it just now.

        Raises InstanceGone.
        """
        ...
