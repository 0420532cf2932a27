"""Which instances come next (docs/rules.md B1, B2, B4, W1, W4): order is `batch_order`, who is in is `enrolment`."""

from dataclasses import dataclass

from instar.domain.decisions.batch_order import next_group, zone_counted
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import Look, Standing
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.shares import share
from instar.domain.steering.waves import turn_of


@dataclass(frozen=True, slots=True)
class Batch:
    """The instances to swap next, in their order, and why so many."""

    ids: InstanceIds
    reason: str
    canary_batches: int = 0
    """How many of the batches so far, with this one, are of named canaries (W1)."""
    wave: str = ""
    """The wave that it is of, as a rollout policy counts them; "canary" of those that it names; "" without (W1)."""


def select_batch(
    look: Look, progress: Progress, plan: UpgradePlan, begun: int = 0, at_most: int | None = None
) -> Batch:
    """The next batch: of the pending group whose turn it is, as many as B1 and B2 allow, always at least one.

    100 instances, 20 %: share 20. All healthy: a batch of 20. With 15 sick elsewhere: 5, since 15 + 5 = 20. With 25
    sick elsewhere: 1. So never more are out of service than max(share, already out + 1).

    In zones that holds of each zone by itself, and what is out in another one neither adds nor takes away (B4). 30
    instances in three zones of 10: share 2. Zone 1 is done and left 2 sick. Zone 2 has none out: a batch of 2, and zone
    2 has 2 of 10 out. Zone 3 has 3 sick: a batch of 1, and 4 of 10 are out, already out + 1. The set as a whole then
    has 6 of 30 sick, which is what P3 counts. With `enableCrossZoneUpgrade` the same set has a share of 6, and with 5
    sick anywhere a batch of 1.

    A rollout policy makes batches smaller, by the number of those that were `begun`, and lets its canaries go first,
    whatever their phase or zone (W1); two zones are never in one batch for that.

    `at_most`: what limits over many sets allow, 1 or more (W4).
    """
    pending = [look.by_id[instance_id] for instance_id in progress.of(Outcome.PENDING) if instance_id in look.by_id]
    turn = turn_of(
        plan.rollout,
        begun=begun,
        canary_batches=progress.canary_batches,
        due=[view.instance_id for view in pending],
        machines=len(look.views),
    )
    canaries = [view for view in pending if view.instance_id in turn.canaries]
    canary_batches = begun + 1 if canaries else min(progress.canary_batches, begun)
    group, waiting = next_group(canaries or pending, progress, plan)
    if not waiting:
        return Batch(InstanceIds(), "no instance is left", canary_batches)
    counted = [view for view in look.views if zone_counted(view, plan) == group.zone]
    percent = plan.policy.max_batch_instance_percent
    limit = share(len(counted), percent)
    out = {view.instance_id for view in counted if view.standing is not Standing.HEALTHY}
    out_before = len(out)
    chosen: list[str] = []
    for view in waiting:
        if len(chosen) in {turn.at_most, at_most}:
            break
        out.add(view.instance_id)
        if chosen and len(out) > limit:  # the batch is part of what is out, so B1 is kept with B2
            break
        chosen.append(view.instance_id)
    name = group.name(phased=bool(progress.phases))
    where = "".join(f"{one}: " for one in (turn.name, name) if one)
    of_what = f"zone {group.zone}'s {len(counted)}" if group.zone else str(len(counted))
    return Batch(
        ids=InstanceIds.of(chosen),
        reason=(
            f"{where}{len(chosen)} of {len(waiting)} waiting instances: at most {limit} of {of_what} ({percent} %) may "
            f"be out of service, {out_before} already are"
        )
        + ("" if turn.at_most is None else f"; the wave is of {turn.at_most}")
        + ("" if len(chosen) != at_most else f"; its limits give it {at_most} machines"),
        canary_batches=canary_batches,
        wave=turn.name,
    )
