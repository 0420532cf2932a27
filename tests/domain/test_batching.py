"""Which instances come next."""

import pytest

from domain.batching import enrol, select_batch, share
from domain.instance_ids import InstanceIds
from domain.instances import HealthState
from domain.policies import RollingUpgradePolicy, StartedBy
from domain.progress import Outcome
from tests.support.looks import look, plan, view

POLICY = RollingUpgradePolicy()
SICK = HealthState.UNHEALTHY


def everyone(size: int) -> InstanceIds:
    return InstanceIds.of(str(number) for number in range(size))


@pytest.mark.parametrize(("size", "expected"), [(1, 1), (5, 1), (9, 1), (10, 2), (14, 2), (100, 20), (1000, 200)])
def test_b1_the_share_is_rounded_down_and_at_least_one(size: int, expected: int) -> None:
    assert share(size, 20) == expected
    batch = select_batch(look(*(view(n) for n in range(size))), everyone(size), POLICY)
    assert len(batch.ids) == expected


@pytest.mark.parametrize(
    ("sick", "expected"),
    [(0, 20), (1, 19), (15, 5), (19, 1), (20, 1), (25, 1)],
)
def test_b2_sick_instances_elsewhere_shrink_the_batch_but_never_below_one(sick: int, expected: int) -> None:
    views = [view(n) for n in range(100 - sick)] + [view(n, SICK) for n in range(100 - sick, 100)]
    batch = select_batch(look(*views), everyone(100), POLICY)
    assert len(batch.ids) == expected


def test_b2_initializing_and_stopped_instances_count_as_out() -> None:
    views = [view(n) for n in range(8)] + [view(8, HealthState.INITIALIZING), view(9, stopped=True)]
    assert select_batch(look(*views), everyone(10), POLICY).ids.ranges == "0"


def test_b2_instances_already_out_cost_nothing_when_they_are_the_batch() -> None:
    policy = RollingUpgradePolicy(prioritize_unhealthy_instances=True)
    views = [view(n) for n in range(18)] + [view(18, SICK), view(19, SICK)]
    assert select_batch(look(*views), everyone(20), policy).ids.ranges == "0-1,18-19"


def test_b5_instances_come_in_the_order_of_their_ids_as_numbers() -> None:
    views = [view(n) for n in (10, 9, 2, 100)]
    batch = select_batch(look(*views), InstanceIds.of(["10", "9", "100", "2"]), POLICY)
    assert list(batch.ids) == ["2"]


def test_b5_the_unhealthy_come_first_where_the_policy_says_so() -> None:
    views = [view(0), view(1), view(2), view(3, SICK)]
    first = RollingUpgradePolicy(prioritize_unhealthy_instances=True)
    assert list(select_batch(look(*views), everyone(4), first).ids) == ["3"]
    assert list(select_batch(look(*views), everyone(4), POLICY).ids) == ["0"]


def test_b6_protected_instances_are_left_out() -> None:
    progress = enrol(look(view(0), view(1, protected=True)), plan(), StartedBy.USER)
    assert progress.of(Outcome.SKIPPED).ranges == "1"
    assert progress.of(Outcome.PENDING).ranges == "0"


def test_p12_an_instance_on_version_and_generation_is_current() -> None:
    views = look(view(0, version="2.0.0"), view(1, version="2.0.0", generation=0), view(2))
    progress = enrol(views, plan(), StartedBy.USER)
    assert progress.of(Outcome.CURRENT).ranges == "0"
    assert progress.of(Outcome.PENDING).ranges == "1-2"


def test_t1_mode_manual_skips_instances_on_an_old_model_unless_somebody_started_it() -> None:
    views = look(view(0), view(1, generation=0))
    by_itself = enrol(views, plan(manual_mode=True), StartedBy.PLATFORM)
    assert by_itself.of(Outcome.SKIPPED).ranges == "1"
    assert not enrol(views, plan(manual_mode=True), StartedBy.USER).of(Outcome.SKIPPED)


def test_t7_never_by_itself_to_a_lower_version() -> None:
    views = look(view(0, version="10.0.0"))
    assert enrol(views, plan(), StartedBy.PLATFORM).of(Outcome.SKIPPED).ranges == "0"
    assert enrol(views, plan(), StartedBy.USER).of(Outcome.PENDING).ranges == "0"


def test_p17_a_batch_says_why_it_is_that_large() -> None:
    batch = select_batch(look(*(view(n) for n in range(10))), everyone(10), POLICY)
    assert batch.reason == ("2 of 10 waiting instances: at most 2 of 10 (20 %) may be out of service, 0 already are")
