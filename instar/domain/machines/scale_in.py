"""Which instances go when a set becomes smaller, never a protected one (docs/rules.md P16, B6)."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from instar.domain.machines.instances import Instance

_NEVER = datetime.min.replace(tzinfo=UTC)


class ScaleInRule(StrEnum):
    """`scaleInPolicy.rules`: who goes first of the instances of the fullest zone."""

    DEFAULT = "Default"
    """The highest instance id. Azure balances fault domains before that; a set here has none."""
    NEWEST_VM = "NewestVM"
    OLDEST_VM = "OldestVM"


def leaving(instances: Iterable[Instance], count: int, rule: ScaleInRule = ScaleInRule.DEFAULT) -> tuple[str, ...]:
    """The `count` instances that go, in the order in which they were chosen; fewer where the others are protected.

    Each is taken from the zone that is fullest by then, protected instances counted; where only protected ones are
    left in it, from the next. Among equally full zones, and in a set without any, the rule decides.

    >>> three = [Instance(str(n), "", None, 1, zone=zone) for n, zone in enumerate("1223")]
    >>> leaving(three, 2)
    ('2', '3')
    """
    in_zone: Counter[str] = Counter()
    ready: dict[str, list[Instance]] = {}
    for instance in instances:
        in_zone[instance.zone] += 1
        if not (instance.protected or instance.protected_from_scale_in):
            ready.setdefault(instance.zone, []).append(instance)
    for free in ready.values():
        free.sort(key=lambda one: _keep(one, rule), reverse=True)  # the next to go is the last
    chosen: list[str] = []
    while len(chosen) < count and (zones := [zone for zone, left in ready.items() if left]):
        zone = min(zones, key=lambda one: (-in_zone[one], _keep(ready[one][-1], rule)))
        chosen.append(ready[zone].pop().instance_id)
        in_zone[zone] -= 1
    return tuple(chosen)


def _keep(instance: Instance, rule: ScaleInRule) -> tuple[timedelta, int]:
    """The lower, the sooner it goes."""
    number = int(instance.instance_id)
    born = (instance.created_at or _NEVER) - _NEVER
    match rule:
        case ScaleInRule.DEFAULT:
            return (timedelta(0), -number)
        case ScaleInRule.NEWEST_VM:
            return (-born, -number)
        case ScaleInRule.OLDEST_VM:
            return (born, number)
