"""The parts, in the order in which they are measured. A new one is a line here."""

from tests.bench.part import Part
from tests.bench.parts import ansible, api, hosts, idle, killed, many_sets, parked, upgrade, viewers

PARTS: tuple[Part, ...] = (
    upgrade.PART,
    many_sets.PART,
    hosts.PART,
    api.PART,
    idle.PART,
    parked.PART,
    viewers.PART,
    ansible.PART,
    killed.PART,
)
