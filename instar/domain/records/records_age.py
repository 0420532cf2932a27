"""Whether the records of a set are older than its machines (docs/rules.md F7): decided from both, a sentence or "".

What is asked of machines is written down before it is done: the number and key of an operation with its first record,
the ids of new machines before they are asked for, a model before machines get it. So machines that have seen something
that no record knows tell that the records were put back from a backup; nothing else does, a kill at any moment neither.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Instance

RECORDS_BEHIND = "RecordsBehind"
"""The type of the error with which activities refuse; its message is the sentence."""

IDS_TOLD = 100
"""Letters of instance ids in the sentence."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the records know of a set's machines."""

    generation: int
    """The newest stored generation of the model."""
    last_number: int
    """The newest number that an operation took, 0 before the first."""
    keys: Mapping[int, str] = field(default_factory=dict)
    """What was drawn for operations, by number; "" where the record does not say it (release 0.1)."""
    adopted: int = 0
    """Operations up to this number are known, whatever their keys: they were taken from the machines."""
    ids_up_to: int | None = None
    """The highest instance id that was ever asked for, -1 for none; None: nobody has kept count (release 0.1)."""


def unknown_operation(known: Known, instance: Instance) -> bool:
    """Whether the newest operation that the machine has seen is none that the records know.

    A machine that remembers no key, or a record without one, is judged by the number alone.
    """
    number = instance.last_operation
    if number <= known.adopted:
        return False
    if number > known.last_number:
        return True
    recorded = known.keys.get(number, "")
    return bool(recorded and instance.last_key and recorded != instance.last_key)


def unknown_id(known: Known, instance: Instance) -> bool:
    """Whether the records have never asked for a machine of that id."""
    return known.ids_up_to is not None and int(instance.instance_id) > known.ids_up_to


def unknown_model(known: Known, instance: Instance) -> bool:
    """Whether the machine is of a model that is not stored."""
    return instance.generation > known.generation


def records_behind(known: Known, instances: Iterable[Instance], name: str) -> str:
    """Why the records of the set of that name are older than its machines; "" if they are not.

    >>> from instar.domain.machines.instances import Instance
    >>> machine = Instance("0", "vm", None, generation=1, last_operation=2)
    >>> records_behind(Known(generation=1, last_number=2), [machine], "web")
    ''
    >>> records_behind(Known(generation=1, last_number=1), [machine], "web").partition(":")[0]
    'the records of this scale set are older than its machines'
    """
    there = tuple(instances)
    moved = [instance for instance in there if unknown_operation(known, instance)]
    strange = [instance for instance in there if unknown_id(known, instance)]
    newer = [instance for instance in there if unknown_model(known, instance)]
    found = []
    if moved:
        newest = max(one.last_operation for one in moved)
        if newest > known.last_number:
            found.append(f"{_ids(moved)} saw operation {newest}, and the records know none after {known.last_number}")
        else:
            found.append(f"{_ids(moved)} saw another operation {newest} than the one that the records know")
    if strange:
        are = "is" if len(strange) == 1 else "are"
        found.append(f"{_ids(strange)} {are} there, and the records have asked for no id above {known.ids_up_to}")
    if newer:
        have, newest = ("has" if len(newer) == 1 else "have"), max(one.generation for one in newer)
        found.append(f"{_ids(newer)} {have} model generation {newest}, and the newest stored is {known.generation}")
    if not found:
        return ""
    return (
        f"the records of this scale set are older than its machines: {'; '.join(found)}. Nothing is done to them until "
        f"'instar reconcile {name}' has taken over what is there"
    )


def _ids(instances: Iterable[Instance]) -> str:
    ids = InstanceIds.of(instance.instance_id for instance in instances)
    return f"{'instance' if len(ids) == 1 else 'instances'} {ids.ranges[:IDS_TOLD]}"
