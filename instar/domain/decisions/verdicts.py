"""May the upgrade go on? The pre-check, the check before each batch, and the verdict after it (P2, P3, P9, P13)."""

from collections.abc import Callable, Collection, Iterable, Sequence

from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import InstanceView, Look, Standing
from instar.domain.messages.os_upgrade import Verdict
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrades import DETAILS_AT_MOST, ErrorCode, ErrorDetail, UpgradeError
from instar.domain.sets.policies import RollingUpgradePolicy
from instar.domain.steering.start_wishes import Limit


def exceeds(part: int, whole: int, percent: int) -> bool:
    """Strictly more than the percentage: exactly on it passes, and 0 of 0 passes (B3).

    >>> exceeds(20, 100, 20), exceeds(21, 100, 20), exceeds(0, 0, 0), exceeds(1, 4, 20)
    (False, True, False, True)
    """
    return part * 100 > whole * percent


def percentage(part: int, whole: int) -> str:
    """For a sentence: whole percents where they are exact.

    >>> percentage(5, 20), percentage(1, 3)
    ('25 %', '33.3 %')
    """
    value = part * 100 / whole if whole else 0.0
    return f"{value:.0f} %" if value == round(value) else f"{value:.1f} %"


def check_whole_set(
    look: Look,
    policy: RollingUpgradePolicy,
    code: ErrorCode,
    name: str,
    waived: Collection[Limit] = (),
) -> tuple[str, UpgradeError | None]:
    """Is too much of the whole set unhealthy, for whatever reason (P2, P3)? The sentence, and the error if so.

    Stopped instances are in neither number (P18); Initializing ones are not unhealthy (H5). Whoever has waived
    `unhealthySet` rolls forward out of a sick set: then it is told, and stops nothing (C4).
    """
    sick = look.standing_in(Standing.UNHEALTHY)
    counted = len(look.views) - len(look.standing_in(Standing.STOPPED))
    limit = policy.max_unhealthy_instance_percent
    share = f"{len(sick)} of {counted} instances unhealthy ({percentage(len(sick), counted)}), limit {limit} %"
    if not exceeds(len(sick), counted, limit):
        return f"go on: {share}", None
    if Limit.UNHEALTHY_SET in waived:
        return f"go on: {share}, which is waived (unhealthySet)", None
    reason = f"stopped: {share}"
    return reason, UpgradeError(code=code, message=reason, details=unhealthy_details(sick, name))


def judge(look: Look, progress: Progress, policy: RollingUpgradePolicy, name: str) -> Verdict:
    """After a batch: did too many of the instances attempted so far fail, or are they unhealthy now (P9)?

    Out of both numbers: sick before (P13), stopped, protected and current ones (P12, P18), and the vanished, who leave
    the progress counts here as well (P16).
    """
    progress = without_vanished(look, progress)
    attempted = progress.attempted - progress.of(Outcome.SICK_BEFORE, Outcome.STOPPED)
    counted = [
        instance_id
        for instance_id in attempted
        if instance_id in look.by_id and look.by_id[instance_id].standing is not Standing.STOPPED
    ]
    failed = progress.of(Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED)
    failed_ids = dict.fromkeys(failed)
    unhealthy_now = [instance_id for instance_id in counted if look.by_id[instance_id].standing is Standing.UNHEALTHY]
    bad = InstanceIds.of([*(instance_id for instance_id in counted if instance_id in failed_ids), *unhealthy_now])
    limit = policy.max_unhealthy_upgraded_instance_percent
    share = (
        f"{len(bad)} of {len(counted)} attempted instances unhealthy "
        f"({percentage(len(bad), len(counted))}), limit {limit} %"
    )
    unhealthy = InstanceIds.of(unhealthy_now)
    if not exceeds(len(bad), len(counted), limit):
        return Verdict(progress=progress, reason=f"go on: {share}", unhealthy=unhealthy)
    reason = f"stopped: {share}"
    details = details_of(
        bad,
        lambda one: look.by_id[one].health.detail if one in unhealthy else "failed in this upgrade",
        name,
    )
    error = UpgradeError(code=ErrorCode.UNHEALTHY_UPGRADED, message=reason, details=details)
    return Verdict(progress=progress, reason=reason, breach=error, unhealthy=unhealthy)


def without_vanished(look: Look, progress: Progress) -> Progress:
    """Members that are no more in the set are no failures and in no count (P16)."""
    members = progress.of(*(outcome for outcome in Outcome if outcome is not Outcome.VANISHED))
    gone = InstanceIds.of(member for member in members if member not in look.by_id)
    return progress.moved(gone, Outcome.VANISHED)


def unhealthy_details(views: Sequence[InstanceView], name: str) -> tuple[ErrorDetail, ...]:
    """A detail per unhealthy instance: the first 25, then how many more (P2)."""
    said = {view.instance_id: view.health.detail for view in views}
    return details_of(said, lambda one: said[one], name)


def details_of(ids: Iterable[str], why: Callable[[str], str], name: str) -> tuple[ErrorDetail, ...]:
    """Details in the contract's form (2.6), at most 25 of them and how many more."""
    all_ids = list(ids)
    details = [
        ErrorDetail(
            code=ErrorCode.INSTANCE_UNHEALTHY,
            message=why(instance_id) or "unhealthy",
            target=f"{name}/virtualMachines/{instance_id}",
        )
        for instance_id in all_ids[:DETAILS_AT_MOST]
    ]
    if more := len(all_ids) - len(details):
        details.append(ErrorDetail(code=ErrorCode.INSTANCE_UNHEALTHY, message=f"and {more} more", target=name))
    return tuple(details)
