"""Making a set as large as its model says: what is to be made and deleted, and the slices in which it is done."""

from instar.domain.images.images import ImageReference
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.placement import Placement
from instar.domain.message import Message
from instar.domain.records.quarantine import Quarantine
from instar.domain.sets.scale_sets import ScaleSetIdentity


class PlanCapacity(Message):
    """Compare the set with its model generation; new machines get no version of the quarantine (T5).

    `reserved` are ids that were asked for before: machines of these ids may still come to be. `being_deleted` are
    machines whose deletion was begun and interrupted: the capacity went down with them, and they go by that.
    """

    scale_set: ScaleSetIdentity
    generation: int
    quarantine: Quarantine = Quarantine()
    reserved: InstanceIds = InstanceIds()
    being_deleted: InstanceIds = InstanceIds()


class PlacedInstances(Message):
    """Instances to be made in one zone and update domain."""

    zone: str
    update_domain: int
    ids: InstanceIds

    @property
    def placement(self) -> Placement:
        """Where."""
        return Placement(self.zone, self.update_domain)


class CapacityPlan(Message):
    """What makes the set as large as its model says: these ids and no others, however often it is tried (F2).

    `delete` holds machines that are too many, and reserved ids that are not wanted any more: machines that may still
    come to be are kept from it. `error` says why it will not be as large (nothing is published, or all are protected).
    """

    create: InstanceIds = InstanceIds()
    places: tuple[PlacedInstances, ...] = ()
    image: ImageReference = ImageReference()
    """An exact version."""
    machine_generation: int = 0
    delete: InstanceIds = InstanceIds()
    error: str = ""
    outdated: tuple[int, ...] = ()
    """Model generations whose quarantine is over, since the machines are made from another model now (T5)."""

    def places_of(self, ids: InstanceIds) -> tuple[PlacedInstances, ...]:
        """Where these of them go."""
        parts = (place.model_copy(update={"ids": place.ids & ids}) for place in self.places)
        return tuple(part for part in parts if part.ids)

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.create or self.delete)


class MakeSlice(Message):
    """Make each of these instances."""

    scale_set: ScaleSetIdentity
    image: ImageReference
    machine_generation: int
    places: tuple[PlacedInstances, ...]
    ids: InstanceIds


class DeleteSlice(Message):
    """Delete each of these instances."""

    scale_set: ScaleSetIdentity
    ids: InstanceIds


class ApplyCapacity(Message):
    """As a set of release 0.1 asks: plan and carry out in one go."""

    scale_set: ScaleSetIdentity
    generation: int
    quarantine: Quarantine = Quarantine()


class CapacityApplied(Message):
    """What was made and deleted, or why not."""

    created: int = 0
    deleted: int = 0
    error: str = ""
    outdated: tuple[int, ...] = ()
    """As in `CapacityPlan`."""
