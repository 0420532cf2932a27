"""How long health is observed after a batch (docs/rules.md W2)."""

from datetime import timedelta

from instar.domain.steering.rollout_policy import RolloutPolicy


def bake_after(policy: RolloutPolicy | None, *, batch: int, canary_batches: int, is_last: bool) -> timedelta:
    """The longest of what the policy says of that batch; 0 where it says nothing.

    `batch` is counted from 1, `canary_batches` of the first ones were of named canaries; without names the first wave
    is the canary.

    >>> policy = RolloutPolicy(canary={"bake": "PT1H"}, bake="PT10M", final_bake="PT2H")
    >>> [str(bake_after(policy, batch=n, canary_batches=0, is_last=n == 3)) for n in (1, 2, 3)]
    ['1:00:00', '0:10:00', '2:00:00']
    """
    if policy is None:
        return timedelta(0)
    said = [policy.bake]
    if policy.canary and batch <= (canary_batches or (0 if policy.canary.instances else 1)):
        said.append(policy.canary.bake)
    if is_last:
        said.append(policy.final_bake)
    return max((one for one in said if one is not None), default=timedelta(0))
