"""The parts, in the order in which they are measured. A new one is a line here."""

from tests.bench.part import Part
from tests.bench.parts import (
    ansible,
    api,
    cost,
    hosts,
    idle,
    killed,
    many_sets,
    parked,
    small_sets,
    upgrade,
    viewers,
)

PARTS: tuple[Part, ...] = (
    upgrade.PART,
    many_sets.PART,
    small_sets.PART,
    cost.PART,
    hosts.PART,
    api.PART,
    idle.PART,
    parked.PART,
    viewers.PART,
    ansible.PART,
    killed.PART,
)
