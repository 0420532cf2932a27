"""Who comes before whom, and who may be in one batch with whom (docs/rules.md B4, B5, B7).

The members of an upgrade fall into groups: of one phase, in it of one zone, in that of one update domain. Groups follow
each other; none begins before the one before it is finished. So a batch never has two of anything that B4 and B7 keep
apart: it is taken from one group.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from instar.domain.machines.instances import InstanceView, Standing
from instar.domain.records.progress import Progress
from instar.domain.records.upgrade_plan import UpgradePlan


@dataclass(frozen=True, slots=True)
class Group:
    """Instances that may be in one batch. None and "": the order is not by that here, or the instance has none."""

    phase: int | None = None
    zone: str = ""
    update_domain: int | None = None

    @property
    def place(self) -> tuple[bool, int, tuple[int, str], int]:
        """Where it stands: phases ascend and no phase is the last; zones and domains as numbers.

        >>> groups = [Group(), Group(7), Group(0, "10"), Group(0, "2", 1), Group(0, "2", 0)]
        >>> for group in sorted(groups, key=lambda one: one.place):
        ...     print(group.name(phased=True))
        phase 0, zone 2, update domain 0
        phase 0, zone 2, update domain 1
        phase 0, zone 10
        phase 7
        last phase
        """
        return (
            self.phase is None,
            self.phase or 0,
            (len(self.zone), self.zone),
            -1 if self.update_domain is None else self.update_domain,
        )

    def name(self, *, phased: bool) -> str:
        """For a sentence; empty where nothing orders the set. `phased`: whether any instance has a phase."""
        parts = (
            f"phase {self.phase}" if self.phase is not None else "last phase" if phased else "",
            f"zone {self.zone}" if self.zone else "",
            "" if self.update_domain is None else f"update domain {self.update_domain}",
        )
        return ", ".join(part for part in parts if part)


def zone_counted(view: InstanceView, plan: UpgradePlan) -> str:
    """The zone whose instances B1 and B2 count for this one; "" where the whole set is counted (B4)."""
    return "" if plan.policy.enable_cross_zone_upgrade else view.instance.zone


def next_group(
    views: Iterable[InstanceView], progress: Progress, plan: UpgradePlan
) -> tuple[Group, list[InstanceView]]:
    """The group whose turn it is, and its instances in their order; none are left of no views.

    Unhealthy first where the policy asks for it, then by instance id as a number (B5).
    """
    phase_of = {instance_id: phase for phase, ids in progress.phases.items() for instance_id in ids}
    # A group is made of each that there is, not of each machine.
    members: dict[tuple[int | None, str, int | None], list[InstanceView]] = {}
    for view in views:
        domain = view.instance.update_domain if plan.by_update_domain else None
        members.setdefault((phase_of.get(view.instance_id), zone_counted(view, plan), domain), []).append(view)
    groups = {Group(*parts): its for parts, its in members.items()}
    if not groups:
        return Group(), []
    first = min(groups, key=lambda group: group.place)

    def place(view: InstanceView) -> tuple[bool, int]:
        later = plan.policy.prioritize_unhealthy_instances and view.standing is not Standing.UNHEALTHY
        return (later, int(view.instance_id))

    return first, sorted(groups[first], key=place)
