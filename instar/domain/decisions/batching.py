"""Which instances come next (docs/rules.md B1, B2, B4): the order is `batch_order`, who takes part is `enrolment`."""

from dataclasses import dataclass

from instar.domain.decisions.batch_order import next_group, zone_counted
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Look, Standing
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan


@dataclass(frozen=True, slots=True)
class Batch:
    """The instances to swap next, in their order, and why so many."""

    ids: InstanceIds
    reason: str


def share(instances: int, percent: int) -> int:
    """How many instances a percentage allows to be out at once: rounded down, never less than one (B1).

    >>> [share(n, 20) for n in (1, 9, 10, 100, 1000)]
    [1, 1, 2, 20, 200]
    """
    return max(1, instances * percent // 100)


def select_batch(look: Look, progress: Progress, plan: UpgradePlan) -> Batch:
    """The next batch: of the pending group whose turn it is, as many as B1 and B2 allow, always at least one.

    100 instances, 20 %: share 20. All healthy: a batch of 20. With 15 sick elsewhere: 5, since 15 + 5 = 20. With 25
    sick elsewhere: 1. So never more are out of service than max(share, already out + 1).

    In zones that holds of each zone by itself, and what is out in another one neither adds nor takes away (B4). 30
    instances in three zones of 10: share 2. Zone 1 is done and left 2 sick. Zone 2 has none out: a batch of 2, and zone
    2 has 2 of 10 out. Zone 3 has 3 sick: a batch of 1, and 4 of 10 are out, already out + 1. The set as a whole then
    has 6 of 30 sick, which is what P3 counts. With `enableCrossZoneUpgrade` the same set has a share of 6, and with 5
    sick anywhere a batch of 1.
    """
    pending = [look.by_id[instance_id] for instance_id in progress.of(Outcome.PENDING) if instance_id in look.by_id]
    group, waiting = next_group(pending, progress, plan)
    if not waiting:
        return Batch(InstanceIds(), "no instance is left")
    counted = [view for view in look.views if zone_counted(view, plan) == group.zone]
    percent = plan.policy.max_batch_instance_percent
    limit = share(len(counted), percent)
    out = {view.instance_id for view in counted if view.standing is not Standing.HEALTHY}
    out_before = len(out)
    chosen: list[str] = []
    for view in waiting:
        out.add(view.instance_id)
        if chosen and len(out) > limit:  # the batch is part of what is out, so B1 is kept with B2
            break
        chosen.append(view.instance_id)
    name = group.name(phased=bool(progress.phases))
    where = f"{name}: " if name else ""
    of_what = f"zone {group.zone}'s {len(counted)}" if group.zone else str(len(counted))
    return Batch(
        ids=InstanceIds.of(chosen),
        reason=(
            f"{where}{len(chosen)} of {len(waiting)} waiting instances: at most {limit} of {of_what} ({percent} %) may "
            f"be out of service, {out_before} already are"
        ),
    )
