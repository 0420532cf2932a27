"""What is taken over from machines into records that are older than they are (docs/rules.md F7).

Nothing of a machine is changed by it, and none is deleted for it: the records learn how far the machines have come, and
the model asks for as many as there are.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import Field

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance
from instar.domain.message import Message
from instar.domain.messages.reconciliation import OperationOfDisks
from instar.domain.records.operation_keys import number_and_drawn
from instar.domain.records.records_age import Known, records_behind, unknown_id, unknown_model, unknown_operation

Fact = TypeVar("Fact", int, str)


class Adoption(Message):
    """What the records will say, and of which machines they did not know it."""

    reason: str = ""
    """Why the records are older than the machines; "": they are not, and only what follows from `capacity` is new."""
    instances: InstanceIds
    unknown_instances: InstanceIds = InstanceIds()
    """Those that the records never asked for."""
    versions: dict[str, InstanceIds] = Field(default_factory=dict)
    """Which machines run which image version."""
    unknown_operations: dict[int, InstanceIds] = Field(default_factory=dict)
    """Which machines saw which operation last, where the records do not know it."""
    unknown_models: dict[int, InstanceIds] = Field(default_factory=dict)
    """Which machines are of which model generation, where it is not stored."""
    found_generation: int
    """The newest stored generation when the fleet was looked at."""
    generation: int
    """The newest one afterwards; the same where the model need not change."""
    found_capacity: int
    capacity: int
    """Never less than there are machines."""
    last_number: int
    """Operations are numbered from above it."""
    ids_up_to: int
    """Ids of new machines are above it."""
    collect: tuple[OperationOfDisks, ...] = ()
    """Operations whose kept disks are collected when their time is over (P5)."""

    @property
    def changes(self) -> bool:
        """Whether the records learn anything."""
        return bool(self.reason) or self.generation != self.found_generation


def adoption(known: Known, capacity: int, instances: Iterable[Instance], name: str) -> Adoption:
    """What to take over. `capacity`: that of the stored model; `name`: the set's.

    A model that only machines know is not known here either: theirs counts as an old one, so the next upgrade, or
    `manualupgrade`, brings them to the stored model.
    """
    there = tuple(instances)
    newest_model = max((one.generation for one in there), default=0)
    grown = len(there) > capacity
    changed = grown or newest_model > known.generation
    numbers = [known.last_number, known.adopted, *(one.last_operation for one in there)]
    aside = {disk.replaced_by for instance in there for disk in instance.previous_os_disks if disk.replaced_by}
    kept = sorted(number_and_drawn(one) for one in sorted(aside))
    numbers += [number for number, _ in kept]
    return Adoption(
        reason=records_behind(known, there, name),
        instances=_ids(there),
        unknown_instances=_ids(one for one in there if unknown_id(known, one)),
        versions=_by(there, _version),
        unknown_operations=_by((one for one in there if unknown_operation(known, one)), lambda one: one.last_operation),
        unknown_models=_by((one for one in there if unknown_model(known, one)), lambda one: one.generation),
        found_generation=known.generation,
        generation=max(known.generation, newest_model) + 1 if changed else known.generation,
        found_capacity=capacity,
        capacity=max(capacity, len(there)),
        last_number=max(numbers),
        ids_up_to=max(
            (-1 if known.ids_up_to is None else known.ids_up_to, *(int(instance.instance_id) for instance in there))
        ),
        collect=tuple(OperationOfDisks(number=number, key=key) for number, key in kept),
    )


def _version(instance: Instance) -> str:
    return instance.os_disk.image.version if instance.os_disk else "no OS disk"


def _ids(instances: Iterable[Instance]) -> InstanceIds:
    return InstanceIds.of(instance.instance_id for instance in instances)


def _by(instances: Iterable[Instance], fact: Callable[[Instance], Fact]) -> dict[Fact, InstanceIds]:
    """Instances by what is so of them, in the order of that."""
    found: dict[Fact, list[Instance]] = {}
    for instance in instances:
        found.setdefault(fact(instance), []).append(instance)
    return {key: _ids(found[key]) for key in sorted(found)}
