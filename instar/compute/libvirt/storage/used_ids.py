"""Instance ids are never used again: the highest of a deleted machine is kept as the name of an empty volume."""

from typing import Any

from instar.compute.libvirt.storage import volumes
from instar.domain.sets.scale_sets import ScaleSetIdentity


def _prefix(scale_set: ScaleSetIdentity) -> str:
    return f"deleted.{scale_set.unique_id}."


def last_deleted(pool: Any, scale_set: ScaleSetIdentity) -> int:
    """The highest id that a deleted machine of the set had; -1 for none. Libvirt keeps it as the name of a volume."""
    prefix = _prefix(scale_set)
    return max((int(name[len(prefix) :]) for name in volumes.names_with(pool, [prefix])), default=-1)


def mark_deleted(pool: Any, scale_set: ScaleSetIdentity, number: int) -> None:
    """Remember that an id was in use. Called again it changes nothing."""
    prefix = _prefix(scale_set)
    if number > last_deleted(pool, scale_set):
        volumes.make_marker(pool, f"{prefix}{number}")
    for name in volumes.names_with(pool, [prefix]):
        if int(name[len(prefix) :]) < number:
            volumes.delete(pool, name)
