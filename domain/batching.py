"""Which instances come next, and who belongs to an upgrade at all (behaviour.md B1, B2, B5, B6, P12, P16)."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.images import version_key
from domain.instance_ids import InstanceIds
from domain.instances import InstanceView, Look, Standing
from domain.messages.os_upgrade import UpgradePlan
from domain.policies import RollingUpgradePolicy, StartedBy
from domain.progress import Outcome, Progress


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


def enrol(look: Look, plan: UpgradePlan, started_by: StartedBy) -> Progress:
    """Who belongs to the upgrade, fixed at its start (P16): pending, already current (P12), or skipped."""
    progress = Progress()
    outcomes: dict[Outcome, list[str]] = {}
    for view in look.views:
        outcome = Outcome.CURRENT if is_current(view, plan) else Outcome.PENDING
        if outcome is Outcome.PENDING and skip_reason(view, plan, started_by):
            outcome = Outcome.SKIPPED
        outcomes.setdefault(outcome, []).append(view.instance_id)
    for outcome, ids in outcomes.items():
        progress = progress.moved(InstanceIds.of(ids), outcome)
    return progress


def is_current(view: InstanceView, plan: UpgradePlan) -> bool:
    """On the target version and the pinned generation (P12)."""
    disk = view.instance.os_disk
    return disk is not None and disk.image == plan.target and view.instance.generation == plan.generation


def skip_reason(view: InstanceView, plan: UpgradePlan, started_by: StartedBy) -> str:
    """Why an instance is left out of an upgrade, as a sentence; empty if it is not.

    A start by hand is somebody's will: it takes instances off an old model (T1) and down to a lower version (T7) too.
    """
    if view.instance.protected:
        return "protected from scale-set actions (protectFromScaleSetActions)"
    if started_by is StartedBy.USER:
        return ""
    if view.instance_id in plan.left_behind:
        return f"could not stay on {plan.target.version} before: it is not offered it again by itself"
    if plan.manual_mode and view.instance.generation != plan.generation:
        return (
            f"on model generation {view.instance.generation}, not {plan.generation}: "
            "in mode Manual it waits for manualupgrade"
        )
    disk = view.instance.os_disk
    if disk and disk.image.line == plan.target.line and _newer(disk.image.version, plan.target.version):
        return f"already on {disk.image.version}, newer than {plan.target.version}"
    return ""


def _newer(version: str, than: str) -> bool:
    return bool(version) and bool(than) and version_key(version) > version_key(than)


def select_batch(look: Look, candidates: InstanceIds, policy: RollingUpgradePolicy) -> Batch:
    """The next batch: candidates in the order of B5, as many as B1 and B2 allow, always at least one.

    100 instances, 20 %: share 20. All healthy: a batch of 20. With 15 sick elsewhere: 5, since 15 + 5 = 20. With 25
    sick elsewhere: 1. So never more are out of service than max(share, already out + 1).
    """
    limit = share(len(look.views), policy.max_batch_instance_percent)
    out = {view.instance_id for view in look.views if view.standing is not Standing.HEALTHY}
    out_before = len(out)
    ordered = _in_order([look.by_id[one] for one in candidates if one in look.by_id], policy)
    chosen: list[str] = []
    for view in ordered:
        out.add(view.instance_id)
        if chosen and (len(chosen) >= limit or len(out) > limit):
            break
        chosen.append(view.instance_id)
    return Batch(
        ids=InstanceIds.of(chosen),
        reason=(
            f"{len(chosen)} of {len(ordered)} waiting instances: at most {limit} of {len(look.views)} "
            f"({policy.max_batch_instance_percent} %) may be out of service, {out_before} already are"
        ),
    )


def _in_order(views: Sequence[InstanceView], policy: RollingUpgradePolicy) -> list[InstanceView]:
    """Unhealthy first where the policy asks for it, then by instance id as a number (B5)."""

    def place(view: InstanceView) -> tuple[bool, int]:
        later = policy.prioritize_unhealthy_instances and view.standing is not Standing.UNHEALTHY
        return (later, int(view.instance_id))

    return sorted(views, key=place)
