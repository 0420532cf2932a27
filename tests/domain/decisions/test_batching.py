"""How many instances come next, and of which zone."""

import pytest

from instar.domain.decisions.batching import Batch, select_batch
from instar.domain.decisions.enrolment import enrol
from instar.domain.machines.instances import HealthState, InstanceView
from instar.domain.sets.policies import RollingUpgradePolicy, StartedBy
from instar.domain.shares import share
from tests.support.looks import look, plan, view

SICK = HealthState.UNHEALTHY
CROSS_ZONE = RollingUpgradePolicy(enable_cross_zone_upgrade=True)
UNHEALTHY_FIRST = RollingUpgradePolicy(prioritize_unhealthy_instances=True)


def first_batch(*views: InstanceView, policy: RollingUpgradePolicy | None = None, by_domain: bool = False) -> Batch:
    the_plan = plan(policy, by_update_domain=by_domain)
    return select_batch(look(*views), enrol(look(*views), the_plan, StartedBy.USER), the_plan)


def zones_of_ten(*sick: int, done: tuple[int, ...] = ()) -> list[InstanceView]:
    """30 machines, 0-9 in zone 1, 10-19 in zone 2, 20-29 in zone 3; those of `done` were upgraded before."""
    return [
        view(
            number,
            SICK if number in sick else HealthState.HEALTHY,
            zone=str(number // 10 + 1),
            version="2.0.0" if number in done else "1.0.0",
        )
        for number in range(30)
    ]


@pytest.mark.parametrize(("size", "expected"), [(1, 1), (5, 1), (9, 1), (10, 2), (14, 2), (100, 20), (1000, 200)])
def test_b1_the_share_is_rounded_down_and_at_least_one(size: int, expected: int) -> None:
    assert share(size, 20) == expected
    assert len(first_batch(*(view(n) for n in range(size))).ids) == expected


@pytest.mark.parametrize(
    ("sick", "expected"),
    [(0, 20), (1, 19), (15, 5), (19, 1), (20, 1), (25, 1)],
)
def test_b2_sick_instances_elsewhere_shrink_the_batch_but_never_below_one(sick: int, expected: int) -> None:
    views = [view(n) for n in range(100 - sick)] + [view(n, SICK) for n in range(100 - sick, 100)]
    assert len(first_batch(*views).ids) == expected


def test_b2_initializing_and_stopped_instances_count_as_out() -> None:
    views = [view(n) for n in range(8)] + [view(8, HealthState.INITIALIZING), view(9, stopped=True)]
    assert first_batch(*views).ids.ranges == "0"


def test_b2_instances_already_out_cost_nothing_when_they_are_the_batch() -> None:
    views = [view(n) for n in range(18)] + [view(18, SICK), view(19, SICK)]
    assert first_batch(*views, policy=UNHEALTHY_FIRST).ids.ranges == "0-1,18-19"


def test_b4_the_share_is_the_zones_and_the_batch_is_of_one_zone() -> None:
    batch = first_batch(*zones_of_ten())
    assert batch.ids.ranges == "0-1"
    assert batch.reason == (
        "zone 1: 2 of 10 waiting instances: at most 2 of zone 1's 10 (20 %) may be out of service, 0 already are"
    )


def test_b4_a_zone_that_is_smaller_than_the_share_of_the_set_ends_a_batch() -> None:
    views = [view(0, zone="1"), *(view(n, zone="2") for n in range(1, 20))]
    assert first_batch(*views).ids.ranges == "0"


@pytest.mark.parametrize(
    ("sick", "expected"),
    [((0, 1), "10-11"), ((0, 1, 20, 21, 22), "10-11"), ((10,), "10-11"), ((15,), "10"), ((15, 16, 17), "10")],
)
def test_b4_b2_what_is_out_in_another_zone_neither_adds_nor_takes_away(sick: tuple[int, ...], expected: str) -> None:
    done = tuple(range(10))
    assert first_batch(*zones_of_ten(*sick, done=done)).ids.ranges == expected


def test_b4_across_zones_the_whole_set_is_counted_and_a_batch_may_have_several() -> None:
    batch = first_batch(*zones_of_ten(done=tuple(range(7))), policy=CROSS_ZONE)
    assert batch.ids.ranges == "7-12"
    assert "zone" not in batch.reason
    assert first_batch(*zones_of_ten(20, 21, 22, 23, 24), policy=CROSS_ZONE).ids.ranges == "0"


def test_b6_protected_instances_are_in_no_batch_but_in_the_share() -> None:
    views = [view(n, protected=n < 9) for n in range(10)]
    assert first_batch(*views).ids.ranges == "9"


def test_b7_two_update_domains_are_never_in_one_batch() -> None:
    views = [view(n, update_domain=n % 5) for n in range(10)]
    batch = first_batch(*views, policy=RollingUpgradePolicy(max_batch_instance_percent=20), by_domain=True)
    assert list(batch.ids) == ["0", "5"]
    half = RollingUpgradePolicy(max_batch_instance_percent=50, max_unhealthy_instance_percent=50)
    assert list(first_batch(*views, policy=half, by_domain=True).ids) == ["0", "5"]
    assert first_batch(*views, policy=half).ids.ranges == "0-4"


def test_p17_a_batch_says_why_it_is_that_large() -> None:
    batch = first_batch(*(view(n) for n in range(10)))
    assert batch.reason == "2 of 10 waiting instances: at most 2 of 10 (20 %) may be out of service, 0 already are"


def test_p17_a_batch_names_its_phase_zone_and_update_domain() -> None:
    views = [view(n, zone="2", update_domain=3, phase=7 if n == 1 else None) for n in range(3)]
    assert first_batch(*views, by_domain=True).reason.startswith("phase 7, zone 2, update domain 3: 1 of 1 waiting")
    last = [view(n, zone="2", phase=None if n else 7, skip=n == 0) for n in range(3)]
    assert first_batch(*last).reason.startswith("zone 2: "), "a phase of nobody who takes part is no phase"
