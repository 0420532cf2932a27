"""Where new instances go: balanced over the zones, and in each over its update domains (docs/rules.md B4, B7)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from instar.domain.machines.instances import Instance

UPDATE_DOMAINS = 5
"""Of every set, zone by zone: as many as Azure gives a scale set, and as a Service Fabric cluster of Silver needs."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an instance is made. Zone "" in a set without zones; update domains count from 0."""

    zone: str = ""
    update_domain: int = 0


def placements(instances: Iterable[Instance], zones: Sequence[str], count: int) -> tuple[Placement, ...]:
    """Where the next `count` instances go, beside those that are there.

    Each into the emptiest zone, and there into the emptiest update domain; of equal ones the first. In an empty set
    that is round-robin, and after a scale-in it fills the gaps.

    >>> [(one.zone, one.update_domain) for one in placements([], ["1", "2", "3"], 7)]
    [('1', 0), ('2', 0), ('3', 0), ('1', 1), ('2', 1), ('3', 1), ('1', 2)]
    >>> [one.update_domain for one in placements([], [], 7)]
    [0, 1, 2, 3, 4, 0, 1]
    """
    choices = tuple(zones) or ("",)
    there = list(instances)
    in_zone = Counter(instance.zone for instance in there)
    in_domain = Counter((instance.zone, instance.update_domain) for instance in there)
    found = []
    for _ in range(count):
        zone = min(choices, key=lambda one: in_zone[one])
        domain = min(range(UPDATE_DOMAINS), key=lambda one: in_domain[zone, one])
        in_zone[zone] += 1
        in_domain[zone, domain] += 1
        found.append(Placement(zone, domain))
    return tuple(found)
