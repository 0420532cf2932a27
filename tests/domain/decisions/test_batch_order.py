"""Whose turn it is: phase, zone or update domain, unhealthy first, instance id as a number (B5)."""

from collections.abc import Iterator

from instar.domain.decisions.batching import select_batch
from instar.domain.decisions.enrolment import enrol
from instar.domain.machines.instances import HealthState, InstanceView
from instar.domain.records.progress import Outcome
from instar.domain.records.upgrade_plan import UpgradePlan
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from tests.support.looks import look, plan, view

SICK = HealthState.UNHEALTHY
UNHEALTHY_FIRST = RollingUpgradePolicy(prioritize_unhealthy_instances=True)
HALF = RollingUpgradePolicy(max_batch_instance_percent=50, max_unhealthy_instance_percent=50)


def batches(views: list[InstanceView], the_plan: UpgradePlan | None = None) -> Iterator[list[str]]:
    """Every batch of an upgrade in which nothing goes wrong."""
    the_plan = the_plan or plan()
    progress = enrol(look(*views), the_plan, StartedBy.USER)
    while ids := select_batch(look(*views), progress, the_plan).ids:
        yield list(ids)
        progress = progress.moved(ids, Outcome.UPGRADED)


def test_b5_instances_come_in_the_order_of_their_ids_as_numbers() -> None:
    assert list(batches([view(n) for n in (10, 9, 2, 100)])) == [["2"], ["9"], ["10"], ["100"]]


def test_b5_the_unhealthy_come_first_where_the_policy_says_so() -> None:
    views = [view(0), view(1), view(2), view(3, SICK)]
    assert next(batches(views, plan(UNHEALTHY_FIRST))) == ["3"]
    assert next(batches(views)) == ["0"]


def test_b5_one_phase_is_finished_before_the_next_and_no_number_is_the_last_phase() -> None:
    views = [view(0), view(1, phase=2), view(2, phase=0), view(3, phase=2), view(4, phase=0), view(5)]
    assert list(batches(views, plan(HALF))) == [["2", "4"], ["1", "3"], ["0", "5"]]


def test_b5_phases_are_numbers_not_text() -> None:
    views = [view(0, phase=10), view(1, phase=9), view(2, phase=-1)]
    assert [one for batch in batches(views) for one in batch] == ["2", "1", "0"]


def test_b5_one_zone_is_finished_before_the_next_and_zones_are_numbers() -> None:
    views = [view(n, zone=("10", "2", "1")[n % 3]) for n in range(12)]
    order = [one for batch in batches(views) for one in batch]
    assert order == ["2", "5", "8", "11", "1", "4", "7", "10", "0", "3", "6", "9"]


def test_b5_the_phase_comes_before_the_zone_and_the_zone_before_the_sick() -> None:
    views = [
        view(0, zone="1"),
        view(1, zone="2", phase=1),
        view(2, SICK, zone="2"),
        view(3, zone="1", phase=1),
        view(4, SICK, zone="1"),
    ]
    order = [one for batch in batches(views, plan(UNHEALTHY_FIRST)) for one in batch]
    assert order == ["3", "1", "4", "0", "2"]


def test_b7_one_update_domain_is_finished_before_the_next() -> None:
    views = [view(n, update_domain=n % 3) for n in range(9)]
    order = [one for batch in batches(views, plan(by_update_domain=True)) for one in batch]
    assert order == ["0", "3", "6", "1", "4", "7", "2", "5", "8"]


def test_b7_update_domains_count_within_their_zone() -> None:
    views = [view(n, zone=str(n % 2 + 1), update_domain=n // 2 % 2) for n in range(8)]
    assert [one for batch in batches(views, plan(by_update_domain=True)) for one in batch] == [
        *("0", "4", "2", "6"),
        *("1", "5", "3", "7"),
    ]


def test_b4_across_zones_the_update_domain_still_counts() -> None:
    policy = HALF.model_copy(update={"enable_cross_zone_upgrade": True})
    views = [view(n, zone=str(n % 2 + 1), update_domain=n // 2 % 2) for n in range(8)]
    assert list(batches(views, plan(policy, by_update_domain=True))) == [["0", "1", "4", "5"], ["2", "3", "6", "7"]]
