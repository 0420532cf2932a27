"""What the share of a batch is counted from, who counts as out, who comes first (docs/rules.md B1, B2, B5)."""

import pytest

from instar.domain.decisions.batching import select_batch
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView, Look
from instar.domain.records.progress import Outcome, Progress
from instar.domain.sets.policies import RollingUpgradePolicy
from tests.support.looks import look, plan, view


def chosen(seen: Look, waiting: str, policy: RollingUpgradePolicy) -> InstanceIds:
    progress = Progress().moved(InstanceIds(ranges=waiting), Outcome.PENDING)
    return select_batch(seen, progress, plan(policy)).ids


@pytest.mark.parametrize(("percent", "expected"), [(5, 1), (10, 2), (20, 4), (50, 10), (100, 20)])
def test_b1_the_share_is_the_percentage_of_the_policy(percent: int, expected: int) -> None:
    policy = RollingUpgradePolicy(max_batch_instance_percent=percent, max_unhealthy_instance_percent=100)
    batch = chosen(look(*(view(n) for n in range(20))), "0-19", policy)
    assert len(batch) == expected


def test_b1_all_instances_of_the_set_count_those_that_are_done_or_protected_too() -> None:
    views = [view(n, protected=n < 5) for n in range(20)]
    batch = chosen(look(*views), "15-19", RollingUpgradePolicy())
    assert batch.ranges == "15-18"


@pytest.mark.parametrize(
    "out",
    [
        view(9, HealthState.UNHEALTHY),
        view(9, HealthState.UNKNOWN),
        view(9, HealthState.INITIALIZING),
        view(9, stopped=True),
    ],
)
def test_b2_each_instance_that_is_not_healthy_counts_as_out_also_one_that_waits_for_nothing(out: InstanceView) -> None:
    views = [*(view(n) for n in range(9)), out]
    assert chosen(look(*views), "0-8", RollingUpgradePolicy()).ranges == "0"


def test_b5_only_the_unhealthy_come_first_not_those_still_initializing() -> None:
    first = RollingUpgradePolicy(prioritize_unhealthy_instances=True)
    views = look(view(0), view(1, HealthState.INITIALIZING), view(2, HealthState.UNKNOWN))
    assert chosen(views, "0-1", first).ranges == "0"
    assert chosen(views, "0-2", first).ranges == "2"
