"""Who is in the numbers of P2, P3 and P9, and who is in neither (docs/rules.md P9, P12, P13, P16, P18)."""

import pytest

from instar.domain.decisions.verdicts import check_whole_set, judge
from instar.domain.machines.instance_ids import InstanceIds
from instar.domain.machines.instances import HealthState, InstanceView
from instar.domain.messages.os_upgrade import Verdict
from instar.domain.records.progress import Outcome, Progress
from instar.domain.records.upgrades import ErrorCode
from instar.domain.sets.policies import RollingUpgradePolicy
from tests.support.looks import look, view

SICK = HealthState.UNHEALTHY
STRICT = RollingUpgradePolicy(max_unhealthy_upgraded_instance_percent=0)


def of(outcome: Outcome, *views: InstanceView) -> Verdict:
    """The verdict on four upgraded ones, 0 to 3, and these with that outcome."""
    ids = InstanceIds.of(one.instance_id for one in views)
    progress = Progress().moved(InstanceIds(ranges="0-3"), Outcome.UPGRADED).moved(ids, outcome)
    return judge(look(*(view(n) for n in range(4)), *views), progress, STRICT, "web")


def assert_in_neither_number(verdict: Verdict) -> None:
    assert verdict.breach is None
    assert verdict.reason == "go on: 0 of 4 attempted instances unhealthy (0 %), limit 0 %"


def assert_in_both_numbers(verdict: Verdict) -> None:
    assert verdict.breach is not None
    assert verdict.reason == "stopped: 1 of 5 attempted instances unhealthy (20 %), limit 0 %"


@pytest.mark.parametrize(
    "outcome",
    [Outcome.UPGRADED, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED, Outcome.IN_PROGRESS],
)
def test_p9_an_attempted_instance_that_is_unhealthy_now_is_in_both_numbers(outcome: Outcome) -> None:
    assert_in_both_numbers(of(outcome, view(9, SICK)))


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED])
def test_p9_p8_one_that_failed_and_is_healthy_now_is_in_both_numbers(outcome: Outcome) -> None:
    assert_in_both_numbers(of(outcome, view(9)))


@pytest.mark.parametrize("outcome", [Outcome.PENDING, Outcome.SKIPPED])
def test_p9_one_that_was_not_attempted_is_in_neither_number(outcome: Outcome) -> None:
    assert_in_neither_number(of(outcome, view(9, SICK)))


def test_p9_p12_one_that_was_on_the_target_before_is_in_neither_number() -> None:
    assert_in_neither_number(of(Outcome.CURRENT, view(9, SICK)))


def test_p9_p13_one_that_was_sick_before_and_still_is_is_in_neither_number() -> None:
    assert_in_neither_number(of(Outcome.SICK_BEFORE, view(9, SICK)))


@pytest.mark.parametrize("outcome", [Outcome.UPGRADED, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED])
def test_p9_p16_one_that_vanished_is_in_neither_number_whatever_it_came_to(outcome: Outcome) -> None:
    progress = Progress().moved(InstanceIds(ranges="0-3"), Outcome.UPGRADED).moved(InstanceIds(ranges="9"), outcome)
    verdict = judge(look(*(view(n) for n in range(4))), progress, STRICT, "web")
    assert_in_neither_number(verdict)
    assert verdict.progress.of(Outcome.VANISHED).ranges == "9"


def test_p9_p16_one_that_appeared_is_in_neither_number() -> None:
    progress = Progress().moved(InstanceIds(ranges="0-3"), Outcome.UPGRADED)
    assert_in_neither_number(judge(look(*(view(n) for n in range(4)), view(9, SICK)), progress, STRICT, "web"))


def test_p9_p18_one_that_was_swapped_while_stopped_is_in_neither_number_also_when_it_was_started_since() -> None:
    assert_in_neither_number(of(Outcome.STOPPED, view(9, SICK, stopped=True)))
    assert_in_neither_number(of(Outcome.STOPPED, view(9, SICK)))


@pytest.mark.parametrize("outcome", [Outcome.UPGRADED, Outcome.FAILED, Outcome.ROLLED_BACK, Outcome.ROLLBACK_FAILED])
def test_p9_p18_one_that_its_owner_stopped_since_is_in_neither_number(outcome: Outcome) -> None:
    assert_in_neither_number(of(outcome, view(9, SICK, stopped=True)))


def test_p9_a_breach_has_a_detail_for_each_with_what_it_answers() -> None:
    progress = (
        Progress().moved(InstanceIds(ranges="0-1"), Outcome.UPGRADED).moved(InstanceIds(ranges="2"), Outcome.FAILED)
    )
    breach = judge(look(view(0), view(1, SICK), view(2)), progress, STRICT, "web").breach
    assert breach is not None
    assert breach.code == ErrorCode.UNHEALTHY_UPGRADED
    assert [(one.target, one.message) for one in breach.details] == [
        ("web/virtualMachines/1", "answers Unhealthy"),
        ("web/virtualMachines/2", "failed in this upgrade"),
    ]


@pytest.mark.parametrize("code", [ErrorCode.UNHEALTHY_BEFORE, ErrorCode.UNHEALTHY_DURING])
def test_p2_p3_the_limit_is_that_of_the_policy_and_the_code_the_one_asked_for(code: ErrorCode) -> None:
    five_of_ten = look(*(view(n, SICK if n < 5 else HealthState.HEALTHY) for n in range(10)))
    at_limit = RollingUpgradePolicy(max_unhealthy_instance_percent=50)
    below = RollingUpgradePolicy(max_unhealthy_instance_percent=49)
    assert check_whole_set(five_of_ten, at_limit, code, "web") == (
        "go on: 5 of 10 instances unhealthy (50 %), limit 50 %",
        None,
    )
    _, breach = check_whole_set(five_of_ten, below, code, "web")
    assert breach is not None
    assert (breach.code, len(breach.details)) == (code, 5)
    assert breach.details[0].message == "answers Unhealthy"


def test_p2_every_instance_of_the_set_counts_protected_and_current_ones_too() -> None:
    views = [view(0, SICK, protected=True), view(1, SICK, version="2.0.0"), view(2, SICK, generation=0)]
    _, breach = check_whole_set(
        look(*views, *(view(n) for n in range(3, 10))), RollingUpgradePolicy(), ErrorCode.UNHEALTHY_BEFORE, "web"
    )
    assert breach is not None
    assert breach.message == "stopped: 3 of 10 instances unhealthy (30 %), limit 20 %"
