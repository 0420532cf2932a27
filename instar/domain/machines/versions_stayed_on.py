"""Of the versions that a set's machines are on: which are left by a rollback, and which are stayed on (R2)."""

from collections.abc import Mapping, Sequence

from instar.domain.images.images import ImageReference
from instar.domain.machines.instances import Instance, OsDisk


def stayed_on(instances: Sequence[Instance], had: Mapping[str, OsDisk]) -> tuple[ImageReference, ...]:
    """The versions that others go back to, so that whoever is on one of them stays: an upgrade that stopped is undone.

    `had`: the disk that each had before, by instance id. Only where somebody really goes back to counts, not where
    somebody could go who stays himself. Where versions lead to each other in a circle, the machines that saw an
    operation last go first.
    """
    groups = _Groups(instances, had)
    undecided = list(range(len(groups.images)))
    goes: list[int] = []
    stays: list[int] = []
    while undecided:
        free = [one for one in undecided if not any(one in groups.leads[other] for other in undecided)]
        chosen = free[0] if free else max(undecided, key=lambda one: groups.newest[one])
        undecided.remove(chosen)
        (stays if any(chosen in groups.leads[other] for other in goes) else goes).append(chosen)
    return tuple(groups.images[one] for one in stays)


class _Groups:
    """Machines by the version that they are on, as numbers; `leads`: to which of them each group's disks lead."""

    def __init__(self, instances: Sequence[Instance], had: Mapping[str, OsDisk]) -> None:
        self.images: list[ImageReference] = []
        self.newest: list[int] = []
        of = {one.instance_id: self._number(one, one.os_disk) for one in instances if one.os_disk is not None}
        self.leads: list[list[int]] = [[] for _ in self.images]
        for instance_id, group in of.items():
            if disk := had.get(instance_id):
                self.leads[group] += [number for number, image in enumerate(self.images) if image.same_as(disk.image)]

    def _number(self, instance: Instance, disk: OsDisk) -> int:
        image = disk.image
        number = next((at for at, one in enumerate(self.images) if one.same_as(image)), len(self.images))
        if number == len(self.images):
            self.images.append(image)
            self.newest.append(instance.last_operation)
        self.newest[number] = max(self.newest[number], instance.last_operation)
        return number
