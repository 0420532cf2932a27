"""May the upgrade go on?"""

import pytest

from instar.domain.decisions.verdicts import check_whole_set, judge
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import RollingUpgradePolicy
from tests.support.looks import look, view

POLICY = RollingUpgradePolicy()
SICK = HealthState.UNHEALTHY


def a_set(size: int, sick: int, state: HealthState = SICK) -> list[InstanceView]:
    return [view(n, state if n < sick else HealthState.HEALTHY) for n in range(size)]


def ids(*numbers: int) -> InstanceIds:
    return InstanceIds.of(str(number) for number in numbers)


@pytest.mark.parametrize(
    ("size", "sick", "stops"), [(10, 2, False), (10, 3, True), (4, 1, True), (5, 1, False), (0, 0, False)]
)
def test_p2_b3_exactly_at_the_limit_passes_and_one_more_stops(size: int, sick: int, stops: bool) -> None:
    reason, breach = check_whole_set(look(*a_set(size, sick)), POLICY, ErrorCode.UNHEALTHY_BEFORE, "web")
    assert (breach is not None) is stops
    assert reason.startswith("stopped: " if stops else "go on: ")


def test_p2_details_name_the_first_25_and_say_how_many_more() -> None:
    _, breach = check_whole_set(look(*a_set(40, 30)), POLICY, ErrorCode.UNHEALTHY_BEFORE, "web")
    assert breach is not None
    assert len(breach.details) == 26
    assert breach.details[0].target == "web/virtualMachines/0"
    assert breach.details[-1].message == "and 5 more"


def test_h5_unknown_counts_as_unhealthy_and_initializing_does_not() -> None:
    unknown = look(*a_set(10, 3, HealthState.UNKNOWN))
    initializing = look(*a_set(10, 3, HealthState.INITIALIZING))
    assert check_whole_set(unknown, POLICY, ErrorCode.UNHEALTHY_BEFORE, "web")[1] is not None
    assert check_whole_set(initializing, POLICY, ErrorCode.UNHEALTHY_BEFORE, "web")[1] is None


def test_p18_stopped_instances_are_in_neither_number() -> None:
    views = [view(0, SICK), view(1, SICK), *(view(n) for n in range(2, 9)), view(9, stopped=True)]
    _, breach = check_whole_set(look(*views), POLICY, ErrorCode.UNHEALTHY_BEFORE, "web")
    assert breach is not None, "2 of 9 is more than 20 %, 2 of 10 would not be"


def test_p9_the_first_batch_of_one_failed_is_100_percent() -> None:
    progress = Progress().moved(ids(0), Outcome.ROLLED_BACK).moved(ids(1, 2), Outcome.PENDING)
    verdict = judge(look(view(0), view(1), view(2)), progress, POLICY, "web")
    assert verdict.breach is not None
    assert verdict.reason == "stopped: 1 of 1 attempted instances unhealthy (100 %), limit 20 %"


def test_p9_counts_those_attempted_so_far_failed_or_unhealthy_now() -> None:
    progress = Progress().moved(ids(*range(10)), Outcome.UPGRADED).moved(ids(0), Outcome.ROLLED_BACK)
    at_limit = judge(
        look(*(view(n, SICK if n == 5 else HealthState.HEALTHY) for n in range(12))), progress, POLICY, "w"
    )
    assert at_limit.breach is None
    assert at_limit.reason == "go on: 2 of 10 attempted instances unhealthy (20 %), limit 20 %"
    beyond = judge(
        look(*(view(n, SICK if n in (5, 6) else HealthState.HEALTHY) for n in range(12))), progress, POLICY, "w"
    )
    assert beyond.breach is not None
    assert beyond.unhealthy.ranges == "5-6"


def test_p9_sick_before_stopped_and_vanished_are_out_of_both_numbers() -> None:
    progress = (
        Progress()
        .moved(ids(0), Outcome.SICK_BEFORE)
        .moved(ids(1), Outcome.STOPPED)
        .moved(ids(2), Outcome.FAILED)
        .moved(ids(3), Outcome.CURRENT)
    )
    verdict = judge(look(view(0, SICK), view(1, stopped=True), view(3, SICK)), progress, POLICY, "web")
    assert verdict.breach is None
    assert verdict.reason == "go on: 0 of 0 attempted instances unhealthy (0 %), limit 20 %"
    assert verdict.progress.of(Outcome.VANISHED).ranges == "2"


def test_b8_a_limit_of_zero_percent_stops_at_any_failure() -> None:
    strict = RollingUpgradePolicy(max_unhealthy_upgraded_instance_percent=0)
    progress = Progress().moved(ids(*range(100)), Outcome.UPGRADED)
    healthy = judge(look(*(view(n) for n in range(100))), progress, strict, "web")
    one_sick = judge(
        look(*(view(n, SICK if n == 7 else HealthState.HEALTHY) for n in range(100))), progress, strict, "web"
    )
    assert healthy.breach is None
    assert one_sick.breach is not None
